import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { describe, expect, test } from 'vitest';
import { artifactOf } from '../../src/attest/artifact.ts';
import { parseStrictJson } from '../../src/attest/json.ts';
import { signAttestation } from '../../src/attest/sign.ts';
import { parseSigstoreBundle } from '../../src/attest/sigstore-bundle.ts';
import { loadTrust } from '../../src/attest/trust.ts';
import { verifyAttestation } from '../../src/attest/verify.ts';
import {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  type KeyAlgorithm,
  signerOf,
} from '../../src/base/keys.ts';
import { initLog, loadLog } from '../../src/logs/writer.ts';
import {
  assembleTrustedRoot,
  attestorTargets,
  formatTrustedRoot,
  parseTrustedRoot,
} from '../../src/trust/trusted-root.ts';
import { stella } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const NOW = Date.UTC(2026, 7, 22);
const ORIGIN = 'log.example.com/test';

async function signed(
  algorithm: KeyAlgorithm = 'ed25519',
  logAlgorithm: KeyAlgorithm = 'ed25519',
  before = 3,
) {
  const log = join(temporaryDirectory(), 'log');
  const [key, logKey] = [generateKey(algorithm), generateKey(logAlgorithm)];
  await initLog(log, { origin: ORIGIN, signer: signerOf(logKey) });
  const artifact = artifactOf('app.bin', Buffer.from('content'));
  const sign = () =>
    signAttestation({
      subjects: [{ name: 'app.bin', sha256: artifact.digests.sha256! }],
      signer: signerOf(key),
      log,
      logSigner: signerOf(logKey),
      now: NOW,
    });
  for (let i = 0; i < before; i += 1) await sign();
  const made = await sign();
  const pem = (each: typeof key) => Buffer.from(formatPublicKey(each.publicKey));
  const targets = [
    { name: 'rekor-key-v1.pub', usage: 'Rekor', status: 'Active', bytes: pem(logKey) },
    { name: 'attestor.pub', usage: 'attestor', status: 'Active', bytes: pem(key) },
  ] as const;
  const endpoints = {
    environment: undefined,
    logs: [
      {
        url: 'http://127.0.0.1:1/log',
        logId: undefined,
        publicKeyTarget: 'rekor-key-v1',
        api: undefined,
        origin: ORIGIN,
        source: 'service map',
      },
    ],
    fulcio: undefined,
    tsa: undefined,
    ctlog: undefined,
  } as const;
  return { made, artifact, key, targets, root: assembleTrustedRoot(targets, endpoints) };
}

describe('a key-signed attestation in an embedded log', () => {
  test.each([
    ['ed25519', 'ed25519'],
    ['ecdsa-p256', 'ecdsa-p256'],
    ['ecdsa-p384', 'ecdsa-p384'],
    ['ecdsa-p521', 'ecdsa-p521'],
    ['rsa', 'ed25519'],
  ] as const)('verifies with the key as a TUF target (%s, log %s)', async (algorithm, logAlgorithm) => {
    const { made, artifact, targets, root } = await signed(algorithm, logAlgorithm);
    const attestors = attestorTargets(targets).map(({ name, key }) => ({
      name,
      key,
      validFrom: Number.NEGATIVE_INFINITY,
      validUntil: Number.POSITIVE_INFINITY,
    }));
    const trust = loadTrust({
      origin: { kind: 'store', name: 'test' },
      trustedRoot: parseTrustedRoot(formatTrustedRoot(root)),
      attestors,
    });
    const attestation = parseSigstoreBundle(parseStrictJson(made.bytes, 'it', 'SIGSTORE_BUNDLE_INVALID'));
    const verdict = await verifyAttestation(attestation, trust, { artifact }, NOW);
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
      const { made, key, root } = await signed(algorithm, algorithm);
      const trustedRoot = TrustedRoot.fromJSON(JSON.parse(Buffer.from(formatTrustedRoot(root)).toString()));
      const material = toTrustMaterial(trustedRoot, () => ({
        publicKey: key.publicKey.object,
        validFor: () => true,
      }));
      const verifier = new Verifier(material, { ctlogThreshold: 0, tlogThreshold: 1, timestampThreshold: 1 });
      const entity = toSignedEntity(bundleFromJSON(JSON.parse(Buffer.from(made.bytes).toString())));
      expect(() => verifier.verify(entity)).not.toThrow();
      const other = generateKey(algorithm).publicKey.object;
      const wrong = toTrustMaterial(trustedRoot, () => ({ publicKey: other, validFor: () => true }));
      expect(() => new Verifier(wrong, { ctlogThreshold: 0 }).verify(entity)).toThrow();
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
    const result = await stella(
      [
        'attest',
        'sign',
        'app.bin',
        '--key',
        'a.key',
        '--log',
        'log',
        '--out',
        'att.json',
        '--predicate',
        'predicate.json',
        '--type',
        'https://example.com/build/v1',
      ],
      setting,
    );
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('index 0');
    const root = assembleTrustedRoot(
      [
        {
          name: 'rekor-key-v1',
          usage: 'Rekor',
          status: 'Active',
          bytes: Buffer.from(formatPublicKey(loadLog(join(cwd, 'log')).key.publicKey)),
          uri: `https://${ORIGIN}`,
        },
      ],
      undefined,
    );
    writeFileSync(join(cwd, 'trusted_root.json'), formatTrustedRoot(root));
    const verify = (...more: string[]) =>
      stella(
        [
          'attest',
          'verify',
          'att.json',
          '--trusted-root',
          'trusted_root.json',
          '--key',
          'a.pub',
          '--offline',
          ...more,
        ],
        setting,
      );
    expect(await verify('--artifact', 'app.bin', '--type', 'https://example.com/build/v1')).toMatchObject({
      status: 0,
    });
    expect((await verify('--artifact', 'other.bin')).stderr).toContain('[ARTIFACT_MISMATCH]');
    expect(await verify('--type', 'https://example.com/other')).toMatchObject({ status: 2 });
    const plain = await verify();
    expect(plain.status).toBe(0);
    expect(plain.stdout).toContain('artifact not checked: none was given');
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
