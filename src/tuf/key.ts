import {
  concatBytes,
  excerpt,
  formatHex,
  formatUtf8,
  parseHex,
  type Sha256Hex,
  sha256Hex,
} from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { type KeyAlgorithm, type PublicKey, parsePublicKey, type SignatureForm } from '../base/keys.ts';
import { formatTufCanonicalJson } from './canonical-json.ts';
import type { TufKey } from './metadata.ts';

/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410 §4). */
const ED25519_SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const RAW_ED25519 = 32;
/** The same for an uncompressed point (RFC 5480 §2); the first roots of Sigstore have ECDSA keys in this bare form. */
const POINT_SPKI_HEAD: ReadonlyMap<string, { readonly head: Buffer; readonly bytes: number }> = new Map([
  [
    'ecdsa-sha2-nistp256',
    { head: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'), bytes: 65 },
  ],
  [
    'ecdsa-sha2-nistp384',
    { head: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'), bytes: 97 },
  ],
]);

interface Scheme {
  /** As implementations spell it. */
  readonly keyTypes: readonly string[];
  readonly algorithm: KeyAlgorithm;
  readonly form: SignatureForm;
}

/** Signature schemes of TUF specification §4.2, and `rsa-pkcs1v15-*`, which securesystemslib has signed with. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ['ed25519', { keyTypes: ['ed25519'], algorithm: 'ed25519', form: {} }],
  ...(['256', '384'] as const).map((bits): [string, Scheme] => {
    const name = `ecdsa-sha2-nistp${bits}`;
    return [name, { keyTypes: ['ecdsa', name], algorithm: `ecdsa-p${bits}`, form: { hash: `sha${bits}` } }];
  }),
  ...(['256', '384', '512'] as const).flatMap((bits): [string, Scheme][] => {
    const rsa = { keyTypes: ['rsa'], algorithm: 'rsa' } as const;
    return [
      [`rsassa-pss-sha${bits}`, { ...rsa, form: { hash: `sha${bits}`, padding: 'pss' } }],
      [`rsa-pkcs1v15-sha${bits}`, { ...rsa, form: { hash: `sha${bits}`, padding: 'pkcs1' } }],
    ];
  }),
]);

/**
 * The TUF form of a public key, with the scheme that this authoring side uses for its kind.
 * @throws StellaError KEY_INVALID for a curve that TUF has no scheme for
 */
export function formatTufKey(key: PublicKey): TufKey {
  switch (key.algorithm) {
    case 'ed25519':
      return {
        keytype: 'ed25519',
        scheme: 'ed25519',
        keyval: { public: formatHex(key.spki.subarray(-RAW_ED25519)) },
      };
    case 'ecdsa-p256':
      return { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem(key) } };
    case 'ecdsa-p384':
      return { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp384', keyval: { public: pem(key) } };
    case 'rsa':
      return { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem(key) } };
    case 'ecdsa-p521':
      throw new StellaError('KEY_INVALID', `TUF has no signature scheme for ${key.algorithm} keys`, {
        hint: 'use Ed25519, ECDSA P-256 or P-384, or RSA',
      });
  }
}

function pem(key: PublicKey): string {
  return key.object.export({ type: 'spki', format: 'pem' });
}

/**
 * The inverse of {@link formatTufKey}, also for the other spellings in use.
 * @throws StellaError KEY_INVALID
 */
export function parseTufKey(key: TufKey): { readonly publicKey: PublicKey; readonly form: SignatureForm } {
  const scheme = SCHEMES.get(key.scheme);
  if (!scheme?.keyTypes.includes(key.keytype))
    throw new StellaError(
      'KEY_INVALID',
      `TUF keys of type ${excerpt(key.keytype)}, scheme ${excerpt(key.scheme)} are not supported`,
    );
  const publicKey = parsePublicKey(encodedKey(key));
  if (publicKey.algorithm !== scheme.algorithm)
    throw new StellaError(
      'KEY_INVALID',
      `a TUF key of scheme ${key.scheme} cannot be an ${publicKey.algorithm} key`,
    );
  return { publicKey, form: scheme.form };
}

/** PEM as it is, or a bare key in hexadecimal as DER. */
function encodedKey({ keytype, scheme, keyval }: TufKey): Uint8Array {
  const { public: text } = keyval;
  if (typeof text !== 'string') throw new StellaError('KEY_INVALID', 'a TUF key has no public value');
  if (text.includes('-----BEGIN')) return formatUtf8(text);
  const bare =
    keytype === 'ed25519' ? { head: ED25519_SPKI_HEAD, bytes: RAW_ED25519 } : POINT_SPKI_HEAD.get(scheme);
  if (!bare) throw new StellaError('KEY_INVALID', `TUF keys of type ${keytype} must be in PEM`);
  return concatBytes(bare.head, parseHex(text.toLowerCase(), bare.bytes, 'KEY_INVALID'));
}

/**
 * What makes a key the key that it is, whichever form it is written in: its public point or its modulus. A threshold
 * counts keys, not names of keys (§5.3.4, §6.1).
 */
export function keyIdentity({ algorithm, object }: PublicKey): string {
  const { x, y, n, e } = object.export({ format: 'jwk' });
  return [algorithm, x, y, n, e].join(' ');
}

/** TUF key id: SHA-256 of the key's canonical JSON, 64 lowercase hexadecimal digits (TUF specification §4.2). */
export function tufKeyId(key: TufKey): Sha256Hex {
  return sha256Hex(formatUtf8(formatTufCanonicalJson(key)));
}
