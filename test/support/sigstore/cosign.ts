import { formatPromise } from '../../../src/attest/evidence/promise.ts';
import { pem, sha256, signWith } from './certificates.ts';
import { base64 } from './edit.ts';
import { logOf } from './log.ts';
import { ARTIFACT, SIGNED } from './scenario.ts';

const log = logOf(1);

/** What cosign keeps of an entry of Rekor v1: the entry, and the log's promise. */
export function rekorBundle(body: Uint8Array) {
  const integratedTime = SIGNED / 1000;
  const logID = log.logId.toString('hex');
  const promise = formatPromise({ body, integratedTime, logId: logID, index: 7n });
  return {
    SignedEntryTimestamp: base64(signWith(log.key, promise)),
    Payload: { body: base64(body), integratedTime, logIndex: 7, logID },
  };
}

/** What `cosign sign-blob --bundle` and `cosign attest-blob --bundle` wrote before Sigstore bundles. */
export const cosignBundle = (signature: Uint8Array, certificate: string, body: Uint8Array) => ({
  base64Signature: base64(signature),
  cert: certificate,
  rekorBundle: rekorBundle(body),
});

/** The entry of a signature in Rekor v1, `hashedrekord` 0.0.1. */
export function hashedRekord(signature: string, certificate: string, signed: Uint8Array = ARTIFACT): Buffer {
  return Buffer.from(
    JSON.stringify({
      apiVersion: '0.0.1',
      kind: 'hashedrekord',
      spec: {
        data: { hash: { algorithm: 'sha256', value: sha256(signed).toString('hex') } },
        signature: { content: signature, publicKey: { content: base64(certificate) } },
      },
    }),
  );
}

/** A certificate as Sigstore bundles have it, base64 of DER → PEM. */
export const pemOf = (rawBytes: string): string => pem('CERTIFICATE', Buffer.from(rawBytes, 'base64'));
