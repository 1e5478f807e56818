import { resolve } from 'node:path';
import type { Artifact } from '../attest/document/artifact.ts';
import { type Policy, type PolicyRule, ruleFor } from '../attest/policy/policy.ts';
import { parsePolicy } from '../attest/policy/policy-file.ts';
import { StellaError } from '../base/errors.ts';
import { checkGiven } from './given.ts';

/** A policy file that was read: what it requires of the attestations of an artifact. */
export interface PolicyFile {
  /** How it is called in messages. */
  readonly name: string;
  /** How many rules it has; the first that fits the artifact's name counts. */
  readonly rules: number;
}

/** Beside the public value, so that nothing of a rule can be altered after it was checked. */
const policies = new WeakMap<PolicyFile, Policy>();

/**
 * Reads a policy file (schemas/policy.schema.json), the same that `stella attest verify --policy` takes.
 * @param json the bytes of the file
 * @throws StellaError POLICY_INVALID naming the field
 */
export function parsePolicyFile(json: Uint8Array, options: { readonly name: string }): PolicyFile {
  checkGiven('parsePolicyFile', { json }, { json: 'object' });
  checkGiven('parsePolicyFile', options, { name: 'text' });
  const policy = parsePolicy(json, options.name);
  const file = { name: options.name, rules: policy.rules.length };
  policies.set(file, policy);
  return file;
}

/**
 * The rule for an artifact. One that is named by its digest, or came from a pipe, has no name that patterns could fit.
 * @throws StellaError POLICY_UNSATISFIED when there is none, USAGE for a policy that `parsePolicyFile` did not make
 */
export function ruleOfPolicy(file: PolicyFile, artifact: Artifact | undefined): PolicyRule {
  const policy = policies.get(file);
  if (!policy) throw new StellaError('USAGE', 'a policy must come from parsePolicyFile');
  const { name, realPath } = artifact ?? {};
  if (name === undefined || realPath === null || /^sha(?:256|384|512):/.test(name))
    return ruleFor(policy, undefined);
  return ruleFor(policy, { given: realPath ?? name, cwd: resolve('.'), real: realPath });
}
