import { readBounded } from '../base/files.ts';
import { MOST_POLICY_BYTES, parseWitnessPolicy, type WitnessPolicy } from '../tlog/witness-policy.ts';

/** @throws StellaError POLICY_INVALID, FILE_NOT_FOUND, FILE_UNREADABLE */
export function loadWitnessPolicy(path: string): WitnessPolicy {
  return parseWitnessPolicy(readBounded(path, MOST_POLICY_BYTES));
}
