import {
  concatBytes,
  equalBytes,
  excerpt,
  formatBase64,
  formatHex,
  formatUtf8,
  parseBase64,
  parseHex,
  sha256,
} from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { type PublicKey, parsePublicKey } from '../base/keys.ts';
import { rekorV1Tree } from './origin.ts';

/** Which kind of signature a key makes on a note. */
export type NoteKeyType = 'ed25519' | 'ecdsa' | 'rsa' | 'cosignature/v1' | 'rfc6962';

/** A key that signs notes, under a name. */
export interface VerifierKey {
  readonly name: string;
  /** First 4 bytes of a hash over the key; tells keys of one name apart, and proves nothing. */
  readonly keyId: Uint8Array;
  readonly publicKey: PublicKey;
  readonly type: NoteKeyType;
  /** Whether it signs under whatever name: then its id and its signature alone tell it (Rekor v1). */
  readonly anyName?: true;
}

/** Signature type identifier bytes of C2SP signed-note. */
const TYPE_BYTES: Readonly<Record<NoteKeyType, number>> = {
  ed25519: 0x01,
  ecdsa: 0x02,
  'cosignature/v1': 0x04,
  rfc6962: 0x05,
  rsa: 0xff,
};
/** Follows the byte 0xff for RSA, as Rekor's logs have it. */
const RSA_FORM = formatUtf8('PKIX-RSA-PKCS#1v1.5');
const ED25519_SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const MOST_KEY_NAME = 1024;

/** Not empty, no white space, no plus sign, no control character. */
export function isKeyName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= MOST_KEY_NAME &&
    !/[\p{White_Space}\p{Cc}+]/u.test(name) &&
    name.isWellFormed()
  );
}

function rawEd25519(publicKey: PublicKey): Uint8Array {
  return publicKey.spki.subarray(ED25519_SPKI_PREFIX.length);
}

function typeOf(publicKey: PublicKey): NoteKeyType {
  if (publicKey.algorithm === 'ed25519' || publicKey.algorithm === 'rsa') return publicKey.algorithm;
  return 'ecdsa';
}

/** What the id of a key is made of after its name: for Certificate Transparency the type and the log id (static-ct-api). */
function idMaterial(type: NoteKeyType, publicKey: PublicKey): Uint8Array {
  return type === 'rfc6962'
    ? concatBytes(Uint8Array.of(TYPE_BYTES[type]), sha256(publicKey.spki))
    : keyMaterial(type, publicKey);
}

/** What a verifier key encodes after its name and id: the type, then the key; as SPKI for all but Ed25519. */
function keyMaterial(type: NoteKeyType, publicKey: PublicKey): Uint8Array {
  const byte = Uint8Array.of(TYPE_BYTES[type]);
  if (type === 'rsa') return concatBytes(byte, RSA_FORM, publicKey.spki);
  return concatBytes(byte, type === 'ecdsa' || type === 'rfc6962' ? publicKey.spki : rawEd25519(publicKey));
}

function namedHash(name: string, material: Uint8Array): Uint8Array {
  return sha256(concatBytes(formatUtf8(`${name}\n`), material));
}

function keyOf(name: string, publicKey: PublicKey, type: NoteKeyType): VerifierKey {
  if (!isKeyName(name)) throw new StellaError('KEY_INVALID', `not a key name: ${excerpt(name)}`);
  // ECDSA keys are known by the bare hash of their SPKI, whatever their name.
  const hash = type === 'ecdsa' ? sha256(publicKey.spki) : namedHash(name, idMaterial(type, publicKey));
  return { name, keyId: hash.subarray(0, 4), publicKey, type };
}

/**
 * The verifier key of a log: Ed25519 (type 0x01), ECDSA (0x02, id from the SPKI alone) or RSA (0xff, as Rekor has it).
 * @param name the key name, which for C2SP logs is the checkpoint's origin
 * @throws StellaError KEY_INVALID for an impossible name
 */
export function verifierKeyOf(name: string, publicKey: PublicKey): VerifierKey {
  return keyOf(name, publicKey, typeOf(publicKey));
}

/**
 * A Rekor v1 key: its key id is the hash of the SPKI for every algorithm. It signs under the host name of the server or, by
 * default, of the pod, which no URL and no trusted root gives (sigstore/rekor, cmd/rekor-server).
 * @param name how to call it until a signature says more
 */
export function rekorV1KeyOf(name: string, publicKey: PublicKey): VerifierKey {
  const keyId = sha256(publicKey.spki).subarray(0, 4);
  return { name, keyId, publicKey, type: typeOf(publicKey), anyName: true };
}

/**
 * The key of a Certificate Transparency log (type 0x05, C2SP static-ct-api). Its textual form holds the key's SPKI, and its
 * id is made of the log id.
 * @param name the log's submission prefix without its scheme
 */
export function ctLogKeyOf(name: string, publicKey: PublicKey): VerifierKey {
  return keyOf(name, publicKey, 'rfc6962');
}

/**
 * The keys that a log's checkpoint of this origin may be signed with, for its public key: Rekor v1 signs
 * `NAME - TREE ID` under any name, every other log under its origin. Callers open the checkpoint for this very origin.
 */
export function logKeysOf(origin: string, publicKey: PublicKey): VerifierKey[] {
  const isRekorV1 = rekorV1Tree(origin) !== undefined;
  return [isRekorV1 ? rekorV1KeyOf(origin, publicKey) : verifierKeyOf(origin, publicKey)];
}

/** The verifier key of a witness (type 0x04, C2SP tlog-cosignature). Ed25519 only. */
export function witnessKeyOf(name: string, publicKey: PublicKey): VerifierKey {
  if (publicKey.algorithm !== 'ed25519') throw new StellaError('KEY_INVALID', 'witness keys must be Ed25519');
  return keyOf(name, publicKey, 'cosignature/v1');
}

/**
 * `NAME+HEX8+BASE64` (C2SP signed-note, "Verifier keys") → key. The key id must be the one that name and key give.
 * @throws StellaError KEY_INVALID
 */
export function parseVerifierKey(text: string): VerifierKey {
  const invalid = (why: string, cause?: unknown) =>
    new StellaError('KEY_INVALID', `not a verifier key (NAME+ID+KEY): ${why}`, { cause });
  // Base64 has plus signs too, so only the first two split.
  const [, name, id, encoded] = /^([^+]*)\+([^+]*)\+(.*)$/su.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) throw invalid(excerpt(text));
  const keyId = parseHex(id, 4, 'KEY_INVALID');
  const material = parseBase64(encoded, 'KEY_INVALID');
  const type = (Object.keys(TYPE_BYTES) as NoteKeyType[]).find((each) => TYPE_BYTES[each] === material[0]);
  if (type === undefined) throw invalid(`keys of type ${material[0] ?? 'none'} are not supported`);
  let encodedKey = material.subarray(1);
  if (type === 'rsa') {
    if (!equalBytes(encodedKey.subarray(0, RSA_FORM.length), RSA_FORM))
      throw invalid('an unknown form of key');
    encodedKey = encodedKey.subarray(RSA_FORM.length);
  } else if (type !== 'ecdsa' && type !== 'rfc6962') {
    if (encodedKey.length !== 32) throw invalid('an Ed25519 key has 32 bytes');
    encodedKey = concatBytes(ED25519_SPKI_PREFIX, encodedKey);
  }
  const publicKey = parsePublicKey(encodedKey);
  if (type === 'rfc6962') {
    // RFC 6962 §2.1.4 has ECDSA and RSA.
    if (typeOf(publicKey) === 'ed25519') throw invalid('the key of a CT log is ECDSA or RSA');
  } else if (type !== 'cosignature/v1' && typeOf(publicKey) !== type)
    throw invalid('the key is not of its type');
  const key = keyOf(name, publicKey, type);
  if (!equalBytes(keyMaterial(type, publicKey), material)) throw invalid('the key is not of its type');
  if (!equalBytes(key.keyId, keyId)) throw invalid('its id is not that of its name and key');
  return key;
}

/** The inverse of {@link parseVerifierKey}. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${formatHex(key.keyId)}+${formatBase64(keyMaterial(key.type, key.publicKey))}`;
}

/**
 * The log id that Sigstore's TrustedRoot and log entries use, in hexadecimal: SHA-256(SPKI) for ECDSA and RSA, and for
 * every key of Rekor v1; SHA-256(origin ‖ 0x0A ‖ 0x01 ‖ raw key) for Ed25519.
 */
export function logIdOf(origin: string, publicKey: PublicKey): string {
  return publicKey.algorithm === 'ed25519' && rekorV1Tree(origin) === undefined
    ? formatHex(namedHash(origin, keyMaterial('ed25519', publicKey)))
    : publicKey.id;
}

/** One signature line of a note, whoever made it. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
  /** What follows the key id; its form depends on the key. */
  readonly signature: Uint8Array;
}
