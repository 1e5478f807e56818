import { sign as nodeSign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AttestorKey } from '../../../src/attest/authority/material.ts';
import { instancesOfTrustedRoot, loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { type Artifact, artifactOf } from '../../../src/attest/document/artifact.ts';
import { preAuthEncoding } from '../../../src/attest/document/envelope.ts';
import { parseDigest } from '../../../src/attest/document/load-artifact.ts';
import { parseAttestations } from '../../../src/attest/document/parse.ts';
import { parseSignatureFiles } from '../../../src/attest/document/signature-file.ts';
import { parseSimpleSigning } from '../../../src/attest/document/simple-signing.ts';
import { verifyAttestation } from '../../../src/attest/verify.ts';
import { DISTANT_FUTURE, DISTANT_PAST, instant } from '../../../src/base/clock.ts';
import { generateKey, type KeyAlgorithm, parsePublicKey } from '../../../src/base/keys.ts';
import { refusal } from '../../support/errors.ts';
import { pem, sha256, signWith } from '../../support/sigstore/certificates.ts';
import { hashedRekord, pemOf, rekorBundle } from '../../support/sigstore/cosign.ts';
import { base64 } from '../../support/sigstore/edit.ts';
import { ARTIFACT, DAY, IDENTITY, IN_TOTO, ISSUER, make, SIGNED } from '../../support/sigstore/scenario.ts';

interface MadeBundle {
  readonly verificationMaterial: {
    readonly certificate: { readonly rawBytes: string };
    readonly tlogEntries: readonly { readonly canonicalizedBody: string }[];
  };
  readonly dsseEnvelope: {
    readonly payload: string;
    readonly payloadType: string;
    readonly signatures: readonly { readonly sig: string }[];
  };
  readonly messageSignature: { readonly signature: string };
}

const artifact = artifactOf('a.txt', ARTIFACT);
const made = make({ content: 'dsse' });
const { verificationMaterial: material, dsseEnvelope: envelope } = made.bundle as unknown as MadeBundle;

interface Asked {
  readonly artifact?: Artifact | undefined;
  readonly key?: AttestorKey;
  readonly requireLog?: boolean;
}

async function judge(document: string | object, asked: Asked = { artifact }, root: unknown = made.root) {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const trust = loadTrust({
    origin: { kind: 'trusted-root', name: 'test' },
    instances: instancesOfTrustedRoot(Buffer.from(JSON.stringify(root)), 'test'),
  });
  const outcomes: string[] = [];
  for (const parsed of parseAttestations(Buffer.from(text), 'it')) {
    if ('error' in parsed) outcomes.push(parsed.error.code);
    else {
      const identity = asked.key
        ? {}
        : { identity: { subject: { exactly: IDENTITY }, issuer: { exactly: ISSUER } } };
      const verdict = await verifyAttestation(
        parsed.attestation,
        trust,
        { ...asked, ...identity },
        instant(SIGNED + DAY),
      );
      outcomes.push(verdict.error?.code ?? 'verified');
    }
  }
  return outcomes.join(' ');
}

const keyOf = (bytes: Uint8Array | string): AttestorKey => ({
  key: parsePublicKey(Buffer.from(bytes)),
  name: 'key.pem',
  validFrom: DISTANT_PAST,
  validUntil: DISTANT_FUTURE,
});

describe('PEP 740', () => {
  const attestation = {
    version: 1,
    verification_material: {
      certificate: material.certificate.rawBytes,
      transparency_entries: material.tlogEntries,
    },
    envelope: { statement: envelope.payload, signature: envelope.signatures[0]!.sig },
  };

  test.each<[string, object, string]>([
    ['an attestation object', attestation, 'verified'],
    [
      "PyPI's provenance object",
      {
        version: 1,
        attestation_bundles: [
          { publisher: { kind: 'GitHub' }, attestations: [attestation] },
          { publisher: { kind: 'GitLab' }, attestations: [attestation, { ...attestation, version: 2 }] },
        ],
      },
      'verified verified SIGSTORE_BUNDLE_INVALID',
    ],
    ['another version', { ...attestation, version: 2 }, 'SIGSTORE_BUNDLE_INVALID'],
    ['a version as text', { ...attestation, version: '1' }, 'SIGSTORE_BUNDLE_INVALID'],
    ['a member that is not known', { ...attestation, publisher: {} }, 'SIGSTORE_BUNDLE_INVALID'],
    [
      'no log entry',
      {
        ...attestation,
        verification_material: { ...attestation.verification_material, transparency_entries: [] },
      },
      'SIGSTORE_BUNDLE_INVALID',
    ],
    [
      'log entries left out',
      { ...attestation, verification_material: { certificate: material.certificate.rawBytes } },
      'SIGSTORE_BUNDLE_INVALID',
    ],
    [
      'another statement',
      {
        ...attestation,
        envelope: {
          ...attestation.envelope,
          statement: base64(
            Buffer.from(envelope.payload, 'base64').toString('utf8').replace('"subject"', ' "subject"'),
          ),
        },
      },
      'SIGNATURE_INVALID',
    ],
  ])('%s', async (_, document, outcome) => {
    expect(await judge(document)).toBe(outcome);
  });
});

describe('documents one behind another', () => {
  const one = JSON.stringify(made.bundle);
  const list = JSON.stringify({ attestations: [{ bundle: made.bundle }] });

  test.each([
    ['pages as `gh api --paginate` prints them', list + list, 'verified verified'],
    [
      'indented, as `jq` prints them',
      `${JSON.stringify(made.bundle, null, 2)}\n${list}\n`,
      'verified verified',
    ],
    [
      'one that is damaged among them',
      `${list}{"verificationMaterial": }${one}`,
      'verified PARSE_FAILED verified',
    ],
    ['something else among them', `{\n"a": 1 }\n${one}`, 'PARSE_FAILED verified'],
  ])('%s', async (_, text, outcome) => {
    expect(await judge(text)).toBe(outcome);
  });

  test('text behind them is not passed over', async () => {
    expect(await judge(`${one}${one} and more`)).toBe('PARSE_FAILED');
  });
});

describe('a signature on an image, as `cosign download signature` prints it', () => {
  const digest = sha256(Buffer.from('a manifest')).toString('hex');
  const image = parseDigest(`sha256:${digest}`);
  const payloadOf = (manifest: string, more: object = {}) =>
    Buffer.from(
      JSON.stringify({
        critical: {
          identity: { 'docker-reference': 'registry.example.com/app' },
          image: { 'docker-manifest-digest': manifest },
          type: 'cosign container image signature',
          ...more,
        },
        optional: null,
      }),
    );
  const { key } = made;
  const line = (payload: Buffer, certificate?: string) => {
    const signature = base64(signWith(key, payload));
    const body = certificate === undefined ? undefined : hashedRekord(signature, pemOf(certificate), payload);
    return {
      Base64Signature: signature,
      Payload: base64(payload),
      Cert: certificate === undefined ? null : { Raw: certificate, Version: 3 },
      Chain: null,
      Bundle: body === undefined ? null : rekorBundle(body),
      RFC3161Timestamp: null,
    };
  };
  const byKey: Asked = { artifact: image, key: keyOf(made.publicKey), requireLog: false };
  const good = payloadOf(`sha256:${digest}`);

  test.each<[string, object, Asked, string]>([
    ['by a key', line(good), byKey, 'verified'],
    [
      'by a certificate, with its log entry',
      line(good, material.certificate.rawBytes),
      { artifact: image },
      'verified',
    ],
    ['for another image', line(payloadOf(`sha256:${'0'.repeat(64)}`)), byKey, 'ARTIFACT_MISMATCH'],
    [
      'for the payload itself',
      line(good),
      { ...byKey, artifact: artifactOf('p', good) },
      'ARTIFACT_MISMATCH',
    ],
    [
      'with another payload',
      { ...line(good), Payload: base64(payloadOf(`sha256:${'0'.repeat(64)}`)) },
      byKey,
      'SIGNATURE_INVALID',
    ],
    [
      'with bytes behind the payload',
      line(Buffer.concat([good, Buffer.from('{}')])),
      byKey,
      'STATEMENT_INVALID',
    ],
    [
      'of a type that is not known',
      line(payloadOf(`sha256:${digest}`, { type: 'a cheque' })),
      byKey,
      'STATEMENT_INVALID',
    ],
    [
      'with more that is critical',
      line(payloadOf(`sha256:${digest}`, { expires: 1 })),
      byKey,
      'STATEMENT_INVALID',
    ],
    ['with a digest of another kind', line(payloadOf('sha512:00')), byKey, 'STATEMENT_INVALID'],
    ['with a member that is not known', { ...line(good), Digest: digest }, byKey, 'SIGSTORE_BUNDLE_INVALID'],
    ['with a certificate that is none', { ...line(good), Cert: 'x' }, byKey, 'SIGSTORE_BUNDLE_INVALID'],
  ])('%s', async (_, document, asked, outcome) => {
    expect(await judge(document, asked)).toBe(outcome);
  });

  test('two digests in one payload are a name twice', async () => {
    const twice = Buffer.from(
      good
        .toString('utf8')
        .replace(
          '"docker-manifest-digest"',
          `"docker-manifest-digest":"sha256:${'0'.repeat(64)}","docker-manifest-digest"`,
        ),
    );
    await refusal('STATEMENT_INVALID', async () => parseSimpleSigning(twice));
  });
});

describe('an envelope with a certificate next to its signature', () => {
  const certificate = pem('CERTIFICATE', Buffer.from(material.certificate.rawBytes, 'base64'));
  const withMembers = (more: object) => ({
    ...envelope,
    signatures: envelope.signatures.map((signature) => ({ ...signature, ...more })),
  });

  test.each<[string, object]>([
    ['`cert`, of slsa-github-generator', { cert: certificate }],
    ['`certificate`, of go-witness', { certificate: base64(certificate), intermediates: [] }],
  ])('%s: not shown to be logged', async (_, more) => {
    expect(await judge(withMembers(more))).toBe('LOG_ENTRY_MISSING');
  });

  test('a key that is given may have signed it all the same', async () => {
    const key = keyOf(made.publicKey);
    expect(await judge(withMembers({ cert: certificate }), { artifact, key, requireLog: false })).toBe(
      'verified',
    );
    const other: AttestorKey = { ...key, key: generateKey().publicKey };
    expect(await judge(withMembers({ cert: certificate }), { artifact, key: other, requireLog: false })).toBe(
      'SIGNATURE_INVALID',
    );
  });

  test.each([
    [{ cert: 'x' }],
    [{ cert: 7 }],
    [{ certificate: '' }],
    [{ cert: '-----BEGIN CERTIFICATE-----' }],
  ])('a member %j that holds none says nothing', async (more) => {
    expect(await judge(withMembers(more))).toBe('SIGNER_UNTRUSTED');
  });
});

describe('ECDSA signatures of two numbers', () => {
  const payload = Buffer.from(envelope.payload, 'base64');
  const dsse = (sig: Uint8Array) => ({
    payloadType: IN_TOTO,
    payload: envelope.payload,
    signatures: [{ sig: base64(sig) }],
  });

  test.each<KeyAlgorithm>(['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'])('%s', async (algorithm) => {
    const key = generateKey(algorithm);
    const hash = { 'ecdsa-p256': 'sha256', 'ecdsa-p384': 'sha384' }[algorithm as string] ?? 'sha512';
    const sig = nodeSign(hash, preAuthEncoding(IN_TOTO, payload), {
      key: key.object,
      dsaEncoding: 'ieee-p1363',
    });
    const asked: Asked = {
      artifact,
      key: { ...keyOf(made.publicKey), key: key.publicKey },
      requireLog: false,
    };
    expect(await judge(dsse(sig), asked)).toBe('verified');
    const altered = Buffer.from(sig);
    altered[10]! ^= 1;
    expect(await judge(dsse(altered), asked)).toBe('SIGNATURE_INVALID');
    expect(await judge(dsse(Buffer.concat([sig, Buffer.alloc(1)])), asked)).toBe('SIGNATURE_INVALID');
  });
});

describe('signatures and certificates in files of their own', () => {
  const simple = make({ signer: 'key' });
  const signature = Buffer.from(
    (simple.bundle as unknown as MadeBundle).messageSignature.signature,
    'base64',
  );
  const key = keyOf(simple.publicKey);
  const trust = loadTrust({
    origin: { kind: 'trusted-root', name: 'test' },
    instances: instancesOfTrustedRoot(Buffer.from(JSON.stringify(simple.root)), 'test'),
  });
  const judged = async (bytes: Uint8Array, certificate?: Uint8Array) => {
    const attestation = parseSignatureFiles(bytes, certificate);
    const options = { artifact, key, requireLog: false };
    return (
      (await verifyAttestation(attestation, trust, options, instant(SIGNED + DAY))).error?.code ?? 'verified'
    );
  };

  test.each<[string, Uint8Array]>([
    ['base64', Buffer.from(base64(signature))],
    ['base64 and a line feed', Buffer.from(`${base64(signature)}\n`)],
    ['its bytes', signature],
  ])('%s', async (_, bytes) => {
    expect(await judged(bytes)).toBe('verified');
  });

  test('a certificate, in PEM, in base64 of it, in DER: nothing shows when it was signed', async () => {
    const der = Buffer.from(material.certificate.rawBytes, 'base64');
    const certificate = pem('CERTIFICATE', der);
    for (const file of [certificate, Buffer.from(base64(certificate)), der]) {
      const attestation = parseSignatureFiles(signature, Buffer.from(file));
      expect(attestation.signer).toEqual({ kind: 'certificate', certificates: [der] });
      const verdict = await verifyAttestation(attestation, trust, { artifact }, instant(SIGNED + DAY));
      expect(verdict.error?.code).toBe('LOG_ENTRY_MISSING');
    }
  });

  test.each([
    ['-----BEGIN PGP SIGNATURE-----\n', 'OpenPGP'],
    ['-----BEGIN SSH SIGNATURE-----\n', 'SSH'],
    ['untrusted comment: signature from minisign\n', 'minisign'],
    ['', 'empty'],
    ['x '.repeat(2100), 'longer than'],
  ])('%.40j is refused by name', async (text, name) => {
    const error = await refusal('PARSE_FAILED', async () =>
      parseSignatureFiles(Buffer.from(text), undefined),
    );
    expect(error.message).toContain(name);
  });
});

describe('what is no attestation is called by its name', () => {
  test.each<[object, RegExp, RegExp]>([
    [
      { attestations: [{ bundle: null, bundle_url: 'https://blobs.example.com/a.json.sn?sig=secret' }] },
      /names an attestation and does not hold it/,
      /https:\/\/blobs\.example\.com\/a\.json\.sn; .*gh attestation download/s,
    ],
    [{ signed: { _type: 'link' }, signatures: [] }, /in-toto link/, /in-toto-verify/],
    [{ signed: { _type: 'layout' }, signatures: [] }, /in-toto layout/, /in-toto-verify/],
    [
      { mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1', tlogs: [] },
      /is a Sigstore trusted root/,
      /--trusted-root/,
    ],
  ])('%j', async (document, message, hint) => {
    const error = await refusal('PARSE_FAILED', async () => {
      const [parsed] = parseAttestations(Buffer.from(JSON.stringify(document)), 'it');
      if (parsed && 'error' in parsed) throw parsed.error;
    });
    expect(error.message).toMatch(message);
    expect(error.hints.join('\n')).toMatch(hint);
    expect(error.hints.join('\n')).not.toContain('secret');
  });

  test('UTF-16, as PowerShell writes it', async () => {
    const utf16 = Buffer.from(`\ufeff${JSON.stringify(made.bundle)}`, 'utf16le');
    const error = await refusal('PARSE_FAILED', async () => parseAttestations(utf16, 'it'));
    expect(error.message).toContain('UTF-16');
    expect(error.hints.join('\n')).toContain('iconv');
  });
});

describe('digests as lock files write them', () => {
  const { sha512 } = artifact.digests;

  test('sha512-BASE64 is the digest in hexadecimal', () => {
    const integrity = `sha512-${Buffer.from(sha512!, 'hex').toString('base64')}`;
    expect(parseDigest(integrity).digests).toEqual({ sha512 });
  });

  test.each([
    'sha512-AAAA',
    'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
    'md5-AAAA',
    'sha256-',
    `sha256-${'A'.repeat(44)}`,
  ])('%s is none', async (text) => {
    await refusal('USAGE', async () => parseDigest(text));
  });

  test('a digest of a kind that no subject has cannot be compared, and that is said', async () => {
    const trust = loadTrust({
      origin: { kind: 'trusted-root', name: 'test' },
      instances: instancesOfTrustedRoot(Buffer.from(JSON.stringify(made.root)), 'test'),
    });
    const [parsed] = parseAttestations(Buffer.from(JSON.stringify(made.bundle)), 'it');
    if (!parsed || 'error' in parsed) throw new Error('not parsed');
    const options = { artifact: parseDigest(`sha512:${sha512}`) };
    const { error } = await verifyAttestation(parsed.attestation, trust, options, instant(SIGNED + DAY));
    expect(error).toMatchObject({ code: 'ARTIFACT_MISMATCH' });
    expect(error!.message).toMatch(/cannot be compared: it is given by sha512, the attestation names sha256/);
  });
});
