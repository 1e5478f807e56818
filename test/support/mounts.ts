import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, vi } from 'vitest';

/** What is mounted is unmounted when the file's tests are done, the last first. */
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends.splice(0).reverse()) end();
});

const isRoot = process.platform === 'linux' && process.geteuid?.() === 0;

function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const hasVfat =
  isRoot && /\bvfat$/m.test(readFileSync('/proc/filesystems', 'utf8')) && works('mkfs.vfat', '--help');
const hasFuse = isRoot && works('/usr/bin/python3', '-c', 'import fusepy; open("/dev/fuse", "r+b", 0)');

/** Why nothing can be mounted here, if so: print it where tests are skipped for it. */
export const whyNoMounts: string | undefined = isRoot
  ? undefined
  : 'skipping the tests with read-only file systems: only root can mount';
export const whyNoFat: string | undefined =
  hasVfat || hasFuse
    ? undefined
    : 'skipping the tests with FAT and network shares: they need root, and vfat in the kernel or scripts/install-test-servers.sh';

export interface ModelessMount {
  /** vfat of the kernel where it has it and the tests need nothing that it has not; else one that answers alike. */
  readonly kind: 'vfat' | 'cifs';
  /** The mount option that decides what modes all files show, e.g. 0o022. */
  readonly umask: number;
  /** The most bytes of one file, where that is to be less than 4 GiB. */
  readonly largestFile?: number;
}

/** An empty directory outside those that are removed while something is mounted in them. */
function mountPoint(): string {
  const area = mkdtempSync(join(tmpdir(), 'stella-mount-'));
  chmodSync(area, 0o755);
  ends.push(() => rmSync(area, { recursive: true, force: true }));
  const at = join(area, 'medium');
  mkdirSync(at);
  return at;
}

/** Mounts an empty file system without modes. */
export async function mountWithoutModes({ kind, umask, largestFile }: ModelessMount): Promise<string> {
  const at = mountPoint();
  const mask = umask.toString(8).padStart(3, '0');
  if (kind === 'vfat' && largestFile === undefined && hasVfat) {
    const image = `${at}.img`;
    writeFileSync(image, '');
    truncateSync(image, 64 * 1024 * 1024);
    execFileSync('mkfs.vfat', ['-F', '32', image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', `loop,umask=${mask}`, image, at]);
  } else {
    const backing = `${at}.backing`;
    mkdirSync(backing);
    const script = resolve('test/support/file_system_without_modes.py');
    const most = String(largestFile ?? 2 ** 32 - 1);
    spawn('/usr/bin/python3', [script, kind, backing, at, mask, most], { stdio: 'ignore' });
    await vi.waitUntil(() => works('mountpoint', '-q', at), { timeout: 10_000, interval: 30 });
  }
  ends.push(() => execFileSync('umount', ['-l', at]));
  return at;
}

/** Shows a directory read-only in another place. */
export function mountReadOnly(directory: string): string {
  const at = mountPoint();
  execFileSync('mount', ['--bind', directory, at]);
  ends.push(() => execFileSync('umount', ['-l', at]));
  execFileSync('mount', ['-o', 'remount,ro,bind', at]);
  return at;
}
