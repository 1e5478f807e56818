import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSite, type Site } from './support/site.ts';
import { temporaryTree } from './support/temp.ts';

// Two minutes and two gigabytes for a while: only by `npm run test:container`.
const wanted = process.env['STELLA_CONTAINER'] === '1';
const missing = ['buildah', 'runc', 'debootstrap'].filter(
  (program) => spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status !== 0,
);
const canRun = wanted && missing.length === 0 && process.getuid?.() === 0;
if (!wanted)
  console.warn('the image is not built and run here: npm run test:container does it, as root on Linux');
else if (!canRun)
  console.warn(
    `skipped: the image is built as root${missing.length > 0 ? `; not installed: ${missing.join(', ')}; run scripts/install-test-servers.sh` : ''}`,
  );

const USER = 65_532;

interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: string[];
  readonly Cmd: string[];
  readonly Env: string[];
  readonly Volumes: Record<string, object>;
}

describe.skipIf(!canRun)('the image of deploy/Containerfile', { timeout: 120_000 }, () => {
  let base: string;
  let site: Site;
  let root: string;
  let config: ImageConfig;
  let environment: NodeJS.ProcessEnv;
  const buildah = (...args: string[]) =>
    execFileSync('buildah', args, {
      encoding: 'utf8',
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 1 << 26,
    }).trim();

  beforeAll(async () => {
    base = temporaryTree();
    const storage = `[storage]\ndriver = "vfs"\nrunroot = "${base}/run"\ngraphroot = "${base}/images"\n`;
    writeFileSync(join(base, 'storage.conf'), storage);
    environment = { ...process.env, CONTAINERS_STORAGE_CONF: join(base, 'storage.conf') };
    makeBuildImage();
    buildah(
      ...[
        'bud',
        '--quiet',
        '--isolation',
        'chroot',
        '--pull-never',
        '--build-arg',
        'BUILD_IMAGE=localhost/base',
      ],
      ...['-f', 'deploy/Containerfile', '-t', 'stella', '.'],
    );
    root = buildah('mount', buildah('from', '--pull-never', 'localhost/stella'));
    config = (
      JSON.parse(buildah('inspect', '--type', 'image', 'localhost/stella')) as {
        OCIv1: { config: ImageConfig };
      }
    ).OCIv1.config;
    site = await makeSite(base);
  }, 600_000);

  afterAll(() => {
    if (root) buildah('rm', '--all');
  });

  /** In the place of the image that the file names, which has to be fetched: Debian, Node and npm. */
  function makeBuildImage(): void {
    const debian = join(base, 'debian');
    execFileSync('debootstrap', ['--variant=minbase', '--include=libatomic1', 'bookworm', debian], {
      stdio: 'ignore',
    });
    const local = join(debian, 'usr', 'local');
    copyFileSync(process.execPath, join(local, 'bin', 'node'));
    const npm = execFileSync('sh', ['-c', 'realpath "$(command -v npm)"'], { encoding: 'utf8' }).trim();
    cpSync(join(npm, '..', '..'), join(local, 'lib', 'node_modules', 'npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin', 'npm'));
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
    const env = [`npm_config_registry=${registry}`, 'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
    const authority = process.env['NODE_EXTRA_CA_CERTS'];
    if (authority !== undefined) {
      copyFileSync(authority, join(debian, 'etc', 'authority.pem'));
      env.push('NODE_EXTRA_CA_CERTS=/etc/authority.pem');
    }
    const container = buildah('from', 'scratch');
    buildah('add', '--quiet', container, debian, '/');
    buildah('config', ...env.flatMap((one) => ['--env', one]), container);
    buildah('commit', '--quiet', container, 'base');
    rmSync(debian, { recursive: true });
  }

  /** Runs the image as Kubernetes would: its own user, a root that cannot be written, no network, no capability. */
  function run(
    args: readonly string[],
    mounts: readonly { from: string; to: string; writable?: boolean }[] = [],
    entrypoint: readonly string[] = config.Entrypoint,
  ) {
    const bundle = join(base, 'runc');
    mkdirSync(bundle, { recursive: true });
    const [uid, gid] = config.User.split(':').map(Number);
    const none: string[] = [];
    const spec = {
      ociVersion: '1.0.2',
      process: {
        user: { uid, gid },
        args: [...entrypoint, ...args],
        env: config.Env,
        cwd: '/',
        noNewPrivileges: true,
        capabilities: { bounding: none, effective: none, permitted: none, inheritable: none },
      },
      root: { path: root, readonly: true },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
        { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'noexec'] },
        ...mounts.map(({ from, to, writable }) => ({
          destination: to,
          type: 'bind',
          source: from,
          options: ['bind', writable ? 'rw' : 'ro'],
        })),
      ],
      linux: { namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
    };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    const name = `stella-test-${process.pid}-${performance.now().toString(36).replace('.', '')}`;
    return spawnSync('runc', ['run', '--bundle', bundle, name], { encoding: 'utf8', input: '' });
  }

  test('holds Node, its libraries and stella; nothing to log in to', () => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (path) => !path.startsWith('app/') && !path.includes('.so.'),
    );
    expect(files.filter((path) => /(?:^|\/)(?:sh|bash|busybox|npm|apt|dpkg)$/.test(path))).toEqual([]);
    expect(files).toContain('usr/local/bin/node');
    expect(readdirSync(join(root, 'app')).sort()).toEqual([
      'LICENSE',
      'bin',
      'dist',
      'node_modules',
      'package.json',
      'schemas',
    ]);
    const packages = readdirSync(join(root, 'app', 'node_modules'));
    for (const name of ['vitest', 'typescript', 'node']) expect(packages).not.toContain(name);
  });

  test('runs as a user of its own, with a root that it cannot write', () => {
    expect(config).toMatchObject({ User: `${USER}:${USER}`, Cmd: ['--help'] });
    expect(Object.keys(config.Volumes)).toEqual(['/var/lib/stella']);
    const probe = `const fs = require('node:fs'); let code; try { fs.writeFileSync('/app/x', ''); } catch (e) { code = e.code; }
      console.log(JSON.stringify([process.getuid(), code]));`;
    expect(run(['-e', probe], [], ['/usr/local/bin/node']).stdout).toBe(`[${USER},"EROFS"]\n`);
    const help = run(config.Cmd);
    expect(help.stderr).toBe('');
    expect(help.stdout).toContain('Usage: stella');
  });

  test('imports a bundle into its volume, and verifies from that read-only', async () => {
    const medium = join(base, 'medium');
    const volume = join(base, 'volume');
    for (const directory of [medium, volume]) mkdirSync(directory);
    chownSync(volume, USER, USER);
    copyFileSync(await site.seal('carried'), join(medium, 'carried.tar.zst'));
    for (const name of ['attestation.json', 'app.bin'])
      copyFileSync(join(site.home, name), join(medium, name));
    for (const name of readdirSync(medium)) chmodSync(join(medium, name), 0o644);
    const trust = { from: volume, to: '/var/lib/stella' };
    const carried = { from: medium, to: '/medium' };
    const arguments_ = ['trust', 'import', '/medium/carried.tar.zst', '--root-fingerprint', site.fingerprint];
    const imported = run([...arguments_, '--offline'], [{ ...trust, writable: true }, carried]);
    expect(imported.stderr).toBe('');
    expect(imported.status).toBe(0);
    const verify = [
      'attest',
      'verify',
      '/medium/attestation.json',
      '--artifact',
      '/medium/app.bin',
      '--json',
    ];
    const verified = run(verify, [trust, carried]);
    expect(verified.status).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ verified: true });
    writeFileSync(join(medium, 'app.bin'), 'another artifact\n');
    const refused = run(verify, [trust, carried]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('[ARTIFACT_MISMATCH]');
    const again = run(arguments_, [trust, carried]);
    expect(again.stderr).toContain('[STORE_UNWRITABLE]');
  });
});
