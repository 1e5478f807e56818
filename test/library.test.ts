import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeEnclave, makeSite, type Site } from './support/site.ts';
import { temporaryTree } from './support/temp.ts';

/** Everything that is public. Removing a line, or changing what it stands for, needs a new major version. */
const PUBLIC = {
  values: [
    ...['CODES', 'EXIT', 'StellaError', 'isStellaError'],
    ...['checkBundle', 'checkBundleSignature', 'importBundle', 'openBundle', 'sealBundle', 'signerIds'],
    ...['formatPrivateKey', 'formatPublicKey', 'generateKey', 'loadPrivateKey', 'loadPublicKey', 'signerOf'],
    ...['formatInstant', 'parseDuration', 'parseInstant'],
    ...['loadConfig', 'openStore', 'storePathOf'],
    ...['loadArtifact', 'loadTrust', 'parseAttestations', 'parseTrustedRoot', 'storeTrustInputs'],
    ...['verdictJson', 'verifyAttestation'],
  ],
  types: [
    ...['AcceptRules', 'Checked', 'Imported', 'Generation', 'TrustStore', 'Config', 'ConfigPlace'],
    ...['Artifact', 'Attestation', 'IdentityRule', 'Parsed', 'StoreTrustSetting', 'TextRule', 'TrustInputs'],
    ...['TrustedRoot', 'Verdict', 'VerdictDocument', 'VerifierTrust', 'VerifyOptions'],
    ...['CodeFacts', 'Duration', 'ErrorCode', 'ErrorDetails', 'ExitStatus', 'Instant'],
    ...['ExtractOptions', 'Manifest', 'OpenOptions', 'SealOptions', 'Sealed', 'SealedBundle', 'SignerId'],
    ...['PrivateKey', 'PublicKey', 'Signer'],
  ],
};

describe('the library', () => {
  test('exports what is public and nothing else', async () => {
    expect(Object.keys(await import('../src/index.ts')).sort()).toEqual([...PUBLIC.values].sort());
    const text = readFileSync('src/index.ts', 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    const types = [...text.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, all, names]) =>
      names!
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && (all !== undefined || name.startsWith('type ')))
        .map((name) => name.replace(/^type /, '')),
    );
    expect(types.sort()).toEqual([...PUBLIC.types].sort());
  });
});

describe('the examples run with the built package', () => {
  let base: string;
  let site: Site;

  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base);
    await site.seal('x');
  });

  const example = (name: string, args: readonly string[], home: string) =>
    spawnSync(process.execPath, [resolve('examples', `${name}.ts`), ...args], {
      encoding: 'utf8',
      cwd: home,
      env: { HOME: home },
    });

  test('seal-and-open.ts', () => {
    const { stdout, stderr } = example('seal-and-open', [base], base);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^sealed \d+ bytes.*\nsigned by sha256:.*; tuf\/1\.root\.json has 2 bytes\n$/);
  });

  test('import.ts and verify.ts', () => {
    const { home } = makeEnclave(base);
    const bundle = join(site.home, 'x.tar.zst');
    const refused = example('import', [bundle, '0'.repeat(64)], home);
    expect(refused.stderr).toMatch(/^PIN_MISMATCH: /);
    expect(refused.status).toBe(2);
    const imported = example('import', [bundle, site.fingerprint.slice(7)], home);
    expect(imported.stderr).toBe('');
    expect(imported.stdout).toMatch(/generation 1, fresh\n$/);
    const args = [join(site.home, 'attestation.json'), join(site.home, 'app.bin')];
    const verified = example('verify', args, home);
    expect(verified.stderr).toBe('');
    expect(verified.status).toBe(0);
    expect(example('verify', [args[0]!, args[0]!], home).status).toBe(2);
  });
});
