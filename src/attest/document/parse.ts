/**
 * attest/document/: what was handed in: Sigstore bundles, DSSE envelopes, cosign bundles, JSON lines, artifacts, all
 * read as hostile bytes into one form. It parses strictly and within limits.ts; it never verifies a signature and knows
 * no trust. Where a document may be read in two ways it is refused, not interpreted.
 * Start here, then attestation.ts for the one form that everything else judges.
 */

import { isStellaError, StellaError } from '../../base/errors.ts';
import { decodeJsonText, type JsonRules, parseStrictJson, peekJson } from '../../base/json.ts';
import type { JsonObject } from '../../base/json-fields.ts';
import type { Attestation } from './attestation.ts';
import { isCosignBundle, parseCosignBundle } from './cosign-bundle.ts';
import { parseBareEnvelope } from './envelope.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { isSigstoreBundle, parseSigstoreBundle } from './sigstore-bundle.ts';

/** One attestation of a document, or why it is none. */
export type Parsed = { readonly attestation: Attestation } | { readonly error: StellaError };

/** Attestations in one list; a longer document is for JSON lines. */
const MOST_IN_LIST = 10_000;
const RULES: JsonRules = {
  code: 'PARSE_FAILED',
  maxDepth: ATTESTATION_LIMITS.jsonDepth,
  byteOrderMark: 'skip',
};

/**
 * A document with attestations, told apart by what is in it: a Sigstore bundle, a DSSE envelope, cosign's older bundle, a
 * list as GitHub's or npm's API gives it, a JSON array of any of these, or one of these per line.
 * @throws StellaError PARSE_FAILED when the document as a whole is none of these
 */
export function parseAttestations(document: Uint8Array, what: string): Parsed[] {
  if (document.length > ATTESTATION_LIMITS.documentBytes)
    throw new StellaError(
      'FILE_TOO_LARGE',
      `${what} is larger than ${ATTESTATION_LIMITS.documentBytes} bytes`,
    );
  const text = decodeJsonText(document, what, 'PARSE_FAILED');
  let value: unknown;
  try {
    value = parseStrictJson(text, what, RULES);
  } catch (error) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    // Only where the first line is a document of its own is this JSON lines; else the document itself is broken.
    if (!isStellaError(error) || lines.length < 2 || !peekJson(lines[0]!, 'skip')) throw error;
    return lines.flatMap((line, i) => parseLine(line, `${what} line ${i + 1}`));
  }
  return parseValue(value, what);
}

/** One line of JSON lines. */
export function parseLine(line: string, what: string): Parsed[] {
  try {
    return parseValue(parseStrictJson(line, what, RULES), what);
  } catch (error) {
    if (isStellaError(error)) return [{ error }];
    throw error;
  }
}

/** @throws StellaError PARSE_FAILED for a value that is no attestation and no list of them */
function parseValue(value: unknown, what: string): Parsed[] {
  if (Array.isArray(value)) return parseList(value, what);
  if (value === null || typeof value !== 'object') throw noAttestation(what);
  const fields = value as JsonObject;
  if (Array.isArray(fields['attestations'])) return parseList(fields['attestations'], `${what} attestations`);
  const inner = innerOf(fields);
  if (inner !== undefined) return [parseOne(inner)];
  return isAttestation(fields) ? [parseOne(fields)] : [{ error: noAttestation(what) }];
}

function parseList(items: readonly unknown[], what: string): Parsed[] {
  if (items.length > MOST_IN_LIST)
    throw new StellaError('PARSE_FAILED', `${what} has more than ${MOST_IN_LIST} attestations`, {
      hint: 'give them as JSON lines',
    });
  return items.map((item, i): Parsed => {
    const name = `${what} ${i}`;
    if (item === null || typeof item !== 'object' || Array.isArray(item))
      return { error: noAttestation(name) };
    const fields = item as JsonObject;
    return parseOne(innerOf(fields) ?? fields);
  });
}

/** Lists wrap attestations: GitHub and npm as `bundle`, `gh attestation verify` as `attestation.bundle`. */
function innerOf(fields: JsonObject): unknown {
  const { bundle, attestation } = fields;
  if ('bundle' in fields && !isAttestation(fields)) return bundle ?? {};
  if (attestation !== null && typeof attestation === 'object' && 'bundle' in attestation)
    return attestation.bundle;
  return undefined;
}

function isEnvelope(fields: JsonObject): boolean {
  return 'payload' in fields && 'signatures' in fields;
}

function isAttestation(fields: JsonObject): boolean {
  const { mediaType } = fields;
  const isNamed = typeof mediaType === 'string' && mediaType.includes('sigstore.bundle');
  return isNamed || isSigstoreBundle(fields) || isEnvelope(fields) || isCosignBundle(fields);
}

function parseOne(value: unknown): Parsed {
  try {
    const fields = (value ?? {}) as JsonObject;
    if (isCosignBundle(fields)) return { attestation: parseCosignBundle(fields) };
    if (!isSigstoreBundle(fields) && isEnvelope(fields)) return { attestation: bareEnvelope(fields) };
    return { attestation: parseSigstoreBundle(value) };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return { error };
  }
}

function bareEnvelope(fields: JsonObject): Attestation {
  return {
    form: 'dsse',
    content: parseBareEnvelope(fields),
    signer: { kind: 'key', hint: undefined },
    entries: [],
    timestamps: [],
  };
}

function noAttestation(what: string): StellaError {
  return new StellaError('PARSE_FAILED', `${what} is not an attestation`, {
    hint: 'give a Sigstore bundle, a DSSE envelope, or a list of them',
  });
}
