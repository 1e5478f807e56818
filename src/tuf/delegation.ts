import { createHash } from 'node:crypto';
import { StellaError } from '../base/errors.ts';
import type { SuccinctRoles, TufTargets } from './metadata.ts';
import { isInPattern } from './path-pattern.ts';
import type { SigningRule } from './signature.ts';

/** 16,384 bins; more would be a repository of hundreds of millions of targets. */
export const MAX_BIN_BITS = 14;

/**
 * The roles that a targets role delegates to, each with who must sign it, in order of precedence.
 * @throws StellaError TUF_INVALID for more hash bins than can be visited
 */
export function delegationsOf(metadata: TufTargets): [string, SigningRule][] {
  const { delegations } = metadata.signed;
  if (!delegations) return [];
  const { keys, roles, succinct_roles: bins } = delegations;
  if (roles) return roles.map(({ name, keyids, threshold }) => [name, { keys, keyids, threshold }]);
  if (!bins) return [];
  return binNames(bins).map((name) => [name, { keys, keyids: bins.keyids, threshold: bins.threshold }]);
}

/** Who must sign `role` according to a role that delegates to it; `undefined` where it does not. */
export function delegationRule({ signed }: TufTargets, role: string): SigningRule | undefined {
  const { keys = {}, roles, succinct_roles: bins } = signed.delegations ?? {};
  const rule = roles ? roles.find(({ name }) => name === role) : bins && isBin(bins, role) ? bins : undefined;
  return rule && { keys, keyids: rule.keyids, threshold: rule.threshold };
}

/** A role that may speak for a target. */
export interface Delegate {
  readonly role: string;
  /** Whether the search ends with it, found or not. */
  readonly terminating: boolean;
}

/** Which of the roles that `delegator` delegates to may speak for a target, the most trusted first (§5.6.7.2). */
export function delegatesFor({ signed }: TufTargets, target: string): Delegate[] {
  const { roles, succinct_roles: bins } = signed.delegations ?? {};
  if (!roles) return bins ? [{ role: binOf(bins, target), terminating: true }] : [];
  const hash = createHash('sha256').update(target).digest('hex');
  return roles
    .filter(
      ({ paths, path_hash_prefixes: prefixes }) =>
        paths?.some((pattern) => isInPattern(target, pattern)) ??
        prefixes?.some((prefix) => hash.startsWith(prefix)),
    )
    .map(({ name, terminating }) => ({ role: name, terminating }));
}

/**
 * The names of all hash bins, in order (TAP 15).
 * @throws StellaError TUF_INVALID for more than can be visited
 */
export function binNames(bins: SuccinctRoles): string[] {
  if (bins.bit_length > MAX_BIN_BITS)
    throw new StellaError(
      'TUF_INVALID',
      `${2 ** bins.bit_length} hash bins are more than ${2 ** MAX_BIN_BITS}`,
    );
  return Array.from({ length: 2 ** bins.bit_length }, (_, bin) => binName(bins, bin));
}

/** The hash bin of a target (TAP 15): the leading bits of the SHA-256 of its name. */
export function binOf(bins: SuccinctRoles, target: string): string {
  const digest = createHash('sha256').update(target).digest();
  return binName(bins, digest.readUInt32BE() >>> (32 - bins.bit_length));
}

/** Whether a role is one of the hash bins. */
export function isBin(bins: SuccinctRoles, role: string): boolean {
  const digits = role.slice(bins.name_prefix.length + 1);
  return /^[0-9a-f]{1,8}$/.test(digits) && binName(bins, Number.parseInt(digits, 16)) === role
    ? Number.parseInt(digits, 16) < 2 ** bins.bit_length
    : false;
}

function binName({ bit_length: bits, name_prefix: prefix }: SuccinctRoles, bin: number): string {
  const digits = (2 ** bits - 1).toString(16).length;
  return `${prefix}-${bin.toString(16).padStart(digits, '0')}`;
}
