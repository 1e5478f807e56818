import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { instant } from '../../../src/base/clock.ts';
import type { ErrorCode } from '../../../src/base/codes.ts';
import type { TrustTarget } from '../../../src/trust/targets.ts';
import {
  assembleTrustedRoot,
  formatTrustedRoot,
  parseTrustedRoot,
  type TrustedRoot,
} from '../../../src/trust/trusted-root.ts';
import { builtInTrustedRoot } from '../../../src/tuf/built-in.ts';
import { refusal } from '../../support/errors.ts';
import { realIsPresent } from '../../support/real.ts';
import { FOLDER, loadSamples, type Sample, verifyBytes } from '../samples.ts';

interface BundleJson {
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
  };
  dsseEnvelope?: { payload: string };
}

describe.skipIf(!realIsPresent)('certificates', () => {
  const samples = loadSamples();
  const byName = (name: string) => samples.find((sample) => sample.name === name)!;
  const root = realIsPresent ? parseTrustedRoot(readFileSync(`${FOLDER}trusted_root.json`)) : undefined!;
  const old = byName('happy-path-v0.1');
  const dsse = byName('happy-path-intoto-in-dsse-v3');

  const withRoot = async (sample: Sample, change: Partial<TrustedRoot>): Promise<ErrorCode | undefined> => {
    const trust = loadTrust({
      origin: { kind: 'trusted-root', name: 'test' },
      instances: [{ name: 'test', trustedRoot: { ...root, ...change } }],
    });
    return (await verifyBytes(sample.bytes, { ...sample, trust })).error?.code;
  };
  const withBundle = async (
    sample: Sample,
    change: (bundle: BundleJson) => void,
  ): Promise<ErrorCode | undefined> => {
    const bundle = JSON.parse(sample.bytes.toString()) as BundleJson;
    change(bundle);
    return (await verifyBytes(Buffer.from(JSON.stringify(bundle)), sample)).error?.code;
  };
  const authority = realIsPresent ? root.certificateAuthorities[1]! : undefined!;
  const signedAt = Date.UTC(2023, 6, 12, 15, 56, 36);

  test('the authority must have been valid at the signing time, both ends included', async () => {
    const valid = (validFrom: number, validUntil: number) =>
      withRoot(old, {
        certificateAuthorities: [
          { ...authority, validFrom: instant(validFrom), validUntil: instant(validUntil) },
        ],
      });
    expect(await valid(signedAt, signedAt)).toBeUndefined();
    expect(await valid(signedAt + 1, signedAt + 2)).toBe('CERTIFICATE_EXPIRED');
    expect(await valid(signedAt - 2, signedAt - 1)).toBe('CERTIFICATE_EXPIRED');
  });

  test('another authority, or none, is not enough', async () => {
    expect(await withRoot(old, { certificateAuthorities: [root.certificateAuthorities[0]!] })).toBe(
      'CERTIFICATE_UNTRUSTED',
    );
    expect(await withRoot(old, { certificateAuthorities: [] })).toBe('CERTIFICATE_UNTRUSTED');
  });

  test('a chain that does not hold together is not used, and named', () => {
    const [intermediate, top] = authority.chain;
    for (const chain of [
      [top!, intermediate!],
      [intermediate!, root.certificateAuthorities[0]!.chain[0]!],
    ]) {
      const trust = loadTrust({
        origin: { kind: 'trusted-root', name: 'test' },
        instances: [
          { name: 'test', trustedRoot: { ...root, certificateAuthorities: [{ ...authority, chain }] } },
        ],
      });
      expect(trust.authorities).toEqual([]);
      expect(trust.problems).toHaveLength(1);
    }
  });

  test('the certificate must be in a trusted CT log whose key was valid then', async () => {
    expect(await withRoot(old, { ctlogs: [] })).toBe('SCT_INVALID');
    const log = root.ctlogs[1]!;
    expect(await withRoot(old, { ctlogs: [{ ...log, validUntil: instant(signedAt - 60_000) }] })).toBe(
      'SCT_INVALID',
    );
    expect(await withRoot(old, { ctlogs: [{ ...log, validFrom: undefined }] })).toBe('SCT_INVALID');
    expect(await withRoot(old, { ctlogs: [{ ...log, publicKey: root.ctlogs[0]!.publicKey }] })).toBe(
      'SCT_INVALID',
    );
  });

  test('a log without the start of its validity is named', () => {
    const [log] = root.tlogs;
    const trust = loadTrust({
      origin: { kind: 'trusted-root', name: 'test' },
      instances: [{ name: 'test', trustedRoot: { ...root, tlogs: [{ ...log!, validFrom: undefined }] } }],
    });
    expect(trust.problems).toEqual([
      'log https://rekor.sigstore.dev: the trusted root does not say since when its key is valid',
    ]);
  });

  test('an authority’s own certificate signs nothing', async () => {
    const rawBytes = Buffer.from(authority.chain[0]!).toString('base64');
    const code = await withBundle(dsse, (bundle) => {
      bundle.verificationMaterial.certificate = { rawBytes };
    });
    expect(code).toBe('CERTIFICATE_INVALID');
  });

  test('further certificates must belong to the first, and add no trust', async () => {
    const add = (...more: Uint8Array[]) =>
      withBundle(old, ({ verificationMaterial: { x509CertificateChain: chain } }) => {
        for (const der of more) chain!.certificates.push({ rawBytes: Buffer.from(der).toString('base64') });
      });
    const [intermediate, top] = authority.chain;
    expect(await add(intermediate!)).toBeUndefined();
    expect(await add(intermediate!, top!)).toBeUndefined();
    // Superfluous, as in some old bundles.
    expect(await add(top!)).toBeUndefined();
    expect(await add(top!, intermediate!)).toBeUndefined();
    expect(await add(root.certificateAuthorities[0]!.chain[0]!)).toBeUndefined();
    expect(await add(root.timestampAuthorities[0]!.chain.at(-1)!)).toBe('CERTIFICATE_INVALID');
    expect(await add(intermediate!, intermediate!)).toBe('CERTIFICATE_INVALID');
  });

  test('another payload, and another certificate, are refused', async () => {
    const other = JSON.parse(byName('dsse-mismatch-envelope_fail').bytes.toString()) as BundleJson;
    expect(
      await withBundle(dsse, (bundle) => {
        const payload = Buffer.from(bundle.dsseEnvelope!.payload, 'base64').toString();
        bundle.dsseEnvelope!.payload = Buffer.from(payload.replace('"a.txt"', '"b.txt"')).toString('base64');
      }),
    ).toBe('SIGNATURE_INVALID');
    // Issued ten minutes at a time: that of another day was not valid when this was signed.
    expect(
      await withBundle(dsse, (bundle) => {
        bundle.verificationMaterial.certificate = other.verificationMaterial.certificate!;
      }),
    ).toBe('CERTIFICATE_EXPIRED');
  });

  test('a trusted root can be assembled from keys and certificates, each its own target', async () => {
    const pem = (label: string, der: Uint8Array) =>
      Buffer.from(
        `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`,
      );
    const target = (
      name: string,
      usage: TrustTarget['usage'],
      bytes: Uint8Array,
      uri?: string,
    ): TrustTarget => ({
      name,
      usage,
      status: 'Active',
      bytes,
      ...(uri === undefined ? {} : { uri }),
    });
    const [intermediate, top] = authority.chain;
    const targets = [
      target('rekor.pub', 'Rekor', pem('PUBLIC KEY', root.tlogs[0]!.publicKey), 'https://rekor.sigstore.dev'),
      target('fulcio.crt.pem', 'Fulcio', pem('CERTIFICATE', top!)),
      target('fulcio_intermediate.crt.pem', 'Fulcio', pem('CERTIFICATE', intermediate!)),
      target('ctfe.pub', 'CTFE', pem('PUBLIC KEY', root.ctlogs[1]!.publicKey)),
    ];
    const assembled = assembleTrustedRoot(targets);
    expect(assembled.tlogs[0]!.logId).toBe(root.tlogs[0]!.logId);
    expect(
      assembled.certificateAuthorities.map(({ chain }) =>
        chain.map((der) => new X509Certificate(der).subject),
      ),
    ).toEqual([authority.chain.map((der) => new X509Certificate(der).subject)]);
    const trust = loadTrust({
      origin: { kind: 'store', name: 'test' },
      instances: [{ name: 'test', trustedRoot: assembled }],
    });
    expect((await verifyBytes(old.bytes, { ...old, trust })).error).toBeUndefined();
    expect((await verifyBytes(dsse.bytes, { ...dsse, trust })).error).toBeUndefined();
    const published = target('trusted_root.json', 'trusted-root', readFileSync(`${FOLDER}trusted_root.json`));
    expect(assembleTrustedRoot([...targets, published])).toEqual(root);
    await refusal('TARGET_INVALID', () =>
      assembleTrustedRoot([target('x', 'Fulcio', Buffer.from('no certificate'))]),
    );
    await refusal('TARGET_INVALID', () => assembleTrustedRoot([target('x', 'Rekor', Buffer.from('no key'))]));
  });

  test('trusted roots are read as they are written, alone or one per line', async () => {
    for (const bytes of [readFileSync(`${FOLDER}trusted_root.json`), builtInTrustedRoot()]) {
      const parsed = parseTrustedRoot(bytes);
      expect(parseTrustedRoot(formatTrustedRoot(parsed))).toEqual(parsed);
    }
    const line = JSON.stringify(JSON.parse(Buffer.from(builtInTrustedRoot()).toString()));
    expect(parseTrustedRoot(Buffer.from(`${line}\n${line}\n`)).tlogs).toHaveLength(
      2 * parseTrustedRoot(builtInTrustedRoot()).tlogs.length,
    );
    for (const text of [
      '',
      '{}',
      '[]',
      '{"mediaType":"application/json"}',
      `${line}\nx`,
      line.replace('SHA2_256', 'MD5'),
    ])
      await refusal('TRUSTED_ROOT_INVALID', () => parseTrustedRoot(Buffer.from(text)));
  });
});
