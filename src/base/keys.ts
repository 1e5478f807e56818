import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto';
import { statSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import type { Brand } from './brand.ts';
import { formatHex, sha256 } from './bytes.ts';
import { StellaError } from './errors.ts';
import { whyModeIsFixed } from './file-system/modes.ts';
import { notice } from './file-system/notices.ts';
import { KEY_NEEDS_MODES, readBounded } from './files.ts';
import { isOwnGroup, whoElseCanReplaceIn } from './safety/ownership.ts';
import { table } from './table.ts';

/** Kinds of keys that signatures are checked with. */
export type KeyAlgorithm = 'ed25519' | 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa';
/** Hashes that artifacts and signatures may be named by. */
export type HashAlgorithm = 'sha256' | 'sha384' | 'sha512';
/** Bytes of each. */
export const HASH_LENGTHS: Readonly<Record<HashAlgorithm, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/** SHA-256 of a DER SubjectPublicKeyInfo, 64 lowercase hexadecimal digits. TUF has other ids for the same keys. */
export type KeyId = Brand<string, 'KeyId'>;

/** SHA-256 of a DER certificate, 64 lowercase hexadecimal digits. */
export type CertificateFingerprint = Brand<string, 'CertificateFingerprint'>;
/** What a trust store knows distributed keys by; of a TSA or CA it holds the certificate. */
export type DistributedKeyId = KeyId | CertificateFingerprint;

/** A public key with its names. Compare keys by `id`. */
export interface PublicKey {
  readonly algorithm: KeyAlgorithm;
  /** DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
  readonly spki: Uint8Array;
  readonly id: KeyId;
  readonly object: KeyObject;
}

/** A private key in memory. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  readonly object: KeyObject;
}

/** Anything that signs: a key in memory, or an external command in front of an HSM. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** The signature over `data`. */
  sign(data: Uint8Array, form?: SignatureForm): Promise<Uint8Array>;
}

/** How a signature is made; each part has the usual default of its key's algorithm. */
export interface SignatureForm {
  /** ECDSA and RSA only. Default: SHA-256, SHA-384 on P-384, SHA-512 on P-521. */
  readonly hash?: HashAlgorithm;
  /** ECDSA only: ASN.1 (default) or the two numbers side by side as COSE and JOSE have them. */
  readonly encoding?: 'der' | 'ieee-p1363';
  /** RSA only. Default: PKCS#1 v1.5. */
  readonly padding?: 'pkcs1' | 'pss';
  /** PSS only: bytes of salt (default: as many as the hash has); `any` takes what a signature has. */
  readonly saltLength?: number | 'any';
}

const MOST_KEY_BYTES = 64 * 1024;
const LEAST_RSA_BITS = 2048;
const MOST_RSA_BITS = 16_384;
/** The id of a key that need not be of a kind known here. */
export const keyIdOfSpki = (spki: Uint8Array) => formatHex(sha256(spki)) as KeyId;
const CURVES = table<KeyAlgorithm>({
  prime256v1: 'ecdsa-p256',
  secp384r1: 'ecdsa-p384',
  secp521r1: 'ecdsa-p521',
});

function algorithmOf(object: KeyObject): KeyAlgorithm {
  const details = object.asymmetricKeyDetails;
  switch (object.asymmetricKeyType) {
    case 'ed25519':
      return 'ed25519';
    case 'ec': {
      const algorithm = CURVES[details?.namedCurve ?? ''];
      if (algorithm) return algorithm;
      break;
    }
    case 'rsa': {
      const bits = details?.modulusLength ?? 0;
      if (bits >= LEAST_RSA_BITS && bits <= MOST_RSA_BITS) return 'rsa';
      throw new StellaError(
        'KEY_INVALID',
        `RSA keys must have ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits, this one has ${bits}`,
      );
    }
    default:
  }
  throw new StellaError(
    'KEY_INVALID',
    `keys of type ${details?.namedCurve ?? object.asymmetricKeyType} are not supported`,
  );
}

export const certificateFingerprint = (der: Uint8Array) => formatHex(sha256(der)) as CertificateFingerprint;

export function publicKeyOf(object: KeyObject): PublicKey {
  const spki = object.export({ type: 'spki', format: 'der' });
  return { algorithm: algorithmOf(object), spki, id: keyIdOfSpki(spki), object };
}

/**
 * A key that is only used where it was found, e.g. in a certificate: cheaper to make than by {@link parsePublicKey}, since
 * nothing is exported and the id is computed when it is asked for.
 * @param spki DER SubjectPublicKeyInfo
 * @throws StellaError KEY_INVALID
 */
export function embeddedPublicKey(spki: Uint8Array): PublicKey {
  let object: KeyObject;
  try {
    object = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new StellaError('KEY_INVALID', 'not a public key', { cause });
  }
  let id: KeyId | undefined;
  return {
    algorithm: algorithmOf(object),
    spki,
    object,
    get id() {
      id ??= keyIdOfSpki(spki);
      return id;
    },
  };
}

/** One block; before it there may be any text that begins no other (RFC 7468 §2), as `openssl -text` and certtool write it. */
const PEM =
  /^(?:(?!-----BEGIN)[\s\S])*(-----BEGIN ([A-Z0-9 ]+)-----\r?\n[A-Za-z0-9+/=\r\n]+-----END \2-----)\s*$/;

/** Editors of Windows put a byte order mark before text, which no reader of PEM expects. */
function withoutByteOrderMark(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes);
  return buffer.toString('hex', 0, 3) === 'efbbbf' ? buffer.subarray(3) : buffer;
}

/**
 * One public key: PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`), or DER SubjectPublicKeyInfo or PKCS#1.
 * @throws StellaError KEY_INVALID
 */
export function parsePublicKey(bytes: Uint8Array): PublicKey {
  const buffer = withoutByteOrderMark(bytes);
  try {
    if (buffer.includes('-----BEGIN')) {
      const [, block, label] = PEM.exec(buffer.toString('latin1')) ?? [];
      if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY') {
        throw new StellaError(
          'KEY_INVALID',
          `expected one PEM block PUBLIC KEY${label ? `, found ${label}` : ''}`,
        );
      }
      return publicKeyOf(createPublicKey({ key: block!, format: 'pem' }));
    }
    // OpenSSL reads the first element and ignores what stands behind it.
    if (derLength(buffer) !== buffer.length)
      throw new StellaError('KEY_INVALID', 'not a public key in PEM or DER');
    for (const type of ['spki', 'pkcs1'] as const) {
      try {
        return publicKeyOf(createPublicKey({ key: buffer, format: 'der', type }));
      } catch (error) {
        if (error instanceof StellaError || type === 'pkcs1') throw error;
      }
    }
    throw new StellaError('KEY_INVALID', 'not a public key');
  } catch (cause) {
    if (cause instanceof StellaError) throw cause;
    throw new StellaError('KEY_INVALID', 'not a public key', { cause });
  }
}

/** Length of the DER SEQUENCE that `bytes` begin with, header included; `undefined` for anything else. */
function derLength(bytes: Uint8Array): number | undefined {
  const [tag, first] = bytes;
  if (tag !== 0x30 || first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const count = first - 0x80;
  if (count < 1 || count > 3 || bytes.length < 2 + count) return undefined;
  return 2 + count + bytes.subarray(2, 2 + count).reduce((length, byte) => length * 256 + byte, 0);
}

/** PEM `PUBLIC KEY`. */
export function formatPublicKey(key: PublicKey): string {
  return key.object.export({ type: 'spki', format: 'pem' });
}

/**
 * A PEM file with one public key.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE, KEY_INVALID
 */
export function loadPublicKey(path: string): PublicKey {
  return parsePublicKey(readBounded(path, MOST_KEY_BYTES));
}

/**
 * One PKCS#8 (or PKCS#1, SEC1) PEM private key.
 * @param passphrase for an encrypted key
 * @throws StellaError KEY_INVALID, KEY_PASSPHRASE
 */
export function parsePrivateKey(pem: Uint8Array, passphrase?: string): PrivateKey {
  const text = withoutByteOrderMark(pem).toString('latin1');
  const encrypted = text.includes('ENCRYPTED');
  if (encrypted && passphrase === undefined)
    throw new StellaError('KEY_PASSPHRASE', 'the private key is encrypted and no passphrase was given');
  try {
    const object = createPrivateKey({
      key: text,
      format: 'pem',
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    return { object, publicKey: publicKeyOf(createPublicKey(object)) };
  } catch (cause) {
    if (cause instanceof StellaError) throw cause;
    if (encrypted)
      throw new StellaError('KEY_PASSPHRASE', 'the passphrase does not open the private key', { cause });
    throw new StellaError('KEY_INVALID', 'not a PEM private key', { cause });
  }
}

/**
 * Reads a private key file, which only its owner may be able to read; or the group of this process, where root has
 * put it there so and this process cannot change it (a Kubernetes Secret with `fsGroup`), which is said.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, KEY_PERMISSIONS, KEY_INVALID, KEY_PASSPHRASE
 */
export function loadPrivateKey(path: string, passphrase?: string): PrivateKey {
  const bytes = readBounded(path, MOST_KEY_BYTES);
  if (platform() !== 'win32') checkReaders(path);
  const who = whoElseCanReplaceIn(dirname(path));
  if (who !== undefined)
    throw new StellaError('KEY_PERMISSIONS', `${path} can be replaced: ${who}`, {
      hint: `chmod go-w ${dirname(path)}`,
    });
  return parsePrivateKey(bytes, passphrase);
}

const GROUP_MAY_READ = 0o750;

/** @throws StellaError KEY_PERMISSIONS */
function checkReaders(path: string): void {
  const { mode, uid, gid } = statSync(path);
  if ((mode & 0o077) === 0) return;
  const fixed = whyModeIsFixed(path);
  // Whoever mounted it chose that group for this process; what else runs in the group could read it in any case.
  const isGiven = uid === 0 && (mode & 0o777 & ~GROUP_MAY_READ) === 0 && isOwnGroup(gid);
  if (isGiven && fixed !== undefined && fixed !== 'fuse') {
    notice(`warning: ${path} can be read by every process of the group ${gid}, not only by this user`);
    return;
  }
  const shown = `mode ${(mode & 0o777).toString(8).padStart(4, '0')}`;
  throw new StellaError(
    'KEY_PERMISSIONS',
    `${path} can be read by ${(mode & 0o007) === 0 ? `its group ${gid}` : 'other users'} (${shown})`,
    { hint: keyModeHint(path, fixed) },
  );
}

function keyModeHint(path: string, fixed: ReturnType<typeof whyModeIsFixed>): readonly string[] {
  const inPods =
    'in Kubernetes set `defaultMode: 0440` for the volume and `fsGroup` for the pod: root and the group of the pod alone may read it then';
  switch (fixed) {
    case undefined:
      return [`chmod 600 ${path}`];
    case 'file-system':
      return KEY_NEEDS_MODES;
    case 'fuse':
      return [`chmod 600 ${path}; where that does not help:`, ...KEY_NEEDS_MODES];
    case 'read-only':
      return [inPods, 'else copy the key to a file that only this user can read'];
    case 'owner':
      return [inPods, 'else have the key given to this user: `chown` and `chmod 600` as root'];
  }
}

/** PKCS#8 PEM; encrypted (PBES2, AES-256) when a passphrase is given. */
export function formatPrivateKey(key: PrivateKey, passphrase?: string): string {
  return key.object.export(
    passphrase === undefined
      ? { type: 'pkcs8', format: 'pem' }
      : { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  );
}

/** Makes a key pair; it exists in memory only. */
export function generateKey(algorithm: KeyAlgorithm = 'ed25519'): PrivateKey {
  const { privateKey } = ((): { privateKey: KeyObject } => {
    switch (algorithm) {
      case 'ed25519':
        return generateKeyPairSync('ed25519');
      case 'rsa':
        return generateKeyPairSync('rsa', { modulusLength: 3072 });
      default:
        return generateKeyPairSync('ec', {
          namedCurve: Object.keys(CURVES).find((name) => CURVES[name] === algorithm)!,
        });
    }
  })();
  return { object: privateKey, publicKey: publicKeyOf(createPublicKey(privateKey)) };
}

function hashFor(algorithm: KeyAlgorithm, form: SignatureForm): HashAlgorithm | null {
  if (algorithm === 'ed25519') return null;
  return (
    form.hash ?? (algorithm === 'ecdsa-p384' ? 'sha384' : algorithm === 'ecdsa-p521' ? 'sha512' : 'sha256')
  );
}

function cryptoInput(object: KeyObject, algorithm: KeyAlgorithm, form: SignatureForm) {
  if (algorithm === 'rsa') {
    return form.padding === 'pss'
      ? {
          key: object,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength:
            form.saltLength === 'any'
              ? constants.RSA_PSS_SALTLEN_AUTO
              : (form.saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST),
        }
      : { key: object, padding: constants.RSA_PKCS1_PADDING };
  }
  return algorithm === 'ed25519'
    ? { key: object }
    : { key: object, dsaEncoding: form.encoding ?? ('der' as const) };
}

/** Whether `signature` is `key`'s over `data`. Never throws on a malformed signature. */
export function isSignature(
  key: PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
  form: SignatureForm = {},
): boolean {
  try {
    return nodeVerify(
      hashFor(key.algorithm, form),
      data,
      cryptoInput(key.object, key.algorithm, form),
      signature,
    );
  } catch {
    return false;
  }
}

export function sign(key: PrivateKey, data: Uint8Array, form: SignatureForm = {}): Uint8Array {
  const { algorithm } = key.publicKey;
  return nodeSign(hashFor(algorithm, form), data, cryptoInput(key.object, algorithm, form));
}

/** A signer that has its key in memory. */
export function signerOf(key: PrivateKey): Signer {
  return { publicKey: key.publicKey, sign: async (data, form) => sign(key, data, form) };
}
