import type { Instant } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import type { VerifierTrust } from './authority/verifier-trust.ts';
import { type Parsed, parseAttestations } from './document/parse.ts';
import type { Verdict } from './verdict/verdict.ts';
import { unreadable } from './verdict/verdict.ts';
import { type VerifyOptions, verifyAttestation } from './verify.ts';

/** What is to be carried: a document with one or more attestations. */
export interface PreflightDocument {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Whether an attestation will verify with the trust that travels along, and why not. */
export interface PreflightResult {
  /** The document's name; with `#N` where it holds several. */
  readonly name: string;
  readonly verdict: Verdict;
  /** Absent when it will verify. */
  readonly error?: StellaError;
}

/**
 * Runs the verifier against what is about to be sealed: same code and same trust as on the other side, so what fails
 * here fails there.
 * @param trust of the repository, logs and keys that are being sealed
 */
export async function preflight(
  documents: readonly PreflightDocument[],
  trust: VerifierTrust,
  now: Instant,
  options: VerifyOptions = {},
): Promise<PreflightResult[]> {
  const results: PreflightResult[] = [];
  for (const { name, bytes } of documents) {
    const all = parse(bytes, name);
    for (const [i, parsed] of all.entries()) {
      const verdict =
        'error' in parsed
          ? unreadable(parsed.error, trust)
          : await verifyAttestation(parsed.attestation, trust, options, now);
      results.push({
        name: all.length === 1 ? name : `${name}#${i}`,
        verdict,
        ...(verdict.error ? { error: verdict.error } : {}),
      });
    }
  }
  return results;
}

function parse(bytes: Uint8Array, name: string): Parsed[] {
  try {
    return parseAttestations(bytes, name);
  } catch (error) {
    if (isStellaError(error)) return [{ error }];
    throw error;
  }
}
