import { excerpt } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import type { AttestationCheckOutcome } from '../verdict/check-list.ts';

/** What cosign calls the predicate types that it knows (cosign's doc/cosign_verify-attestation.md), and in-toto's own. */
const SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ['custom', 'https://cosign.sigstore.dev/attestation/v1'],
  ['cyclonedx', 'https://cyclonedx.org/bom'],
  ['link', 'https://in-toto.io/Link/v1'],
  ['openvex', 'https://openvex.dev/ns'],
  ['slsaprovenance', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance02', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance1', 'https://slsa.dev/provenance/v1'],
  ['spdx', 'https://spdx.dev/Document'],
  ['spdxjson', 'https://spdx.dev/Document'],
  ['vuln', 'https://cosign.sigstore.dev/attestation/vuln/v1'],
]);

/**
 * A predicate type as given on the command line: a URI (in-toto Statement v1, `predicateType`), or one of cosign's
 * shorthands for one.
 * @throws StellaError USAGE for anything else, e.g. a path that was meant for something else
 */
export function parsePredicateType(text: string): string {
  const known = SHORTHANDS.get(text);
  if (known !== undefined) return known;
  // A scheme of one letter would be a drive of Windows.
  if (/^[A-Za-z][A-Za-z0-9+.-]+:[^\s\\]+$/.test(text)) return text;
  throw new StellaError('USAGE', `--type takes a URI, not ${excerpt(text)}`, {
    hint: [
      'e.g. --type https://slsa.dev/provenance/v1',
      `or one of the shorthands ${[...SHORTHANDS.keys()].join(', ')}`,
    ],
  });
}

/**
 * The check `predicate`.
 * @param wanted any of them will do; none: not checked
 * @throws StellaError PREDICATE_MISMATCH
 */
export function checkPredicateType(
  wanted: readonly string[] | undefined,
  found: string | undefined,
): Omit<AttestationCheckOutcome, 'name'> {
  if (!wanted || wanted.length === 0) return { result: 'not-checked', detail: found ?? 'no statement' };
  if (found === undefined || !wanted.includes(found))
    throw new StellaError(
      'PREDICATE_MISMATCH',
      found === undefined
        ? 'a predicate type is required, but the attestation has no in-toto statement'
        : `the predicate is of type ${found}, required is ${wanted.join(' or ')}`,
      { details: { expected: wanted, found: found ?? null } },
    );
  return { result: 'passed', detail: found };
}
