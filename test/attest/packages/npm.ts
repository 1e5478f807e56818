import { sign as nodeSign } from 'node:crypto';
import { sha256 } from '../../../src/base/bytes.ts';
import { base64 } from '../../support/sigstore/edit.ts';
import { make, SIGNED } from '../../support/sigstore/scenario.ts';

export const PUBLISH = 'https://github.com/npm/attestation/tree/main/specs/publish/v0.1';
export const PROVENANCE = 'https://slsa.dev/provenance/v1';

const subject = (name: string, version: string, hex: string) => [
  { name: `pkg:npm/${name}@${version}`, digest: { sha512: hex } },
];

/** The registry's key, as it signs attestations and packages. */
export const registry = make({ content: 'dsse', signer: 'key' });
export const keyId = `SHA256:${base64(sha256(registry.key.spki)).replace(/=$/, '')}`;

/** `keys.json`; npm's key for signatures is the one for attestations, too. */
export function keysJson(end?: string): string {
  const key = (keyUsage: string) => ({
    keyId,
    keyUsage,
    publicKey: {
      rawBytes: base64(registry.key.spki),
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
      validFor: { start: '1999-01-01T00:00:00.000Z', ...(end === undefined ? {} : { end }) },
    },
  });
  return JSON.stringify({ keys: [key('npm:signatures'), key('npm:attestations'), key('other')] });
}

/** npm's attestations document of one version. */
export function attestationsOf(
  name: string,
  version: string,
  hex: string,
  kinds = [PUBLISH, PROVENANCE],
): object {
  return {
    attestations: kinds.map((predicateType) => ({
      predicateType,
      bundle: make({
        content: 'dsse',
        signer: predicateType === PUBLISH ? 'key' : 'certificate',
        statement: [
          ['predicateType', predicateType],
          ['subject', subject(name, version, hex)],
        ],
      }).bundle,
    })),
  };
}

/** The packument of a package with one version. */
export function packumentOf(
  name: string,
  version: string,
  hex: string,
  published = new Date(SIGNED).toISOString(),
): object {
  const integrity = `sha512-${Buffer.from(hex, 'hex').toString('base64')}`;
  const signature = nodeSign('sha256', Buffer.from(`${name}@${version}:${integrity}`), registry.key.object);
  return {
    name,
    versions: {
      [version]: {
        name,
        version,
        dist: { integrity, signatures: [{ keyid: keyId, sig: base64(signature) }] },
      },
    },
    time: { [version]: published },
  };
}

export const trustedRoot = registry.root;
