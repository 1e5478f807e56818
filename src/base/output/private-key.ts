import { StellaError } from '../errors.ts';
import { parseStrictJson } from '../json.ts';

/** Marks in text, and what each is of. Text is searched, so that a key in the middle of something else is found, too. */
const MARKS: readonly [RegExp, string][] = [
  // RFC 7468, RFC 1421, OpenSSH, Sigstore and cosign, OpenPGP (RFC 9580 §6.2), RFC 4716.
  [/-{4,5} ?BEGIN (?:[A-Z0-9]+ )*(?:PRIVATE|SECRET) KEY(?: BLOCK)? ?-{4,5}/, 'a PEM private key'],
  // C2SP age, with its post-quantum identities and those of plugins.
  [/AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]+)-(?:PQ-)?1[02-9A-Z]{8}/i, 'an age identity'],
  [/PuTTY-User-Key-File-\d/, 'a PuTTY private key'],
  // C2SP signed-note: `PRIVATE+KEY+<name>+<hash>+<keydata>`.
  [/PRIVATE\+KEY\+[^\s+]+\+[0-9a-f]{8}\+/, 'the private key of a log'],
  // minisign `Ed Sc B2` and `Ed 00 B2`, signify `Ed BK`; the public keys have 56 characters.
  [/(?:^|\n)(?:RWRTY0Iy|RWQAAEIy|RWRCS[w-z0-9+/])[A-Za-z0-9+/]{80}/, 'a minisign or signify secret key'],
  [/openssh-key-v1\0/, 'an OpenSSH private key'],
];

/** Where none of these is, no text has a private key in JSON; `\u` may hide a name. */
const JSON_MARKS = ['kty', 'keyval', '\\u00'];

/**
 * What kind of private key the bytes hold, if any: PEM of every kind, DER (PKCS#8, PKCS#1, SEC1, DSA, PKCS#12), OpenSSH,
 * JWK and JWK sets, TUF key files, age, PuTTY, minisign, signify, keys of C2SP logs; also in UTF-16, and DER in base64. For
 * refusing to publish or carry it: a mark alone suffices, whether or not the key could be used.
 */
export function privateKeyIn(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isPrivateDer(buffer)) return 'a private key in DER';
  if (buffer[0] === 0xff && buffer[1] === 0xfe) return privateKeyInText(buffer.toString('utf16le'));
  return privateKeyInText(buffer.toString('latin1'));
}

/**
 * @param what how to call the file in messages
 * @throws StellaError PRIVATE_KEY
 */
export function checkNoPrivateKey(bytes: Uint8Array, what: string): void {
  const kind = privateKeyIn(bytes);
  if (kind === undefined) return;
  throw new StellaError('PRIVATE_KEY', `${what} holds ${kind}`);
}

function privateKeyInText(text: string): string | undefined {
  const mark = MARKS.find(([pattern]) => pattern.test(text));
  if (mark) return mark[1];
  if (JSON_MARKS.some((part) => text.includes(part)) && hasPrivateJson(text)) return 'a private key in JSON';
  return isBase64Der(text) ? 'a private key in DER' : undefined;
}

/** RFC 7517 and 7518 §6: `d`, `k`, and `priv` of key type AKP; `keyval.private` of TUF and in-toto key files. */
function hasPrivateJson(text: string): boolean {
  const documents = [text, ...(text.includes('\n') ? text.split('\n') : [])];
  return documents.some((document) => {
    if (!/^\s*[{[]/.test(document)) return false;
    try {
      return hasPrivateMember(
        parseStrictJson(document, 'it', { code: 'PARSE_FAILED', byteOrderMark: 'skip' }),
      );
    } catch {
      // What is no JSON by the rules may be for others.
      return /"kty"\s*:/.test(document) && /"(?:d|k|priv)"\s*:\s*"[A-Za-z0-9_-]{16,}"/.test(document);
    }
  });
}

function hasPrivateMember(document: unknown): boolean {
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const left: unknown[] = [document];
  while (left.length > 0) {
    const value = left.pop();
    if (value === null || typeof value !== 'object') continue;
    const members = new Map(Object.entries(value));
    if (isText(members.get('kty')) && ['d', 'k', 'priv'].some((name) => isText(members.get(name))))
      return true;
    const keyval: unknown = members.get('keyval');
    if (
      keyval !== null &&
      typeof keyval === 'object' &&
      isText(new Map(Object.entries(keyval)).get('private'))
    )
      return true;
    for (const member of members.values()) left.push(member);
  }
  return false;
}

/** Longer than any key in base64. */
const MAX_BASE64_KEY = 64 * 1024;

function isBase64Der(text: string): boolean {
  return (
    text.length < MAX_BASE64_KEY &&
    /^\s*MI?[A-Za-z0-9+/\s]+=*\s*$/.test(text) &&
    isPrivateDer(Buffer.from(text, 'base64'))
  );
}

const [INTEGER, OCTET_STRING, OBJECT_ID, SEQUENCE] = [0x02, 0x04, 0x06, 0x30];

/** Below 1.2.840.113549.1: PKCS#5 (5), PKCS#12 (12). */
const PKCS = Buffer.from('2a864886f70d01', 'hex');
/** 1.2.840.113549.1.7.1: what a PKCS#12 file holds. */
const PKCS7_DATA = Buffer.from('2a864886f70d010701', 'hex');

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/**
 * Whether the bytes have the structure of a private key: PrivateKeyInfo and EncryptedPrivateKeyInfo (RFC 5958),
 * RSAPrivateKey (RFC 8017 §A.1.2), DSA keys as OpenSSL writes them, ECPrivateKey (RFC 5915), PFX (RFC 7292).
 */
function isPrivateDer(bytes: Buffer): boolean {
  const outer = bytes[0] === SEQUENCE ? elements(bytes) : undefined;
  if (outer?.length !== 1) return false;
  const [first, second, ...rest] = elements(outer[0]!.content) ?? [];
  if (!first || !second) return false;
  if (first.tag === SEQUENCE) {
    const [algorithm] = elements(first.content) ?? [];
    if (algorithm?.tag !== OBJECT_ID || !algorithm.content.subarray(0, 7).equals(PKCS)) return false;
    return [5, 12].includes(algorithm.content[7]!) && second.tag === OCTET_STRING && rest.length === 0;
  }
  if (first.tag !== INTEGER || first.content.length !== 1) return false;
  const version = first.content[0]!;
  const [inner] = second.tag === SEQUENCE ? (elements(second.content) ?? []) : [];
  if (inner?.tag === OBJECT_ID)
    return version === 3 ? inner.content.equals(PKCS7_DATA) : rest[0]?.tag === OCTET_STRING;
  if (version === 1 && second.tag === OCTET_STRING) return true;
  return second.tag === INTEGER && rest.length >= 4 && rest.slice(0, 4).every(({ tag }) => tag === INTEGER);
}

/** The elements one after the other; `undefined` where they do not end with the bytes. Short tags, DER and BER lengths. */
function elements(bytes: Buffer): Element[] | undefined {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length >= 0x80) {
      const count = length - 0x80;
      if (count < 1 || count > 4 || start + count > bytes.length) return undefined;
      length = bytes.readUIntBE(start, count);
      start += count;
    }
    if (start + length > bytes.length) return undefined;
    found.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
    // More than any structure that is looked for.
    if (found.length > 32) return undefined;
  }
  return found;
}
