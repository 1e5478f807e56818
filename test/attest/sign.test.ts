import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { describe, expect, test } from 'vitest';
import { loadTrust } from '../../src/attest/authority/verifier-trust.ts';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { loadLog } from '../../src/logs/writer.ts';
import { assembleTrustedRoot, formatTrustedRoot, parseTrustedRoot } from '../../src/trust/trusted-root.ts';
import { stella } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { verifyBytes } from './samples.ts';
import { ARTIFACT, makeSite, NOW, ORIGIN } from './signed.ts';

describe('a key-signed attestation in an embedded log', () => {
  test.each([
    ['ed25519', 'ed25519'],
    ['ecdsa-p256', 'ecdsa-p256'],
    ['ecdsa-p384', 'ecdsa-p384'],
    ['ecdsa-p521', 'ecdsa-p521'],
    ['rsa', 'ed25519'],
  ] as const)('verifies with the key as a TUF target (%s, log %s)', async (algorithm, logAlgorithm) => {
    const site = await makeSite(algorithm, logAlgorithm);
    for (let i = 0; i < 3; i += 1) await site.sign();
    const { bytes } = await site.sign();
    const trustedRoot = parseTrustedRoot(formatTrustedRoot(site.trustedRoot));
    const trust = loadTrust({ ...site.trust, instances: [{ name: 'test', trustedRoot }] });
    const verdict = await verifyBytes(bytes, { trust, options: { artifact: ARTIFACT } });
    expect(verdict.error).toBeUndefined();
    expect(verdict).toMatchObject({
      verified: true,
      signer: { kind: 'key', name: 'attestor.pub' },
      signedAt: { time: NOW, source: ORIGIN },
      logs: [{ origin: ORIGIN, index: 3n, shownBy: 'inclusion proof', treeSize: 4n }],
      artifactChecked: true,
    });
  });

  test.each(['ed25519', 'ecdsa-p256'] as const)(
    'verifies with @sigstore/verify too (%s)',
    async (algorithm) => {
      const site = await makeSite(algorithm, algorithm);
      const made = await site.sign();
      const root = formatTrustedRoot(site.trustedRoot);
      const trustedRoot = TrustedRoot.fromJSON(JSON.parse(Buffer.from(root).toString()));
      const entity = toSignedEntity(bundleFromJSON(JSON.parse(Buffer.from(made.bytes).toString())));
      const verifierFor = (key: typeof site.key) =>
        new Verifier(
          toTrustMaterial(trustedRoot, () => ({ publicKey: key.publicKey.object, validFor: () => true })),
          { ctlogThreshold: 0, tlogThreshold: 1, timestampThreshold: 1 },
        );
      expect(() => verifierFor(site.key).verify(entity)).not.toThrow();
      expect(() => verifierFor(generateKey(algorithm)).verify(entity)).toThrow();
    },
  );
});

describe('stella attest sign', () => {
  test('signs, logs and writes a Sigstore bundle that verifies with --key', async () => {
    const cwd = temporaryDirectory();
    const key = generateKey();
    writeFileSync(join(cwd, 'a.key'), formatPrivateKey(key), { mode: 0o600 });
    writeFileSync(join(cwd, 'a.pub'), formatPublicKey(key.publicKey));
    writeFileSync(join(cwd, 'app.bin'), 'content');
    writeFileSync(join(cwd, 'other.bin'), 'other');
    writeFileSync(join(cwd, 'predicate.json'), '{"build": 7}');
    const setting = { cwd, now: NOW };
    expect(await stella(['log', 'init', 'log', '--origin', ORIGIN], setting)).toMatchObject({ status: 0 });
    const type = 'https://example.com/build/v1';
    const base = [
      'attest',
      'sign',
      'app.bin',
      '--key',
      'a.key',
      '--log',
      'log',
      '--predicate',
      'predicate.json',
    ];
    const result = await stella([...base, '--type', type, '--out', 'att.json'], setting);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('index 0');
    const logKey = Buffer.from(formatPublicKey(loadLog(join(cwd, 'log')).key.publicKey));
    const root = assembleTrustedRoot([
      { name: 'rekor-key-v1', usage: 'Rekor', status: 'Active', bytes: logKey, uri: `https://${ORIGIN}` },
    ]);
    writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(root));
    const verify = (...more: string[]) =>
      stella(
        [
          'attest',
          'verify',
          'att.json',
          '--trusted-root',
          'root.json',
          '--key',
          'a.pub',
          '--offline',
          ...more,
        ],
        setting,
      );
    expect(await verify('--artifact', 'app.bin', '--type', type)).toMatchObject({ status: 0 });
    expect(await verify('--digest', `sha256:${ARTIFACT.digests.sha256}`)).toMatchObject({ status: 0 });
    expect((await verify('--artifact', 'other.bin')).stderr).toContain('[ARTIFACT_MISMATCH]');
    expect((await verify('--type', 'https://example.com/other')).stderr).toContain('[PREDICATE_MISMATCH]');
    const plain = await verify();
    expect(plain.status).toBe(0);
    expect(plain.stdout).toContain('artifact  not checked: none was given');
  });

  test('prints the Sigstore bundle without --out, for a pipe', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'a.key'), formatPrivateKey(generateKey()), { mode: 0o600 });
    writeFileSync(join(cwd, 'app.bin'), 'content');
    await stella(['log', 'init', 'log', '--origin', ORIGIN], { cwd });
    const printed = await stella(['attest', 'sign', 'app.bin', '--key', 'a.key', '--log', 'log'], { cwd });
    expect(printed.json()).toMatchObject({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' });
    expect(printed.stderr).toContain('logged in log.example.com/test at index 0');
  });

  test('refuses --predicate without --type, and a missing log', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'app.bin'), 'content');
    const setting = { cwd, now: NOW };
    const base = ['attest', 'sign', 'app.bin', '--key', 'a.key', '--log', 'log'];
    expect((await stella([...base, '--predicate', 'x'], setting)).stderr).toContain('[USAGE]');
    expect((await stella(base, setting)).stderr).toContain('[LOG_UNKNOWN]');
  });
});
