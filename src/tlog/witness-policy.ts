import { excerpt, parseUtf8 } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { OpenedCheckpoint } from './checkpoint.ts';
import { parseNote, verifyNote } from './note.ts';
import { parseVerifierKey, type VerifierKey } from './verifier-key.ts';

/** A log that the policy accepts. */
export interface PolicyLog {
  readonly key: VerifierKey;
  readonly url?: string;
}

/** A witness, under the name that the policy file gives it. */
export interface PolicyWitness {
  readonly name: string;
  readonly key: VerifierKey;
  readonly url?: string;
}

/** What must have cosigned: a witness, or at least `threshold` of a group's members. */
export type QuorumRule =
  | { readonly witness: PolicyWitness }
  | { readonly group: string; readonly threshold: number; readonly members: readonly QuorumRule[] };

/** C2SP tlog-policy. */
export interface WitnessPolicy {
  /** Empty where the policy leaves the choice of logs to others. */
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** `undefined` for `quorum none`. */
  readonly quorum: QuorumRule | undefined;
}

export const MOST_POLICY_BYTES = 1024 * 1024;
const NONE = 'none';

class PolicyParser {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #rules = new Map<string, QuorumRule>();
  /** Names that are members of a group already: each may count in one way only. */
  readonly #members = new Set<string>();
  #quorum: { readonly rule: QuorumRule | undefined } | undefined;
  #line = 0;

  #invalid(why: string, cause?: unknown): StellaError {
    return new StellaError('POLICY_INVALID', `tlog policy, line ${this.#line}: ${why}`, { cause });
  }

  parse(text: string): WitnessPolicy {
    for (const line of text.split('\n')) {
      this.#line += 1;
      const items = line.split(/[ \t]+/).filter((item) => item !== '');
      const [keyword, ...rest] = items;
      if (keyword === undefined || keyword.startsWith('#')) continue;
      if (keyword === 'log') this.#log(rest);
      else if (keyword === 'witness') this.#witness(rest);
      else if (keyword === 'group') this.#group(rest);
      else if (keyword === 'quorum') this.#setQuorum(rest);
      else throw this.#invalid(`unknown keyword ${excerpt(keyword)}`);
    }
    if (!this.#quorum) throw this.#invalid('there is no quorum line');
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum.rule };
  }

  #log([vkey, url, ...rest]: string[]): void {
    if (vkey === undefined || rest.length > 0) throw this.#invalid('expected: log VKEY [URL]');
    const key = this.#key(vkey);
    if (key.type === 'cosignature/v1') throw this.#invalid('this is the key of a witness, not of a log');
    if (this.#logs.some((log) => log.key.publicKey.id === key.publicKey.id))
      throw this.#invalid('a log of this public key is listed already');
    this.#logs.push(url === undefined ? { key } : { key, url });
  }

  #witness([name, vkey, url, ...rest]: string[]): void {
    if (name === undefined || vkey === undefined || rest.length > 0)
      throw this.#invalid('expected: witness NAME VKEY [URL]');
    const key = this.#key(vkey);
    if (key.type !== 'cosignature/v1') throw this.#invalid('this is not the key of a witness (type 4)');
    if (this.#witnesses.some((witness) => witness.key.publicKey.id === key.publicKey.id))
      throw this.#invalid('a witness of this public key is listed already');
    const witness = url === undefined ? { name, key } : { name, key, url };
    this.#define(name, { witness });
    this.#witnesses.push(witness);
  }

  #group([name, threshold, ...members]: string[]): void {
    if (name === undefined || threshold === undefined || members.length === 0)
      throw this.#invalid('expected: group NAME all|any|K NAME...');
    const rules = members.map((member) => {
      const rule = this.#rules.get(member);
      if (!rule) throw this.#invalid(`${excerpt(member)} is not defined above`);
      if (this.#members.has(member)) throw this.#invalid(`${excerpt(member)} is a member already`);
      this.#members.add(member);
      return rule;
    });
    let k = threshold === 'all' ? rules.length : threshold === 'any' ? 1 : Number.NaN;
    if (/^[1-9][0-9]{0,8}$/.test(threshold)) k = Number(threshold);
    if (!(k >= 1 && k <= rules.length))
      throw this.#invalid(`a threshold is all, any or 1 to ${rules.length}, not ${excerpt(threshold)}`);
    this.#define(name, { group: name, threshold: k, members: rules });
  }

  #setQuorum([name, ...rest]: string[]): void {
    if (name === undefined || rest.length > 0) throw this.#invalid('expected: quorum NAME');
    if (this.#quorum) throw this.#invalid('there is a quorum line already');
    const rule = this.#rules.get(name);
    if (!rule && name !== NONE) throw this.#invalid(`${excerpt(name)} is not defined above`);
    this.#quorum = { rule };
  }

  #define(name: string, rule: QuorumRule): void {
    if (name === NONE) throw this.#invalid('the name none is reserved');
    if (this.#rules.has(name)) throw this.#invalid(`${excerpt(name)} is defined already`);
    this.#rules.set(name, rule);
  }

  #key(text: string): VerifierKey {
    try {
      // The file is octets; the names in keys are UTF-8.
      return parseVerifierKey(parseUtf8(Buffer.from(text, 'latin1'), 'KEY_INVALID'));
    } catch (cause) {
      if (isStellaError(cause)) throw this.#invalid(cause.message, cause);
      throw cause;
    }
  }
}

/**
 * A C2SP tlog-policy file → policy. Names stay octet strings, each octet a character.
 * @throws StellaError POLICY_INVALID, naming the line
 */
export function parseWitnessPolicy(bytes: Uint8Array): WitnessPolicy {
  if (bytes.length > MOST_POLICY_BYTES)
    throw new StellaError('POLICY_INVALID', 'the tlog policy is too large');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text))
    throw new StellaError(
      'POLICY_INVALID',
      'the tlog policy has control characters other than tab and line feed',
    );
  return new PolicyParser().parse(text);
}

/** A witness of a policy and whether it signed. */
export interface WitnessState {
  readonly name: string;
  /** Seconds since 1970; absent where it did not sign. */
  readonly cosignedAt?: bigint;
}

export interface PolicyState {
  readonly isMet: boolean;
  readonly witnesses: readonly WitnessState[];
}

function isMet(rule: QuorumRule, signed: ReadonlySet<string>): boolean {
  if ('witness' in rule) return signed.has(rule.witness.key.publicKey.id);
  return rule.members.filter((member) => isMet(member, signed)).length >= rule.threshold;
}

/** The keys to open a checkpoint with, so that {@link policyState} can judge it. */
export function witnessKeys(policy: WitnessPolicy | undefined): VerifierKey[] {
  return (policy?.witnesses ?? []).map(({ key }) => key);
}

/** Which witnesses signed a checkpoint that was opened with {@link witnessKeys}, and whether they are enough. */
export function policyState(
  policy: WitnessPolicy,
  { signedBy }: Pick<OpenedCheckpoint, 'signedBy'>,
): PolicyState {
  const times = new Map<string, bigint>();
  for (const { publicKey, cosignedAt } of signedBy)
    if (cosignedAt !== undefined) times.set(publicKey.id, cosignedAt);
  return {
    isMet: policy.quorum === undefined || isMet(policy.quorum, new Set(times.keys())),
    witnesses: policy.witnesses.map(({ name, key }) => {
      const cosignedAt = times.get(key.publicKey.id);
      return cosignedAt === undefined ? { name } : { name, cosignedAt };
    }),
  };
}

/**
 * {@link policyState} of a checkpoint whose log has been verified before: looks at the witnesses' signatures alone.
 * @throws StellaError NOTE_INVALID
 */
export function witnessState(policy: WitnessPolicy, checkpointBytes: Uint8Array): PolicyState {
  const note = parseNote(checkpointBytes);
  try {
    return policyState(policy, { signedBy: verifyNote(note, witnessKeys(policy)) });
  } catch (error) {
    if (!isStellaError(error, 'CHECKPOINT_SIGNATURE')) throw error;
    return policyState(policy, { signedBy: [] });
  }
}

/**
 * Checks a checkpoint that was opened with {@link witnessKeys} against the policy.
 * @throws StellaError CHECKPOINT_SIGNATURE when the policy lists logs and none of them signed, WITNESS_QUORUM
 */
export function checkWitnessPolicy(policy: WitnessPolicy | undefined, opened: OpenedCheckpoint): void {
  if (!policy) return;
  const { checkpoint, signedBy } = opened;
  const isListed = policy.logs.some(
    ({ key }) =>
      key.name === checkpoint.origin &&
      signedBy.some((by) => by.publicKey.id === key.publicKey.id && by.type === key.type),
  );
  if (policy.logs.length > 0 && !isListed)
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      `the tlog policy does not list the log ${excerpt(checkpoint.origin)}`,
    );
  const { isMet: met, witnesses } = policyState(policy, opened);
  if (met) return;
  const signed = witnesses.filter(({ cosignedAt }) => cosignedAt !== undefined).map(({ name }) => name);
  throw new StellaError(
    'WITNESS_QUORUM',
    `too few witnesses have cosigned the checkpoint of ${excerpt(checkpoint.origin)} at size ${checkpoint.size}: ${signed.length > 0 ? signed.join(', ') : 'none'}`,
    {
      details: {
        origin: checkpoint.origin,
        size: String(checkpoint.size),
        signed,
        missing: witnesses.filter(({ cosignedAt }) => cosignedAt === undefined).map(({ name }) => name),
      },
    },
  );
}
