import { excerpt, formatBase64, formatHex, parseBase64 } from '../base/bytes.ts';
import {
  addDuration,
  formatInstant,
  hours,
  type Instant,
  milliseconds,
  minutes,
  parseInstant,
} from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { decodeJsonText, type JsonRules, parseStrictJson, peekJson } from '../base/json.ts';
import { checkNoCredentials } from '../config/url-credentials.ts';

/** A log in a Sigstore TrustedRoot. */
export interface TrustedRootLog {
  readonly baseUrl: string;
  /** DER SubjectPublicKeyInfo, or PKCS#1 where `keyDetails` says so. */
  readonly publicKey: Uint8Array;
  /** Name of dev.sigstore.common.v1.PublicKeyDetails. */
  readonly keyDetails: string;
  /** 64 (for newer logs also 8) lowercase hexadecimal digits: what entries and SCTs name the log by. */
  readonly logId: string;
  /** What checkpoints name the log by, where the trusted root says it: 8 or 64 lowercase hexadecimal digits. */
  readonly checkpointKeyId?: string;
  readonly validFrom: Instant | undefined;
  readonly validUntil: Instant | undefined;
}

/** A certificate or timestamp authority in a Sigstore TrustedRoot. */
export interface TrustedRootAuthority {
  readonly uri: string;
  readonly organization: string;
  readonly commonName: string;
  /** DER certificates, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** Whether its trusted root names CT logs, where that root was joined with others. */
  readonly hasCtLogs?: boolean;
  readonly validFrom: Instant | undefined;
  readonly validUntil: Instant | undefined;
}

/** dev.sigstore.trustroot.v1.TrustedRoot: what a verifier of Sigstore material needs to trust. */
export interface TrustedRoot {
  readonly tlogs: readonly TrustedRootLog[];
  readonly certificateAuthorities: readonly TrustedRootAuthority[];
  readonly ctlogs: readonly TrustedRootLog[];
  readonly timestampAuthorities: readonly TrustedRootAuthority[];
}

export const TRUSTED_ROOT_MEDIA_TYPE = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1';
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  TRUSTED_ROOT_MEDIA_TYPE,
  'application/vnd.dev.sigstore.trustedroot.v0.1+json',
  'application/vnd.dev.sigstore.trustedroot+json;version=0.2',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
]);
const MOST_LOGS = 1000;
const MOST_CERTIFICATES = 20;
/** The largest that is read: hundreds of instances, each with its authorities and logs. */
export const MAX_TRUSTED_ROOT_BYTES = 16 * 1024 * 1024;
const RULES: JsonRules = {
  code: 'TRUSTED_ROOT_INVALID',
  maxBytes: MAX_TRUSTED_ROOT_BYTES,
  byteOrderMark: 'skip',
};

type Fields = Readonly<Record<string, unknown>>;

function refuse(path: string, problem: string): never {
  throw new StellaError('TRUSTED_ROOT_INVALID', `trusted root: ${path} ${problem}`);
}

function object(value: unknown, path: string): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return refuse(path, 'is not an object');
  return value as Fields;
}

function array(value: unknown, path: string, most: number): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return refuse(path, 'is not an array');
  return value.length > most ? refuse(path, `has more than ${most} elements`) : value;
}

function text(value: unknown, path: string): string {
  return typeof value === 'string' && value.length <= 4096 ? value : refuse(path, 'is not a string');
}

function bytes(value: unknown, path: string): Uint8Array {
  const decoded = parseBase64(text(value, path), 'TRUSTED_ROOT_INVALID');
  return decoded.length > 0 ? decoded : refuse(path, 'is empty');
}

/** A protobuf timestamp in JSON: up to nine digits of a second, of which milliseconds are kept, and any offset. */
function instant(value: unknown, path: string): Instant | undefined {
  if (value === undefined || value === null) return undefined;
  const full = text(value, path);
  const parts = /^(.{19})(?:(\.\d{1,3})\d{0,6})?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/.exec(full);
  if (!parts) return refuse(path, `is not a time: ${excerpt(full)}`);
  const [, second, fraction = '', sign, hour = '0', minute = '0'] = parts;
  const offset = hours(Number(hour)) + minutes(Number(minute));
  try {
    return addDuration(parseInstant(`${second}${fraction}Z`), milliseconds(sign === '-' ? offset : -offset));
  } catch {
    return refuse(path, `is not a time: ${excerpt(full)}`);
  }
}

function window(value: unknown, path: string): Pick<TrustedRootLog, 'validFrom' | 'validUntil'> {
  if (value === undefined || value === null) return { validFrom: undefined, validUntil: undefined };
  const fields = object(value, path);
  return {
    validFrom: instant(fields['start'], `${path}.start`),
    validUntil: instant(fields['end'], `${path}.end`),
  };
}

/** The hash of a key, or its first 4 bytes, by which checkpoints name it. */
function keyId(value: unknown, path: string): string {
  const id = bytes(object(value, path)['keyId'], `${path}.keyId`);
  return id.length === 32 || id.length === 4 ? formatHex(id) : refuse(path, 'has neither 32 nor 4 bytes');
}

/** A field that may be left out, of a type whose default is the empty string. */
const optionalText = (value: unknown, path: string): string => text(value ?? '', path);

function address(value: unknown, path: string): string {
  const url = optionalText(value, path);
  checkNoCredentials(url, `trusted root: ${path}`);
  return url;
}

function parseLog(value: unknown, path: string): TrustedRootLog {
  const log = object(value, path);
  const key = object(log['publicKey'], `${path}.publicKey`);
  if ((log['hashAlgorithm'] ?? 'SHA2_256') !== 'SHA2_256') refuse(`${path}.hashAlgorithm`, 'is not SHA2_256');
  const checkpointKeyId = log['checkpointKeyId'];
  const logId = log['logId'];
  if ((logId ?? checkpointKeyId) === undefined) refuse(path, 'has no logId');
  return {
    // Without it only promises and SCTs can be verified: a checkpoint names its log.
    baseUrl: address(log['baseUrl'], `${path}.baseUrl`),
    publicKey: bytes(key['rawBytes'], `${path}.publicKey.rawBytes`),
    keyDetails: text(key['keyDetails'], `${path}.publicKey.keyDetails`),
    logId: keyId(logId ?? checkpointKeyId, `${path}.logId`),
    ...(checkpointKeyId === undefined || checkpointKeyId === null
      ? {}
      : { checkpointKeyId: keyId(checkpointKeyId, `${path}.checkpointKeyId`) }),
    ...window(key['validFor'], `${path}.publicKey.validFor`),
  };
}

function parseAuthority(value: unknown, path: string): TrustedRootAuthority {
  const authority = object(value, path);
  const subject = object(authority['subject'] ?? {}, `${path}.subject`);
  const chain = object(authority['certChain'], `${path}.certChain`);
  const certificates = array(chain['certificates'], `${path}.certChain.certificates`, MOST_CERTIFICATES);
  if (certificates.length === 0) refuse(`${path}.certChain.certificates`, 'is empty');
  return {
    uri: address(authority['uri'], `${path}.uri`),
    organization: optionalText(subject['organization'], `${path}.subject.organization`),
    commonName: optionalText(subject['commonName'], `${path}.subject.commonName`),
    chain: certificates.map((item, i) => {
      const at = `${path}.certChain.certificates.${i}`;
      return bytes(object(item, at)['rawBytes'], `${at}.rawBytes`);
    }),
    ...window(authority['validFor'], `${path}.validFor`),
  };
}

function parseOne(value: unknown): TrustedRoot {
  const root = object(value, 'the document');
  const mediaType = text(root['mediaType'], 'mediaType');
  if (!MEDIA_TYPES.has(mediaType)) refuse('mediaType', `is not of a known version: ${excerpt(mediaType)}`);
  const each = <T>(
    name: Exclude<keyof TrustedRoot, symbol>,
    parse: (item: unknown, path: string) => T,
  ): T[] => array(root[name], name, MOST_LOGS).map((item, i) => parse(item, `${name}.${i}`));
  return {
    tlogs: each('tlogs', parseLog),
    certificateAuthorities: each('certificateAuthorities', parseAuthority),
    ctlogs: each('ctlogs', parseLog),
    timestampAuthorities: each('timestampAuthorities', parseAuthority),
  };
}

/** Several trusted roots as one: whatever any of them trusts. Only authorities that had CT logs still need them. */
export function joinTrustedRoots(roots: readonly TrustedRoot[]): TrustedRoot {
  return {
    tlogs: roots.flatMap((root) => root.tlogs),
    certificateAuthorities: roots.flatMap(({ certificateAuthorities, ctlogs }) =>
      certificateAuthorities.map((authority) => ({ hasCtLogs: ctlogs.length > 0, ...authority })),
    ),
    ctlogs: roots.flatMap((root) => root.ctlogs),
    timestampAuthorities: roots.flatMap((root) => root.timestampAuthorities),
  };
}

/**
 * Sigstore TrustedRoot JSON, or several of them one per line, as GitHub's CLI writes them: each the trust of one instance.
 * @throws StellaError TRUSTED_ROOT_INVALID, URL_CREDENTIALS
 */
export function parseTrustedRoots(document: Uint8Array): readonly TrustedRoot[] {
  const text = decodeJsonText(document, 'trusted root: the document', 'TRUSTED_ROOT_INVALID');
  let value: unknown;
  try {
    value = parseStrictJson(text, 'trusted root: the document', RULES);
  } catch (error) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    // Only where the first line is a document of its own are these several; else the one document is broken.
    if (!isStellaError(error) || lines.length < 2 || !peekJson(lines[0]!, 'skip')) throw error;
    return lines.map((line, i) => parseOne(parseStrictJson(line, `trusted root: line ${i + 1}`, RULES)));
  }
  return [parseOne(value)];
}

/**
 * The same, several of them joined to one.
 * @throws StellaError TRUSTED_ROOT_INVALID, URL_CREDENTIALS
 */
export function parseTrustedRoot(document: Uint8Array): TrustedRoot {
  const roots = parseTrustedRoots(document);
  return roots.length === 1 ? roots[0]! : joinTrustedRoots(roots);
}

/**
 * A trusted root document as one line of JSON, as GitHub's CLI reads several of them; one that is several stays so.
 * @throws StellaError TRUSTED_ROOT_INVALID
 */
export function trustedRootLines(document: Uint8Array): string {
  const text = decodeJsonText(document, 'trusted root: the document', 'TRUSTED_ROOT_INVALID');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const documents = lines.length > 1 && peekJson(lines[0]!, 'skip') ? lines : [text];
  return documents
    .map((one) => `${JSON.stringify(parseStrictJson(one, 'trusted root: the document', RULES))}\n`)
    .join('');
}

const period = ({ validFrom, validUntil }: Pick<TrustedRootLog, 'validFrom' | 'validUntil'>) =>
  validFrom === undefined && validUntil === undefined
    ? {}
    : {
        validFor: {
          ...(validFrom === undefined ? {} : { start: formatInstant(validFrom) }),
          ...(validUntil === undefined ? {} : { end: formatInstant(validUntil) }),
        },
      };

const logJson = (log: TrustedRootLog) => ({
  baseUrl: log.baseUrl,
  hashAlgorithm: 'SHA2_256',
  publicKey: { rawBytes: formatBase64(log.publicKey), keyDetails: log.keyDetails, ...period(log) },
  logId: { keyId: formatBase64(Buffer.from(log.logId, 'hex')) },
  ...(log.checkpointKeyId === undefined
    ? {}
    : { checkpointKeyId: { keyId: formatBase64(Buffer.from(log.checkpointKeyId, 'hex')) } }),
});

const authorityJson = (authority: TrustedRootAuthority) => ({
  subject: { organization: authority.organization, commonName: authority.commonName },
  uri: authority.uri,
  certChain: { certificates: authority.chain.map((der) => ({ rawBytes: formatBase64(der) })) },
  ...period(authority),
});

/**
 * The trusted root that a TUF repository publishes. What is wrong with it is not for the operator to mend.
 * @throws StellaError TRUSTED_ROOT_INVALID naming the target
 */
export function parsePublishedRoot({
  name,
  bytes,
}: {
  readonly name: string;
  readonly bytes: Uint8Array;
}): TrustedRoot {
  try {
    return parseTrustedRoot(bytes);
  } catch (cause) {
    if (!isStellaError(cause)) throw cause;
    throw new StellaError(cause.code, `the target ${name} of the TUF repository: ${cause.message}`, {
      cause,
      hint: 'no file of yours is wrong: whoever publishes the TUF repository has to publish a sound trusted root',
    });
  }
}

/** The inverse of {@link parseTrustedRoot}: one JSON document that every Sigstore client reads. */
export function formatTrustedRoot(root: TrustedRoot): Uint8Array {
  const document = {
    mediaType: TRUSTED_ROOT_MEDIA_TYPE,
    tlogs: root.tlogs.map(logJson),
    certificateAuthorities: root.certificateAuthorities.map(authorityJson),
    ctlogs: root.ctlogs.map(logJson),
    timestampAuthorities: root.timestampAuthorities.map(authorityJson),
  };
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

export { type AttestorTarget, assembleTrustedRoot, attestorTargets } from './assembled-root.ts';
