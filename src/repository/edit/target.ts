import { X509Certificate } from 'node:crypto';
import { sha256Hex } from '../../base/bytes.ts';
import { formatInstant, type Instant, parseInstant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { parseStrictJson } from '../../base/json.ts';
import { parsePublicKey } from '../../base/keys.ts';
import { nearest, SLIPS } from '../../base/nearest.ts';
import { parseServiceMap } from '../../config/service-map.ts';
import type { TargetEntry } from '../../tuf/metadata.ts';
import { USAGES, type Usage } from '../directory/vocabulary.ts';

const SIGSTORE_USAGES: ReadonlySet<string> = new Set(['Rekor', 'Fulcio', 'CTFE', 'TSA']);

/** What is to be said about a target besides its content. */
export interface TargetFacts {
  readonly usage: Usage;
  readonly status?: 'Active' | 'Expired';
  /** Where the service is that uses the key or certificate. */
  readonly uri?: string;
  readonly validFrom?: Instant;
  readonly validUntil?: Instant;
}

const BY_NAME: readonly [RegExp, Usage][] = [
  [/^trusted_root\.json$/, 'trusted-root'],
  [/^rekor/i, 'Rekor'],
  [/^fulcio/i, 'Fulcio'],
  [/^ctfe/i, 'CTFE'],
  [/^tsa/i, 'TSA'],
  [/^bundle-signer/i, 'bundle-signer'],
  [/^attestor/i, 'attestor'],
  [/^sigstore-services/i, 'service-map'],
];

/** The usage that a target's name suggests, by the names that the configuration's defaults have. */
export function usageOfName(name: string): Usage {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return BY_NAME.find(([pattern]) => pattern.test(base))?.[1] ?? 'other';
}

/** What the names begin with that the configuration's defaults and {@link usageOfName} know. */
const KNOWN_NAMES = [
  'attestor',
  'attestor-key',
  'bundle-signer',
  'fulcio',
  'fulcio-chain',
  'rekor',
  'rekor-key',
  'sigstore-services',
  'trusted_root',
];

/**
 * The name that a target of usage `other` was probably meant to have: one or two slips, and clients use it for nothing.
 * @returns with the version and the extension of the name that was given; `undefined` where none is near
 */
export function resembledName(name: string): string | undefined {
  if (usageOfName(name) !== 'other') return undefined;
  const slash = name.lastIndexOf('/') + 1;
  const [, stem = '', rest = ''] = /^(.*?)((?:-v?\d+)?(?:\.[^/.]*)?)$/.exec(name.slice(slash)) ?? [];
  const meant = nearest(stem.toLowerCase(), KNOWN_NAMES, SLIPS);
  return meant === undefined ? undefined : `${name.slice(0, slash)}${meant}${rest}`;
}

/**
 * The `custom` field of a target: `sigstore` as the root-signing repository writes it, `stella` for what it lacks.
 * @throws StellaError USAGE
 */
export function formatCustom(facts: TargetFacts): NonNullable<TargetEntry['custom']> {
  const { usage, status, uri, validFrom, validUntil } = facts;
  if (validFrom !== undefined && validUntil !== undefined && validUntil <= validFrom)
    throw new StellaError('USAGE', '--valid-until must be later than --valid-from');
  const isSigstore = SIGSTORE_USAGES.has(usage);
  const stella = {
    ...(isSigstore || usage === 'other' ? {} : { usage }),
    ...(validFrom === undefined ? {} : { valid_from: formatInstant(validFrom) }),
    ...(validUntil === undefined ? {} : { valid_until: formatInstant(validUntil) }),
  };
  return {
    ...(isSigstore
      ? { sigstore: { status: status ?? 'Active', usage, ...(uri === undefined ? {} : { uri }) } }
      : {}),
    ...(Object.keys(stella).length > 0 ? { stella } : {}),
  };
}

/** What a target's `custom` field says; unknown usages are `other`. */
export function parseCustom(custom: TargetEntry['custom']): TargetFacts {
  const sigstore = record(custom?.['sigstore']);
  const stella = record(custom?.['stella']);
  const usage = USAGES.find((known) => known === (stella['usage'] ?? sigstore['usage'])) ?? 'other';
  const instant = (value: unknown) => (typeof value === 'string' ? parseInstant(value) : undefined);
  const validFrom = instant(stella['valid_from']);
  const validUntil = instant(stella['valid_until']);
  const uri = sigstore['uri'];
  return {
    usage,
    ...(sigstore['status'] === 'Active' || sigstore['status'] === 'Expired'
      ? { status: sigstore['status'] }
      : {}),
    ...(typeof uri === 'string' ? { uri } : {}),
    ...(validFrom === undefined ? {} : { validFrom }),
    ...(validUntil === undefined ? {} : { validUntil }),
  };
}

function record(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
}

/** A target's entry in the metadata. */
export function makeTarget(bytes: Uint8Array, facts: TargetFacts): TargetEntry {
  const custom = formatCustom(facts);
  return {
    length: bytes.length,
    hashes: { sha256: sha256Hex(bytes) },
    ...(Object.keys(custom).length > 0 ? { custom } : {}),
  };
}

/**
 * Refuses content that no verifier could use as what it is published for.
 * @throws StellaError TARGET_INVALID
 */
export function checkTargetContent(name: string, bytes: Uint8Array, usage: Usage): void {
  try {
    switch (usage) {
      case 'Rekor':
      case 'CTFE':
      case 'bundle-signer':
      case 'attestor':
        parsePublicKey(bytes);
        return;
      case 'Fulcio':
      case 'TSA':
        checkCertificates(bytes);
        return;
      case 'service-map':
        parseServiceMap(bytes, name);
        return;
      case 'trusted-root':
        parseStrictJson(bytes, name, { code: 'PARSE_FAILED', byteOrderMark: 'skip' });
        return;
      case 'other':
        return;
    }
  } catch (cause) {
    if (!isStellaError(cause)) throw cause;
    throw new StellaError('TARGET_INVALID', `${name} cannot be of usage ${usage}: ${cause.message}`, {
      cause,
      hint: 'give the right file, or the right --usage',
    });
  }
}

function checkCertificates(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new StellaError('PARSE_FAILED', 'it has no PEM certificate');
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw new StellaError('PARSE_FAILED', 'it has a malformed certificate', { cause });
    }
  }
}
