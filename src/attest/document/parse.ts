/**
 * attest/document/: what was handed in: Sigstore bundles, DSSE envelopes, cosign bundles, JSON lines, artifacts, all
 * read as hostile bytes into one form. It parses strictly and within limits.ts; it never verifies a signature and knows
 * no trust. Where a document may be read in two ways it is refused, not interpreted.
 * Start here, then attestation.ts for the one form that everything else judges.
 */

import { isStellaError, StellaError } from '../../base/errors.ts';
import { type JsonRules, parseStrictJson } from '../../base/json.ts';
import type { JsonObject } from '../../base/json-fields.ts';
import { splitLines } from '../../base/streams.ts';
import type { Attestation } from './attestation.ts';
import { isEnvelope, parseBareAttestation } from './bare-envelope.ts';
import { splitConcatenated } from './concatenated.ts';
import { isCosignBundle, parseCosignBundle } from './cosign-bundle.ts';
import { isCosignSignature, parseCosignSignature } from './cosign-signature.ts';
import { foreignDocument } from './foreign.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { joinPublished } from './npm-document.ts';
import { isPep740, parsePep740 } from './pep740.ts';
import {
  isBlank,
  isMeantAsAttestation,
  isObjectLine,
  isSigstoreMediaType,
  isTextMeantAsAttestation,
  type SkipReason,
  startsAsJson,
} from './recognize.ts';
import { isSigstoreBundle, parseSigstoreBundle } from './sigstore-bundle.ts';

/** One attestation of a document, or why it is none. */
export type Parsed = { readonly attestation: Attestation } | { readonly error: StellaError };

/** Attestations in one list; a longer document is for JSON lines. */
const MAX_IN_LIST = 10_000;
/** Attestations of one list that cannot be read, before the rest of it is left. */
const MAX_BROKEN_IN_LIST = 100;
/** JSON lines that are held at once. */
const MAX_IN_DOCUMENT = 100_000;
const RULES: JsonRules = {
  code: 'PARSE_FAILED',
  maxDepth: ATTESTATION_LIMITS.jsonDepth,
  freeValues: ATTESTATION_LIMITS.jsonValues,
  byteOrderMark: 'skip',
};

/** What a document turned out to hold. */
export interface DocumentContent {
  readonly parsed: readonly Parsed[];
  /** Why it was not even meant to hold attestations, where it was not. */
  readonly other?: SkipReason;
}

/**
 * A document with attestations, told apart by what is in it: a Sigstore bundle, a DSSE envelope, cosign's older bundle, a
 * list as GitHub's or npm's API gives it, a JSON array of any of these, or one of these per line.
 * @throws StellaError PARSE_FAILED when the document as a whole is none of these, FILE_TOO_LARGE
 */
export function parseAttestations(document: Uint8Array, what: string): Parsed[] {
  if (document.length > ATTESTATION_LIMITS.documentBytes) throw tooLarge(what);
  if (areJsonLines([document])) {
    const parsed: Parsed[] = [];
    for (const { number, bytes } of splitLines([document], ATTESTATION_LIMITS.documentBytes)) {
      if (bytes && !isBlank(bytes)) parsed.push(...parseLine(bytes, `${what} line ${number}`));
      if (parsed.length > MAX_IN_DOCUMENT)
        throw new StellaError('PARSE_FAILED', `${what} has more than ${MAX_IN_DOCUMENT} attestations`, {
          hint: 'split it',
        });
    }
    return parsed;
  }
  const { parsed, other } = parseDocument(document, what);
  const [only] = parsed;
  if (other !== undefined && only && 'error' in only) throw only.error;
  return [...parsed];
}

/** One document, with one attestation or a list of them. Whatever is wrong with it is in the answer. */
export function parseDocument(document: Uint8Array, what: string): DocumentContent {
  const refused = (error: StellaError, other?: SkipReason): DocumentContent => ({
    parsed: [{ error }],
    ...(other === undefined ? {} : { other }),
  });
  if (document.length > ATTESTATION_LIMITS.documentBytes)
    return refused(tooLarge(what), 'too large for one document');
  if (isBlank(document)) return refused(new StellaError('PARSE_FAILED', `${what} is empty`), 'empty');
  let value: unknown;
  try {
    value = parseStrictJson(document, what, RULES);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    const parts = splitConcatenated(document, MAX_IN_LIST);
    if (parts) return parseParts(parts, what);
    const isMeant =
      startsAsJson(document) && isTextMeantAsAttestation(Buffer.from(document).toString('latin1'));
    return refused(error, isMeant ? undefined : 'not JSON');
  }
  try {
    const parsed = parseValue(value, what);
    if (parsed.length === 0) return { parsed, other: 'an empty list' };
    return isMeantAsAttestation(value) ? { parsed } : { parsed, other: 'no attestation' };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return refused(error, isMeantAsAttestation(value) ? undefined : 'no attestation');
  }
}

/** Documents one behind another, as `gh api --paginate` and `jq` print them. */
function parseParts(parts: readonly Uint8Array[], what: string): DocumentContent {
  const all = parts.map((part, i) => parseDocument(part, `${what} part ${i + 1}`));
  const meant = all.filter(({ other }) => other === undefined);
  return meant.length > 0
    ? { parsed: all.flatMap(({ parsed }) => parsed) }
    : { parsed: all.flatMap(({ parsed }) => parsed), other: 'no attestation' };
}

/**
 * Whether bytes are JSON lines: the first line that is not blank is an object by itself, and another one follows it.
 * @param chunks read only as far as it takes
 */
export function areJsonLines(chunks: Iterable<Uint8Array>): boolean {
  let isFirst = true;
  for (const { bytes } of splitLines(chunks, ATTESTATION_LIMITS.documentBytes)) {
    if (!isFirst && (!bytes || !isBlank(bytes))) return true;
    if (!bytes) return false;
    if (isBlank(bytes)) continue;
    if (!isObjectLine(bytes)) return false;
    isFirst = false;
  }
  return false;
}

/** One line of JSON lines. */
export function parseLine(line: Uint8Array, what: string): readonly Parsed[] {
  return parseDocument(line, what).parsed;
}

function tooLarge(what: string): StellaError {
  return new StellaError(
    'FILE_TOO_LARGE',
    `${what} is larger than ${ATTESTATION_LIMITS.documentBytes} bytes`,
    {
      hint: 'split it, or give its attestations as JSON lines',
    },
  );
}

/** @throws StellaError PARSE_FAILED for a value that is no attestation and no list of them */
function parseValue(value: unknown, what: string): Parsed[] {
  if (Array.isArray(value)) return parseList(value, what);
  if (value === null || typeof value !== 'object') throw noAttestation(what);
  const fields = value as JsonObject;
  if (Array.isArray(fields['attestations'])) return parseList(fields['attestations'], `${what} attestations`);
  const { attestation_bundles: publishers, provenance_summary: summary } = fields;
  if (Array.isArray(publishers))
    return parseList(publishers.flatMap(attestationsOfPublisher), `${what} attestation`);
  if (isObject(summary) && Array.isArray(summary['provenance']))
    return parseList(summary['provenance'], `${what} provenance`);
  return [parseItem(fields, what)];
}

const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** PyPI's integrity API gives attestations by their publishers, of which nothing that is said is signed. */
function attestationsOfPublisher(value: unknown): readonly unknown[] {
  return isObject(value) && Array.isArray(value['attestations']) ? value['attestations'] : [value];
}

function parseItem(fields: JsonObject, what: string): Parsed {
  const inner = innerOf(fields);
  if (inner !== undefined) return parseOne(inner, what);
  return isAttestation(fields)
    ? parseOne(fields, what)
    : { error: foreignDocument(fields, what) ?? noAttestation(what) };
}

function parseList(items: readonly unknown[], what: string): Parsed[] {
  if (items.length > MAX_IN_LIST)
    throw new StellaError('PARSE_FAILED', `${what} has more than ${MAX_IN_LIST} attestations`, {
      hint: 'give them as JSON lines',
    });
  const parsed: Parsed[] = [];
  let broken = 0;
  for (const [i, item] of items.entries()) {
    const name = `${what} ${i}`;
    const each =
      item === null || typeof item !== 'object' || Array.isArray(item)
        ? { error: noAttestation(name) }
        : parseItem(item as JsonObject, name);
    if ('error' in each) broken += 1;
    parsed.push(each);
    if (broken < MAX_BROKEN_IN_LIST || i === items.length - 1) continue;
    const error = new StellaError(
      'PARSE_FAILED',
      `${what}: ${broken} of its attestations cannot be read; those after them were not tried`,
    );
    return [...parsed, { error }];
  }
  return joinPublished(items, parsed);
}

/**
 * Lists wrap attestations: GitHub and npm as `bundle`, `gh attestation verify` as `attestation.bundle`, `gcloud artifacts
 * docker images describe --show-provenance` as `envelope`.
 */
function innerOf(fields: JsonObject): unknown {
  const { bundle, attestation, envelope } = fields;
  if (isAttestation(fields)) return undefined;
  if (bundle !== undefined && bundle !== null) return bundle;
  if (attestation !== null && typeof attestation === 'object' && 'bundle' in attestation)
    return attestation.bundle;
  return envelope !== null && typeof envelope === 'object' && isEnvelope(envelope as JsonObject)
    ? envelope
    : undefined;
}

function isAttestation(fields: JsonObject): boolean {
  return (
    isSigstoreMediaType(fields['mediaType']) ||
    isSigstoreBundle(fields) ||
    isEnvelope(fields) ||
    isCosignBundle(fields) ||
    isCosignSignature(fields)
  );
}

function parseOne(value: unknown, what: string): Parsed {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return { error: noAttestation(what) };
  try {
    const fields = value as JsonObject;
    if (isCosignBundle(fields)) return { attestation: parseCosignBundle(fields) };
    if (isCosignSignature(fields)) return { attestation: parseCosignSignature(fields) };
    if (isPep740(fields)) return { attestation: parsePep740(fields) };
    if (!isSigstoreBundle(fields) && isEnvelope(fields)) return { attestation: parseBareAttestation(fields) };
    return { attestation: parseSigstoreBundle(value) };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return { error };
  }
}

function noAttestation(what: string): StellaError {
  return new StellaError('PARSE_FAILED', `${what} is not an attestation`, {
    hint: 'give a Sigstore bundle, a DSSE envelope, or a list of them',
  });
}
