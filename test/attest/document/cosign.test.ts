import { expect, test } from 'vitest';
import { instancesOfTrustedRoot, loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { artifactOf } from '../../../src/attest/document/artifact.ts';
import { parseAttestations } from '../../../src/attest/document/parse.ts';
import { verifyAttestation } from '../../../src/attest/verify.ts';
import { instant } from '../../../src/base/clock.ts';
import { pem, sha256 } from '../../support/sigstore/certificates.ts';
import { cosignBundle } from '../../support/sigstore/cosign.ts';
import { base64 } from '../../support/sigstore/edit.ts';
import { ARTIFACT, DAY, IDENTITY, ISSUER, make, SIGNED } from '../../support/sigstore/scenario.ts';

interface MadeBundle {
  readonly verificationMaterial: {
    readonly certificate: { readonly rawBytes: string };
    readonly tlogEntries: readonly { readonly canonicalizedBody: string }[];
  };
  readonly dsseEnvelope: { readonly payload: string };
  readonly messageSignature: { readonly signature: string };
}

async function judge(document: object, root: unknown) {
  const trust = loadTrust({
    origin: { kind: 'trusted-root', name: 'test' },
    instances: instancesOfTrustedRoot(Buffer.from(JSON.stringify(root)), 'test'),
  });
  const [parsed] = parseAttestations(Buffer.from(JSON.stringify(document)), 'it');
  if ('error' in parsed!) return parsed.error.code;
  const options = {
    artifact: artifactOf('a.txt', ARTIFACT),
    identity: { subject: { exactly: IDENTITY }, issuer: { exactly: ISSUER } },
  };
  return (
    (await verifyAttestation(parsed!.attestation, trust, options, instant(SIGNED + DAY))).error?.code ??
    'verified'
  );
}

test('a signature over an artifact, its certificate in PEM or in base64 of that', async () => {
  const made = make();
  const { verificationMaterial, messageSignature } = made.bundle as unknown as MadeBundle;
  const certificate = pem('CERTIFICATE', Buffer.from(verificationMaterial.certificate.rawBytes, 'base64'));
  const body = Buffer.from(verificationMaterial.tlogEntries[0]!.canonicalizedBody, 'base64');
  const signature = Buffer.from(messageSignature.signature, 'base64');
  expect(await judge(cosignBundle(signature, base64(certificate), body), made.root)).toBe('verified');
  expect(await judge(cosignBundle(signature, certificate, body), made.root)).toBe('verified');
  expect(await judge(cosignBundle(signature, 'no certificate', body), made.root)).toBe(
    'SIGSTORE_BUNDLE_INVALID',
  );
});

test('an envelope, in the entries of now and in those that have only its hash', async () => {
  const made = make({ content: 'dsse' });
  const { verificationMaterial, dsseEnvelope } = made.bundle as unknown as MadeBundle;
  const certificate = base64(
    pem('CERTIFICATE', Buffer.from(verificationMaterial.certificate.rawBytes, 'base64')),
  );
  const envelope = Buffer.from(JSON.stringify(dsseEnvelope));
  const dsse = Buffer.from(verificationMaterial.tlogEntries[0]!.canonicalizedBody, 'base64');
  expect(await judge(cosignBundle(envelope, certificate, dsse), made.root)).toBe('verified');

  const intoto = (hashed: Uint8Array, publicKey = certificate) =>
    Buffer.from(
      JSON.stringify({
        apiVersion: '0.0.1',
        kind: 'intoto',
        spec: {
          content: { hash: { algorithm: 'sha256', value: sha256(hashed).toString('hex') } },
          publicKey,
        },
      }),
    );
  expect(await judge(cosignBundle(envelope, certificate, intoto(envelope)), made.root)).toBe('verified');
  const refused = [intoto(Buffer.from(`${envelope.toString()} `)), intoto(envelope, base64(made.publicKey))];
  for (const body of refused)
    expect(await judge(cosignBundle(envelope, certificate, body), made.root)).toBe('LOG_ENTRY_MISMATCH');
});
