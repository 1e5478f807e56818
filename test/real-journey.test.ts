import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../src/base/bytes.ts';
import { stella } from './support/cli.ts';
import { real, realIsPresent } from './support/real.ts';
import { temporaryTree } from './support/temp.ts';

const AS_OF = '2026-08-22T00:00:00Z';
const IDENTITY = [
  '--certificate-identity',
  'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main',
  '--certificate-oidc-issuer',
  'https://token.actions.githubusercontent.com',
];

describe.skipIf(!realIsPresent)('real input published by others', () => {
  let base: string;
  let repository: string;
  const at = (home: string, now: string | undefined = AS_OF) => {
    mkdirSync(join(base, home), { recursive: true });
    return { env: { HOME: join(base, home) }, cwd: join(base, home), now };
  };
  const init = (...more: string[]) => [
    'trust',
    'init',
    '--tuf-url',
    pathToFileURL(repository).href,
    '--root',
    join(repository, '1.root.json'),
    ...more,
  ];

  beforeAll(async () => {
    base = temporaryTree();
    execFileSync('tar', ['--zstd', '-xf', `${real}sigstore-tuf.tar.zst`, '-C', base]);
    // Wherever the archive puts it, the repository is where timestamp.json is.
    const found = readdirSync(base, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith('timestamp.json'),
    )!;
    repository = join(base, found, '..');
    const result = await stella(init('--offline'), at('pinned'));
    expect(result.stderr + result.stdout).toContain('root 15');
    expect(result.status).toBe(0);
  });

  test('a store pinned at root 1 reaches root 15 and fetches trusted_root.json and the delegated keys.json', () => {
    const tuf = join(base, 'pinned/.local/share/stella/generations/1/tuf');
    for (let version = 1; version <= 15; version += 1)
      expect(existsSync(join(tuf, `${version}.root.json`))).toBe(true);
    const targets = readdirSync(join(tuf, 'targets'), { recursive: true, encoding: 'utf8' });
    const trustedRoot = targets.find((name) => name.endsWith('.trusted_root.json'))!;
    expect(readFileSync(join(tuf, 'targets', trustedRoot)).length).toBe(6787);
    expect(targets.some((name) => name.endsWith('.keys.json') && name.includes('/'))).toBe(true);
  });

  test('without the injected clock the same command says that the metadata expired', async () => {
    const result = await stella(init(), { ...at('today'), now: Date.now() });
    expect(result.stderr).toMatch(/^error: TUF metadata expired.* \[TUF_EXPIRED\]\nhint: /m);
    expect(result.status).toBe(5);
    expect(existsSync(join(base, 'today', '.local'))).toBe(false);
  });

  const sound = [
    'rekor2-dsse-happy-path',
    'rekor2-checkpoint-cosigned',
    'happy-path-v0.1',
    'managed-key-happy-path',
    'happy-path-v0.3-new-mediaType',
    'happy-path-intoto-in-dsse-v3',
    'rekor2-happy-path',
  ];
  const unsound = {
    'rekor2-timestamp-payload-mismatch_fail': ['TIMESTAMP_INVALID'],
    'dsse-mismatch-envelope_fail': ['LOG_ENTRY_MISMATCH'],
    'wrong-hashedrekord-entry_fail': ['LOG_ENTRY_MISMATCH'],
    'checkpoint-wrong-roothash_fail': ['ROOT_MISMATCH', 'PROOF_INVALID', 'CHECKPOINT_SIGNATURE'],
    'bundle-negative-log-index_fail': ['SIGSTORE_BUNDLE_INVALID'],
  } as const;

  function verify(sample: string) {
    const folder = `${real}attestations/${sample}/`;
    const either = (name: string, fallback: string) => (existsSync(folder + name) ? folder + name : fallback);
    const key = existsSync(`${folder}key.pub`);
    const own = existsSync(`${folder}trusted_root.json`);
    return [
      'attest',
      'verify',
      `${folder}bundle.sigstore.json`,
      '--artifact',
      either('artifact', `${real}attestations/a.txt`),
      '--offline',
      ...(key ? ['--key', `${folder}key.pub`] : IDENTITY),
      ...(own || key
        ? ['--trusted-root', either('trusted_root.json', `${real}attestations/trusted_root.json`)]
        : []),
    ];
  }

  test.each(sound)('accepts %s', async (sample) => {
    const result = await stella(verify(sample), at('pinned'));
    expect(result.stderr).not.toContain('error:');
    expect(result.status).toBe(0);
  });

  test.each(Object.entries(unsound))('refuses %s for the right reason', async (sample, codes) => {
    const result = await stella([...verify(sample), '--json'], at('pinned'));
    expect(result.status).toBe(2);
    const code = /^error: .+ \[([A-Z_]+)\]$/m.exec(result.stderr)?.[1];
    expect(codes).toContain(code);
  });

  test('the tile log of another implementation: root recomputed, every entry proved', async () => {
    const key = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx';
    const result = await stella(['log', 'verify', `${real}tile-log`, '--key', key, '--json'], at('pinned'));
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
    expect(JSON.stringify(result.json())).toContain('15');
  });

  test('the export of that store is open to ordinary tools, and imports', async () => {
    const sealed = await stella(
      ['trust', 'snapshot', 'export', '--out', './real.tar.zst', '--offline'],
      at('pinned'),
    );
    expect(sealed.status).toBe(0);
    const file = join(base, 'pinned', 'real.tar.zst');
    expect(spawnSync('zstd', ['-t', file]).status).toBe(0);
    mkdirSync(join(base, 'unpacked'));
    execFileSync('tar', ['--zstd', '-xf', file, '-C', join(base, 'unpacked')]);
    expect(readFileSync(join(base, 'unpacked/tuf/timestamp.json'))).toEqual(
      readFileSync(join(repository, 'timestamp.json')),
    );

    const root = `sha256:${sha256Hex(readFileSync(join(repository, '1.root.json')))}`;
    const key = join(base, 'pinned/.local/share/stella/producer/bundle-signer.pub');
    const imported = await stella(
      ['trust', 'import', file, '--root-fingerprint', root, '--bundle-key', key],
      at('enclave', '2026-08-25T00:00:00Z'),
    );
    expect(imported.stderr).toMatch(/^warning: pinned the bundle key sha256:.*\n$/);
    expect(imported.status).toBe(0);
    const verified = await stella(
      verify('happy-path-v0.3-new-mediaType'),
      at('enclave', '2026-08-25T00:00:00Z'),
    );
    expect(verified.status).toBe(0);
    const stale = await stella(
      verify('happy-path-v0.3-new-mediaType'),
      at('enclave', '2026-08-29T00:00:01Z'),
    );
    expect(stale.stderr).toContain('[STORE_STALE]');
    expect(stale.status).toBe(5);
  });
});
