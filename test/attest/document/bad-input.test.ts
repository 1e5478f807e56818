import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseScts, precertificateOf } from '../../../src/attest/authority/sct.ts';
import { parseTimestamp } from '../../../src/attest/authority/timestamp.ts';
import { loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { parseAttestations } from '../../../src/attest/document/parse.ts';
import { parseStatement } from '../../../src/attest/document/statement.ts';
import { parseEntryBody } from '../../../src/attest/evidence/log-entry.ts';
import { parsePolicy } from '../../../src/attest/policy/policy-file.ts';
import { parseCertificate, purposesOf } from '../../../src/attest/x509/certificate.ts';
import { identityIn } from '../../../src/attest/x509/identity.ts';
import { isStellaError } from '../../../src/base/errors.ts';
import { parseStrictJson } from '../../../src/base/json.ts';
import { parseTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { refusal } from '../../support/errors.ts';
import { processorTime } from '../../support/processor-time.ts';
import { realIsPresent } from '../../support/real.ts';
import { loadSamples, verifyBytes } from '../samples.ts';
import { ARTIFACT, makeSite } from '../signed.ts';

/** Whatever happens, it is a value or a StellaError. */
function neverFails(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!isStellaError(error)) throw error;
    expect(error.code).not.toBe('INTERNAL');
  }
}

interface BundleJson {
  verificationMaterial: {
    certificate?: { rawBytes: string };
    tlogEntries: { inclusionProof: { hashes: string[] }; canonicalizedBody: string }[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
    x509CertificateChain?: unknown;
  };
}
const copyOf = (bytes: Buffer) => JSON.parse(bytes.toString('utf8')) as BundleJson;
const sample = loadSamples().find(({ name }) => name === 'rekor2-happy-path')!;

describe('limits', () => {
  test.each([
    ['nested arrays', '['.repeat(10_000_000)],
    ['nested objects', '{"a":'.repeat(2_000_000)],
    ['a bundle with something nested in it', `{"verificationMaterial":${'['.repeat(10_000_000)}`],
    ['many small values', `[${'1,'.repeat(5_000_000)}1]`],
  ])('10 MB of %s is refused quickly', async (_name, text) => {
    const spent = processorTime();
    await refusal('PARSE_FAILED', () => {
      const [first] = parseAttestations(Buffer.from(text), 'it');
      if (first && 'error' in first) throw first.error;
    });
    expect(spent()).toBeLessThan(2000);
  });

  test.skipIf(!realIsPresent)(
    '1,000 certificates and 10,000 hashes are refused before any work',
    async () => {
      const many = copyOf(sample.bytes);
      const certificate = many.verificationMaterial.certificate!;
      delete many.verificationMaterial.certificate;
      many.verificationMaterial.x509CertificateChain = { certificates: Array(1000).fill(certificate) };
      const long = copyOf(sample.bytes);
      const { inclusionProof } = long.verificationMaterial.tlogEntries[0]!;
      inclusionProof.hashes = Array(10_000).fill(inclusionProof.hashes[0]) as string[];
      const twice = copyOf(sample.bytes);
      twice.verificationMaterial.tlogEntries = Array(33).fill(
        twice.verificationMaterial.tlogEntries[0],
      ) as never;
      for (const bundle of [many, long, twice]) {
        const spent = processorTime();
        const verdict = await verifyBytes(Buffer.from(JSON.stringify(bundle)), sample);
        expect(verdict.error).toMatchObject({ code: 'SIGSTORE_BUNDLE_INVALID' });
        expect(spent()).toBeLessThan(500);
      }
    },
  );

  test('fields that appear twice are refused, wherever they are', async () => {
    for (const text of ['{"a":1,"a":1}', '{"x":[{"b":1,"\\u0062":2}]}', '{"__proto__":1,"__proto__":2}'])
      await refusal('PARSE_FAILED', () => parseStrictJson(text, 'it', { code: 'PARSE_FAILED' }));
    expect(parseStrictJson('{"a:":"b\\":","c":{"a:":[]}}', 'it', { code: 'PARSE_FAILED' })).toEqual({
      'a:': 'b":',
      c: { 'a:': [] },
    });
  });
});

test('any bytes are an attestation, a list of them, or refused with a code', () => {
  const jsonLike = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), jsonLike), (bytes) => {
      neverFails(() => parseAttestations(bytes, 'it'));
      neverFails(() => parseStatement(bytes));
      neverFails(() => parsePolicy(bytes, 'it'));
      neverFails(() => parseTrustedRoot(bytes));
      for (const [kind, version] of [
        ['hashedrekord', '0.0.1'],
        ['hashedrekord', '0.0.2'],
        ['dsse', '0.0.1'],
        ['dsse', '0.0.2'],
        ['intoto', '0.0.2'],
      ] as const)
        neverFails(() => parseEntryBody({ body: Buffer.from(bytes), kind, version }));
    }),
    { numRuns: 300 },
  );
});

describe.skipIf(!realIsPresent)('damaged DER', () => {
  const mutated = (der: Buffer) =>
    fc
      .array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .chain((changes) => fc.tuple(fc.constant(changes), fc.nat(der.length)))
      .map(([changes, cut]) => {
        const copy = Buffer.from(der);
        for (const [at, byte] of changes) copy[at] = byte;
        return cut % 4 === 0 ? copy.subarray(0, cut) : copy;
      });

  test('a certificate is a certificate or refused with a code', () => {
    const der = Buffer.from(copyOf(sample.bytes).verificationMaterial.certificate!.rawBytes, 'base64');
    fc.assert(
      fc.property(mutated(der), (bytes) => {
        neverFails(() => {
          const certificate = parseCertificate(bytes);
          neverFails(() => identityIn(certificate));
          neverFails(() => purposesOf(certificate));
          neverFails(() => (parseScts(certificate).length > 0 ? precertificateOf(certificate) : undefined));
        });
      }),
      { numRuns: 1000 },
    );
  });

  test('a timestamp is a timestamp or refused with a code', () => {
    const { rfc3161Timestamps } = copyOf(sample.bytes).verificationMaterial.timestampVerificationData!;
    const der = Buffer.from(rfc3161Timestamps[0]!.signedTimestamp, 'base64');
    fc.assert(
      fc.property(mutated(der), (bytes) => neverFails(() => parseTimestamp(bytes))),
      { numRuns: 1000 },
    );
  });
});

test('any single changed character of an attestation is refused, or does not change what is verified', async () => {
  const site = await makeSite();
  const text = Buffer.from((await site.sign()).bytes).toString();
  const trust = loadTrust(site.trust);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(text.length - 1),
      fc.constantFrom('A', '0', '"', ' ', '}', '\\', '\n', 'é'),
      async (at, character) => {
        const changed = `${text.slice(0, at)}${character}${text.slice(at + 1)}`;
        const verdict = await verifyBytes(Buffer.from(changed), { trust, options: { artifact: ARTIFACT } });
        if (!verdict.verified) return;
        // White space between values, and the hint that only helps to find the key.
        const without = (json: string) => JSON.stringify(JSON.parse(json)).replace(/"hint":"[^"]*"/, '');
        expect(without(changed)).toBe(without(text));
      },
    ),
    { numRuns: 500 },
  );
});
