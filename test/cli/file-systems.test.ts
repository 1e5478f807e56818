import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { pullBundle } from '../../src/oci/pull.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { noise } from '../support/bundle.ts';
import { stella } from '../support/cli.ts';
import { client, fakeRegistry, placeBundle } from '../support/fake-registry.ts';
import { mountReadOnly, mountWithoutModes, whyNoFat, whyNoMounts } from '../support/mounts.ts';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

for (const why of new Set([whyNoMounts, whyNoFat])) if (why !== undefined) console.warn(why);

const EXPORT = ['trust', 'snapshot', 'export', '--signing-key', 'bundle-signer.key', '--any-sealed-time'];
let base: string;
let site: Site;
let bundle: string;
/** A trust store that `bundle` was imported into. */
let kept: string;

beforeAll(async () => {
  base = temporaryTree();
  chmodSync(base, 0o755);
  site = await makeSite(base, { entries: 300 });
  bundle = await site.seal('bundle');
  kept = join(base, 'kept');
  await importInto(kept);
});

/** A configuration whose trust store is in a place. */
function configFor(store: string): string {
  const file = join(base, `${store.replaceAll('/', '-')}.yaml`);
  writeFileSync(file, `attestor:\n  trust_repo:\n    local_cache_path: ${store}\n`);
  return file;
}

const importInto = (store: string, ...more: string[]) =>
  site.run([
    'trust',
    'import',
    bundle,
    '--root-fingerprint',
    site.fingerprint,
    '--config',
    configFor(store),
    ...more,
  ]);

/** Runs commands under another umask. */
async function under<T>(mask: number, act: () => Promise<T>): Promise<T> {
  const before = process.umask(mask);
  try {
    return await act();
  } finally {
    process.umask(before);
  }
}

describe.skipIf(whyNoFat !== undefined).each([
  ['FAT', { kind: 'vfat', umask: 0o022 }],
  ['a network share', { kind: 'cifs', umask: 0o022 }],
] as const)('%s', (_, mount) => {
  let medium: string;
  beforeAll(async () => {
    medium = await mountWithoutModes(mount);
  });

  test('takes exports and receipts, and can hold a trust store that is imported and exported', async () => {
    await site.run([...EXPORT, '--out', join(medium, 'x.tar.zst')]);
    const store = join(medium, 'store');
    const receipts = join(medium, 'receipts/');
    await importInto(store, '--receipt', receipts, '--site', 'enclave: 1');
    expect(readdirSync(receipts)).toEqual([expect.stringMatching(/^enclave-1-\d{8}T\d{6}Z\.json$/)]);
    const config = configFor(store);
    await site.run(['trust', 'export', '--out', join(medium, 'mirror'), '--config', config]);
    await site.run(['doctor', '--config', config]);
  });

  test('takes a kit', async () => {
    await site.run(['kit', '--out', join(medium, 'kit'), '--bundle', 'bundle.tar.zst']);
    expect(readdirSync(join(medium, 'kit'))).toContain('SHA256SUMS');
  });

  test('takes what is pulled from a registry', async () => {
    const fake = await fakeRegistry();
    const content = noise(10_000);
    placeBundle(fake, '1', content);
    const out = join(medium, 'pulled.tar.zst');
    const reference = parseReference(`oci://${fake.host}/trust:1`);
    await pullBundle(client(fake.host), { reference, out });
    expect(readFileSync(out).equals(content)).toBe(true);
    expect(readdirSync(medium).filter((name) => name.endsWith('.pull'))).toEqual([]);
  });

  test('gets no private keys that others could read, and no half repository or log', async () => {
    const repository = join(medium, 'trust', 'repo');
    const { stderr } = await site.run(['repo', 'init', repository, '--no-passphrase'], { expect: 4 });
    expect(stderr).toContain('[KEY_PERMISSIONS]');
    expect(stderr).toMatch(/hint: .*umask=077/);
    expect(existsSync(join(medium, 'trust'))).toBe(false);
    const log = await site.run(['log', 'init', join(medium, 'log'), '--origin', 'a.example/b'], {
      expect: 4,
    });
    expect(log.stderr).toContain('[KEY_PERMISSIONS]');
    expect(readdirSync(medium).filter((name) => name.startsWith('log'))).toEqual([]);
  });

  test('has no names with a colon: that is said', async () => {
    const { stderr } = await site.run([...EXPORT, '--out', join(medium, 'a:b.tar.zst')], { expect: 4 });
    expect(stderr).toContain('(EINVAL) [WRITE_FAILED]');
    expect(stderr).toMatch(/hint: .*choose another name/);
  });
});

test.skipIf(whyNoFat !== undefined)(
  'FAT that only this user can read takes a repository with its keys',
  async () => {
    const medium = await mountWithoutModes({ kind: 'vfat', umask: 0o077 });
    const repository = join(medium, 'repo');
    await site.run(['repo', 'init', repository, '--no-passphrase']);
    await site.run(['repo', 'update-timestamp', '--repo', repository]);
    await site.run(['repo', 'verify', '--repo', repository]);
  },
);

describe.skipIf(whyNoFat !== undefined)('a bundle that is too large for the file system', () => {
  let medium: string;
  beforeAll(async () => {
    medium = await mountWithoutModes({ kind: 'vfat', umask: 0o022, largestFile: 12_000 });
  });
  const sequence = (json: string) =>
    (JSON.parse(json) as { manifest: { sequence: number } }).manifest.sequence;

  test('says so, names --split-size, leaves nothing and uses up no number', async () => {
    const before = sequence((await site.run([...EXPORT, '--out', 'before.tar.zst', '--json'])).stdout);
    const failed = await site.run([...EXPORT, '--out', join(medium, 'x.tar.zst')], { expect: 4 });
    expect(failed.stderr).toContain('the file system takes no file of this size (EFBIG) [WRITE_FAILED]');
    expect(failed.stderr).toMatch(/hint: .*--split-size/);
    expect(readdirSync(medium)).toEqual([]);
    const after = sequence((await site.run([...EXPORT, '--out', 'after.tar.zst', '--json'])).stdout);
    expect(after).toBe(before + 1);
  });

  test('fits in parts, which the name that was given finds', async () => {
    const named = join(medium, 'x.tar.zst');
    await site.run([...EXPORT, '--out', named, '--split-size', '8KiB']);
    expect(existsSync(named)).toBe(false);
    await site.run(['trust', 'snapshot', 'verify', named]);
    await site.run(['trust', 'snapshot', 'inspect', named]);
    await site.run([...EXPORT, '--out', 'delta.tar.zst', '--since', named]);
    await site.run(['kit', '--out', join(base, 'kit'), '--bundle', named]);
    rmSync(join(medium, 'x.parts.json'));
    const { stderr } = await site.run(['trust', 'snapshot', 'verify', named], { expect: 2 });
    expect(stderr).toContain('x.parts.json (missing) [PARTS_INCOMPLETE]');
  });
});

describe.skipIf(whyNoMounts !== undefined)('a trust store on a read-only file system', () => {
  let config: string;
  beforeAll(async () => {
    config = configFor(mountReadOnly(kept));
  });

  test('is in order for doctor, and verifies', async () => {
    const { stdout } = await site.run(['doctor', '--config', config]);
    expect(stdout).toMatch(/^ok +store +.*read-only for this user: it verifies/m);
    await site.run(['attest', 'verify', 'attestation.json', '--artifact', 'app.bin', '--config', config]);
  });

  test('cannot be imported into: the reason is named', async () => {
    const { stderr } = await site.run(['trust', 'import', bundle, '--config', config], { expect: 4 });
    expect(stderr).toContain('the file system is read-only (EROFS) [STORE_UNWRITABLE]');
    expect(stderr).toContain('hint: name a place that can be written');
  });
});

describe.skipIf(whyNoMounts !== undefined)('a user without home', () => {
  const UID = 54_321;
  async function asStranger(args: readonly string[]) {
    process.seteuid?.(UID);
    try {
      return await stella(args, { env: {}, cwd: '/', now: site.now });
    } finally {
      process.seteuid?.(0);
    }
  }

  test('is told to name the store', async () => {
    const { status, stderr } = await asStranger(['trust', 'status']);
    expect(status).toBe(4);
    expect(stderr).toContain('local_cache_path is not set and there is no home directory [CONFIG_INVALID]');
  });

  test('verifies by the store of another user, also where doctor finds its key unreadable', async () => {
    const store = join(base, 'public-store');
    cpSync(join(site.home, '.local', 'share', 'stella'), store, { recursive: true });
    mkdirSync(join(store, 'producer'), { recursive: true });
    writeFileSync(join(store, 'producer', 'signing-key.pem'), '', { mode: 0o600 });
    const config = configFor(store);
    const attested = ['attestation.json', 'app.bin'].map((name) => join(site.home, name)) as [string, string];
    const verified = await asStranger([
      'attest',
      'verify',
      attested[0],
      '--artifact',
      attested[1],
      '--config',
      config,
    ]);
    expect(verified).toMatchObject({ status: 0 });
    const { status, stdout } = await asStranger(['doctor', '--config', config]);
    expect(stdout).toMatch(/^0 problems/m);
    expect(status).toBe(0);
    const imported = await asStranger(['trust', 'import', bundle, '--config', config]);
    expect(imported.stderr).toContain('this user may not write there (EACCES) [STORE_UNWRITABLE]');
  });
});

describe.skipIf(process.platform === 'win32')('an import under umask 077', () => {
  test('says who can no longer read the store', async () => {
    const store = join(base, 'shared-store');
    cpSync(kept, store, { recursive: true });
    expect((await importInto(store)).stderr).not.toContain('cannot read');
    chmodSync(join(store, 'CURRENT'), 0o600);
    expect((await importInto(store)).stderr).toMatch(
      /^warning: users of its group cannot read the trust store: .*CURRENT has mode 0600; .*`chmod -R go\+rX /m,
    );
  });

  test('says so of a new store that is not in the home directory', async () => {
    const { stderr } = await under(0o077, () => importInto(join(base, 'new-store')));
    expect(stderr).toMatch(/^warning: other users cannot read the trust store: .* has mode 0700; /m);
  });
});

describe('a bundle in parts that is sealed again', () => {
  const parts = (directory: string) => readdirSync(directory).sort();
  let directory: string;
  const seal = (size: string, ...more: string[]) => [
    ...EXPORT,
    '--out',
    join(directory, 'x.tar.zst'),
    '--split-size',
    size,
    ...more,
  ];
  beforeAll(async () => {
    directory = join(base, 'again');
    mkdirSync(directory);
    await site.run(seal('10KiB'));
  });

  test('is refused, or takes the place of all of the old one', async () => {
    const old = parts(directory);
    expect(old).toContain('x.tar.zst.002');
    await site.run(['trust', 'snapshot', 'verify', 'again/x.tar.zst'], { cwd: base });
    expect((await site.run(seal('64KiB'), { expect: 4 })).stderr).toContain('[FILE_EXISTS]');
    expect(parts(directory)).toEqual(old);
    await site.run(seal('64KiB', '--force'));
    expect(parts(directory)).toEqual(['x.parts.cose', 'x.parts.json', 'x.tar.zst.001']);
  });

  test('as one file: the parts go with --force only', async () => {
    const whole = [...EXPORT, '--out', join(directory, 'x.tar.zst')];
    expect((await site.run(whole, { expect: 4 })).stderr).toContain(
      'x.parts.cose exists already [FILE_EXISTS]',
    );
    await site.run([...whole, '--force']);
    expect(parts(directory)).toEqual(['x.tar.zst']);
    expect((await site.run(seal('16KiB'), { expect: 4 })).stderr).toContain(
      'x.tar.zst exists already [FILE_EXISTS]',
    );
    await site.run(seal('16KiB', '--force'));
    expect(parts(directory)).not.toContain('x.tar.zst');
  });

  test('not over a file that only looks like a part', async () => {
    const stranger = join(directory, 'x.tar.zst.009');
    writeFileSync(stranger, 'mine');
    const { stderr } = await site.run(seal('16KiB', '--force'), { expect: 4 });
    expect(stderr).toContain('x.tar.zst.009 would be taken for a part of this bundle [FILE_EXISTS]');
    expect(readFileSync(stranger, 'utf8')).toBe('mine');
  });
});

test('receipts of several imports lie next to each other, and none replaces another', async () => {
  const store = join(base, 'receipts-store');
  cpSync(kept, store, { recursive: true });
  const directory = join(base, 'receipts');
  mkdirSync(directory);
  const receive = (later: number, expected: number) =>
    site.run(
      ['trust', 'import', bundle, '--config', configFor(store), '--receipt', directory, '--site', 'a'],
      { now: site.now + later, expect: expected },
    );
  await receive(0, 0);
  await receive(1000, 0);
  expect((await receive(1000, 4)).stderr).toContain('[FILE_EXISTS]');
  expect(readdirSync(directory)).toHaveLength(2);
  expect((await site.run(['trust', 'receipts', directory])).stdout).toMatch(/^a /m);
});
