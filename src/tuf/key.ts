import { canonicalize } from '@tufjs/canonical-json';
import { concatBytes, formatHex, formatUtf8, parseHex, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { type PublicKey, parsePublicKey, type SignatureForm } from '../base/keys.ts';
import type { TufRootKey } from '../base/schema-types.ts';

/** A public key as TUF metadata has it (TUF specification §4.2). */
export type TufKey = TufRootKey;

/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410 §4). */
const ED25519_SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const RAW_ED25519 = 32;
/** The same for an uncompressed point (RFC 5480 §2); the first roots of Sigstore have ECDSA keys in this bare form. */
const POINT_SPKI_HEAD: Readonly<Record<string, { readonly head: Buffer; readonly bytes: number }>> = {
  'ecdsa-sha2-nistp256': {
    head: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
    bytes: 65,
  },
  'ecdsa-sha2-nistp384': {
    head: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
    bytes: 97,
  },
};

/** Signature schemes of TUF specification §4.2, as other implementations spell them. */
const SCHEMES: Readonly<
  Record<string, { readonly keytype: readonly string[]; readonly form: SignatureForm }>
> = {
  ed25519: { keytype: ['ed25519'], form: {} },
  'ecdsa-sha2-nistp256': { keytype: ['ecdsa', 'ecdsa-sha2-nistp256'], form: { hash: 'sha256' } },
  'ecdsa-sha2-nistp384': { keytype: ['ecdsa', 'ecdsa-sha2-nistp384'], form: { hash: 'sha384' } },
  'rsassa-pss-sha256': { keytype: ['rsa'], form: { hash: 'sha256', padding: 'pss' } },
  'rsassa-pss-sha384': { keytype: ['rsa'], form: { hash: 'sha384', padding: 'pss' } },
  'rsassa-pss-sha512': { keytype: ['rsa'], form: { hash: 'sha512', padding: 'pss' } },
};

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
  const scheme = Object.hasOwn(SCHEMES, key.scheme) ? SCHEMES[key.scheme] : undefined;
  if (!scheme?.keytype.includes(key.keytype))
    throw new StellaError(
      'KEY_INVALID',
      `TUF keys of type ${key.keytype}, scheme ${key.scheme} are not supported`,
    );
  const text = key.keyval.public;
  const { form } = scheme;
  if (text.includes('-----BEGIN')) return { publicKey: parsePublicKey(formatUtf8(text)), form };
  const bare =
    key.keytype === 'ed25519' ? { head: ED25519_SPKI_HEAD, bytes: RAW_ED25519 } : POINT_SPKI_HEAD[key.scheme];
  if (!bare) throw new StellaError('KEY_INVALID', `TUF keys of type ${key.keytype} are in PEM`);
  const spki = concatBytes(bare.head, parseHex(text, bare.bytes, 'KEY_INVALID'));
  return { publicKey: parsePublicKey(spki), form };
}

/** TUF key id: SHA-256 of the key's canonical JSON, 64 lowercase hexadecimal digits (TUF specification §4.2). */
export function tufKeyId(key: TufKey): Sha256Hex {
  return sha256Hex(formatUtf8(canonicalize(key)));
}
