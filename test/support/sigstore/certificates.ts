import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
} from 'node:crypto';
import { ed25519ph } from '@noble/curves/ed25519.js';
import { bits, boolean, integer, nothing, octets, oid, sequence, setOf, tlv, utcTime, utf8 } from './der.ts';

/** `pss2048` is an RSA key that signs with PSS, `ed25519ph` an Ed25519 key that signs hashes. */
export type KeyKind =
  | 'p256'
  | 'p384'
  | 'p521'
  | 'ed25519'
  | 'ed25519ph'
  | 'rsa2048'
  | 'rsa3072'
  | 'rsa4096'
  | 'pss2048';
export type Hash = 'sha256' | 'sha384' | 'sha512';

export interface TestKey {
  readonly kind: KeyKind;
  readonly object: KeyObject;
  readonly spki: Buffer;
}

const CURVES: Readonly<Record<string, string>> = { p256: 'prime256v1', p384: 'secp384r1', p521: 'secp521r1' };

function generate(kind: KeyKind): KeyObject {
  if (kind.startsWith('ed25519')) return generateKeyPairSync('ed25519').privateKey;
  if (/^(?:rsa|pss)/.test(kind))
    return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: CURVES[kind]! }).privateKey;
}

const keys = new Map<string, TestKey>();

/** The same key for the same name and kind. */
export function keyOf(name: string, kind: KeyKind = 'p256'): TestKey {
  const id = `${name} ${kind}`;
  let key = keys.get(id);
  if (!key) {
    const object = generate(kind);
    key = { kind, object, spki: createPublicKey(object).export({ type: 'spki', format: 'der' }) };
    keys.set(id, key);
  }
  return key;
}

export const hashOf = ({ kind }: TestKey): Hash =>
  kind === 'p384' ? 'sha384' : kind === 'p521' || kind === 'ed25519ph' ? 'sha512' : 'sha256';

const SALT_BYTES = 32;

/** RSASSA-PSS-params (RFC 4055 §3.1). */
export function pssParams(by: Hash, maskBy = by, salt = SALT_BYTES, trailer?: number): Buffer {
  const hashId = (each: Hash) =>
    sequence(oid(`2.16.840.1.101.3.4.2.${1 + ['sha256', 'sha384', 'sha512'].indexOf(each)}`), nothing());
  return sequence(
    tlv(0xa0, hashId(by)),
    tlv(0xa1, sequence(oid('1.2.840.113549.1.1.8'), hashId(maskBy))),
    ...(salt === 20 ? [] : [tlv(0xa2, integer(salt))]),
    ...(trailer === undefined ? [] : [tlv(0xa3, integer(trailer))]),
  );
}

export function signWith(key: TestKey, data: Uint8Array, by: Hash = hashOf(key)): Buffer {
  if (key.kind === 'ed25519ph') {
    const secret = Buffer.from(key.object.export({ format: 'jwk' }).d!, 'base64url');
    return Buffer.from(ed25519ph.sign(data, secret));
  }
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES };
  return sign(key.kind === 'ed25519' ? null : by, data, {
    key: key.object,
    ...(key.kind === 'pss2048' ? pss : {}),
  });
}

export function signatureAlgorithm(key: TestKey, by: Hash = hashOf(key)): Buffer {
  if (key.kind === 'ed25519') return sequence(oid('1.3.101.112'));
  if (key.kind === 'pss2048') return sequence(oid('1.2.840.113549.1.1.10'), pssParams(by));
  const place = ['sha256', 'sha384', 'sha512'].indexOf(by);
  if (key.kind.startsWith('rsa')) return sequence(oid(`1.2.840.113549.1.1.${11 + place}`), nothing());
  return sequence(oid(`1.2.840.10045.4.3.${2 + place}`));
}

export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');
const keyIdentifier = (key: TestKey) => createHash('sha1').update(key.spki).digest();

export const nameOf = (common: string) => sequence(setOf(sequence(oid('2.5.4.3'), utf8(common))));
export const extension = (id: string, value: Uint8Array, critical = false) =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
/** @param use or the first byte, with its lowest two bits unused */
export const keyUsage = (use: 'signature' | 'certificates' | number) => {
  const value =
    typeof use === 'number'
      ? bits(Buffer.from([use]), 2)
      : use === 'signature'
        ? bits(Buffer.from([0x80]), 7)
        : bits(Buffer.from([0x06]), 1);
  return extension('2.5.29.15', value, true);
};
export const authority = (pathLength?: number) =>
  extension(
    '2.5.29.19',
    sequence(boolean(true), ...(pathLength === undefined ? [] : [integer(pathLength)])),
    true,
  );
export const PURPOSES = { codeSigning: '1.3.6.1.5.5.7.3.3', timeStamping: '1.3.6.1.5.5.7.3.8' } as const;
export const purposes = (ids: readonly string[], critical = false) =>
  extension('2.5.29.37', sequence(...ids.map(oid)), critical);
const identifiers = (key: TestKey, issuer: TestKey) => [
  extension('2.5.29.14', octets(keyIdentifier(key))),
  extension('2.5.29.35', sequence(tlv(0x80, keyIdentifier(issuer)))),
];

export interface CertificateOptions {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly key: TestKey;
  readonly by: TestKey;
  readonly from: number;
  readonly until: number;
  readonly extensions: readonly Buffer[];
  readonly serial: number;
}

/** The part of a certificate that is signed; without SCTs, what a CT log sees. */
export function tbsCertificate(options: CertificateOptions): Buffer {
  const { subject, issuer, key, by, from, until, extensions, serial } = options;
  return sequence(
    tlv(0xa0, integer(2)),
    integer(serial),
    signatureAlgorithm(by),
    issuer,
    sequence(utcTime(from), utcTime(until)),
    subject,
    key.spki,
    tlv(0xa3, sequence(...extensions, ...identifiers(key, by))),
  );
}

export function certificate(options: CertificateOptions): Buffer {
  const tbs = tbsCertificate(options);
  return sequence(tbs, signatureAlgorithm(options.by), bits(signWith(options.by, tbs)));
}

let serials = 1000;
export const nextSerial = (): number => {
  serials += 1;
  return serials;
};

/** What a transparency log for certificates is told, and how its answer is to be wrong. */
export interface SctOptions {
  readonly log: TestKey;
  readonly time: number;
  readonly issuer: TestKey;
  /** The id to claim, rather than the log's own. */
  readonly logId?: Buffer;
}

/** A signed certificate timestamp over a precertificate (RFC 6962 §3.2). */
export function sct(precertificate: Buffer, { log, time, issuer, logId }: SctOptions): Buffer {
  const instant = Buffer.alloc(8);
  instant.writeBigUInt64BE(BigInt(time));
  const length = Buffer.alloc(3);
  length.writeUIntBE(precertificate.length, 0, 3);
  const none = Buffer.alloc(2);
  const signed = [
    Buffer.from([0, 0]),
    instant,
    Buffer.from([0, 1]),
    sha256(issuer.spki),
    length,
    precertificate,
    none,
  ];
  const signature = signWith(log, Buffer.concat(signed), 'sha256');
  const algorithm = log.kind === 'ed25519' ? 7 : log.kind.startsWith('rsa') ? 1 : 3;
  return Buffer.concat([
    Buffer.from([0]),
    logId ?? sha256(log.spki),
    instant,
    none,
    Buffer.from([4, algorithm]),
    sized(signature),
  ]);
}

function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export const sctList = (scts: readonly Buffer[]) =>
  extension('1.3.6.1.4.1.11129.2.4.2', octets(sized(Buffer.concat(scts.map(sized)))));

export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines.trimEnd()}\n-----END ${label}-----\n`;
}
