import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { platform } from 'node:os';
import { geteuid } from 'node:process';
import { systemCode } from './system-error.ts';

/** How file systems say that they have no modes, links or directories that can be synced. */
const NOT_SUPPORTED: ReadonlySet<string> = new Set(['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether a system call failed because the file system has no such thing. */
export function isNotSupported(cause: unknown): boolean {
  return NOT_SUPPORTED.has(systemCode(cause) ?? '');
}

/** Permission bits of a file as the system shows and enforces them. */
export function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

/**
 * Sets permission bits where there are any: FAT, exFAT and network shares refuse to, or do nothing.
 * @returns whether the file has these bits now; always true on Windows, which has none
 */
export function setMode(path: string, mode: number): boolean {
  if (platform() === 'win32') return true;
  try {
    chmodSync(path, mode);
  } catch (cause) {
    if (!isNotSupported(cause)) throw cause;
  }
  return modeOf(path) === mode;
}

/** `statfs` types whose modes come from mount options: MSDOS, exFAT, NTFS (two drivers), CIFS, SMB2, SMB, VirtualBox. */
const WITHOUT_MODES: ReadonlySet<number> = new Set([
  0x4d44, 0x2011bab0, 0x5346544e, 0x7366746e, 0xff534d42, 0xfe534d42, 0x517b, 0x786f4256,
]);
/** FUSE: exfat-fuse and ntfs-3g are such, sshfs is not. */
const FUSE = 0x65735546;

/**
 * Why this process cannot change who reads a file: the file belongs to another user, lies on a read-only mount, or on a file
 * system whose modes come from its mount options; `fuse` is said where that cannot be told.
 * @returns `undefined` where `chmod` can help
 */
export function whyModeIsFixed(path: string): 'owner' | 'read-only' | 'file-system' | 'fuse' | undefined {
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    if (systemCode(cause) === 'EROFS') return 'read-only';
  }
  const { type } = statfsSync(path);
  if (WITHOUT_MODES.has(type)) return 'file-system';
  const self = geteuid?.();
  if (self !== undefined && self !== 0 && statSync(path).uid !== self) return 'owner';
  return type === FUSE ? 'fuse' : undefined;
}

/** fsync(2) of a directory, as far as its file system can: CIFS and some FUSE file systems answer EINVAL. */
export function syncDirectory(path: string): void {
  if (platform() === 'win32') return; // directories cannot be opened there; NTFS journals renames
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } catch (cause) {
    if (!isNotSupported(cause) && systemCode(cause) !== 'EBADF') throw cause;
  } finally {
    closeSync(fd);
  }
}
