import { createHash } from 'node:crypto';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { HashAlgorithm, PublicKey } from '../base/keys.ts';
import type { Artifact } from './artifact.ts';
import type { Attestation, LogEntry } from './attestation.ts';
import { checkAttestorAt, chooseAttestor } from './attestor.ts';
import { checkValidAt, type JudgedCertificate } from './chain.ts';
import { type Consistency, checkConsistencyWithHeld } from './consistency.ts';
import { IN_TOTO_PAYLOAD_TYPE, preAuthEncoding } from './envelope.ts';
import { checkIdentity, type IdentityRule, isIdentityRuleEmpty } from './identity-rule.ts';
import { checkEntry } from './log-entry.ts';
import { checkCheckpoint, checkPromise, checkProof, type ProvenCheckpoint } from './log-proof.ts';
import type { AttestorKey } from './material.ts';
import { isAttestationSignature, isDigestSignature, isMessageSignature } from './signature.ts';
import { parseStatement, type Statement } from './statement.ts';
import { matchArtifact } from './subject.ts';
import { checkTimestamp, parseTimestamp } from './timestamp.ts';
import type { VerifierTrust } from './trust.ts';
import {
  CHECKS,
  type CheckName,
  type CheckOutcome,
  type LogEvidence,
  type Verdict,
  type VerifiedSigner,
} from './verdict.ts';

export interface VerifyOptions {
  readonly artifact?: Artifact | undefined;
  readonly identity?: IdentityRule | undefined;
  /** Whether an identity rule is required. */
  readonly requireIdentity?: boolean;
  /** With this key only; a certificate-signed attestation is then refused. */
  readonly key?: AttestorKey | undefined;
  /** Predicate types of which the statement's must be one. */
  readonly predicateTypes?: readonly string[] | undefined;
  /** Whether the attestation must be shown to be logged (default). */
  readonly requireLog?: boolean;
  /** Further rules over what has been verified; throws what is not satisfied. */
  readonly policy?: ((verified: PolicyInput) => void) | undefined;
}

/** What a policy may judge: verified facts only. */
export interface PolicyInput {
  readonly signer: VerifiedSigner;
  readonly signedAt: Instant | undefined;
  readonly logs: readonly LogEvidence[];
  readonly statement: Statement | undefined;
  readonly artifact: Artifact | undefined;
}

/** A trusted instant at which the signature existed. */
interface SigningTime {
  readonly time: Instant;
  readonly source: string;
}

/**
 * Judges one attestation. Everything that fails is in the verdict; nothing about the attestation makes this throw.
 * @param now the present, for what has no other time to be judged at
 */
export async function verifyAttestation(
  attestation: Attestation,
  trust: VerifierTrust,
  options: VerifyOptions,
  now: Instant,
): Promise<Verdict> {
  return await new Verification(attestation, trust, options, now).run();
}

/** The verdict on something that could not even be read as an attestation. */
export function unreadable(error: StellaError, trust: VerifierTrust): Verdict {
  return {
    verified: false,
    error,
    checks: CHECKS.map((name, i) =>
      i === 0
        ? { name, result: 'failed', code: error.code, detail: error.message }
        : { name, result: 'skipped' },
    ),
    identityChecked: false,
    artifactChecked: false,
    logs: [],
    trust: trust.origin,
  };
}

class Verification {
  readonly #attestation: Attestation;
  readonly #trust: VerifierTrust;
  readonly #options: VerifyOptions;
  readonly #now: Instant;
  readonly #outcomes: CheckOutcome[] = [];
  #error: StellaError | undefined;
  #signed: Buffer | undefined;
  #statement: Statement | undefined;
  #certificate: JudgedCertificate | undefined;
  #attestor: AttestorKey | undefined;
  #times: readonly SigningTime[] = [];
  #timesError: StellaError | undefined;
  readonly #checkpoints: { entry: LogEntry; proven: ProvenCheckpoint }[] = [];
  #logs: LogEvidence[] = [];

  constructor(attestation: Attestation, trust: VerifierTrust, options: VerifyOptions, now: Instant) {
    this.#attestation = attestation;
    this.#trust = trust;
    this.#options = options;
    this.#now = now;
  }

  async run(): Promise<Verdict> {
    for (const name of CHECKS) {
      if (this.#error) {
        this.#outcomes.push({ name, result: 'skipped' });
        continue;
      }
      try {
        const outcome = name === 'consistency' ? await this.#consistency() : this.#judge(name);
        this.#outcomes.push({ name, ...outcome });
      } catch (error) {
        if (!isStellaError(error)) throw error;
        this.#error = error;
        this.#outcomes.push({ name, result: 'failed', code: error.code, detail: error.message });
      }
    }
    return this.#verdict();
  }

  #judge(name: Exclude<CheckName, 'consistency'>): Omit<CheckOutcome, 'name'> {
    switch (name) {
      case 'envelope':
        return this.#envelope();
      case 'certificate':
        return this.#judgeCertificate();
      case 'key':
        return this.#judgeKey();
      case 'signature':
        return this.#signature();
      case 'sct':
        return this.#sct();
      case 'signing-time':
        return this.#signingTime();
      case 'log-entry':
        return this.#logEntry();
      case 'checkpoint':
        return this.#checkpoint();
      case 'inclusion':
        return this.#inclusion();
      case 'artifact':
        return this.#artifact();
      case 'identity':
        return this.#identity();
      case 'predicate':
        return this.#predicate();
      case 'policy':
        return this.#policy();
      case 'freshness':
        return this.#freshness();
    }
  }

  #envelope(): Omit<CheckOutcome, 'name'> {
    const { content } = this.#attestation;
    if (content.kind === 'dsse') {
      this.#signed = preAuthEncoding(content.payloadType, content.payload);
      if (content.payloadType === IN_TOTO_PAYLOAD_TYPE) this.#statement = parseStatement(content.payload);
    }
    // Times are needed before certificates can be judged; whether there are enough of them is judged in its turn.
    try {
      this.#times = this.#findTimes();
    } catch (error) {
      if (!isStellaError(error)) throw error;
      this.#timesError = error;
    }
    return { result: 'passed', detail: this.#attestation.form };
  }

  #findTimes(): SigningTime[] {
    const { content, entries, timestamps } = this.#attestation;
    const times: SigningTime[] = [];
    const signature = content.kind === 'dsse' ? content.signatures[0]!.sig : content.signature;
    for (const der of timestamps) {
      const { time, authority } = checkTimestamp(
        parseTimestamp(der),
        signature,
        this.#trust.timestampAuthorities,
      );
      times.push({ time, source: authority.uri === '' ? 'timestamp authority' : authority.uri });
    }
    for (const entry of entries) {
      if (!entry.signedEntryTimestamp) continue;
      times.push({ time: checkPromise(entry, this.#trust.logs), source: this.#nameOfLog(entry) });
    }
    return times.sort((a, b) => a.time - b.time);
  }

  #nameOfLog(entry: LogEntry): string {
    return this.#trust.logs.find((log) => log.logId === entry.logId)?.origin ?? entry.logId;
  }

  #judgeCertificate(): Omit<CheckOutcome, 'name'> {
    const { signer } = this.#attestation;
    if (signer.kind !== 'certificate') return { result: 'not-applicable' };
    if (this.#options.key)
      throw new StellaError(
        'SIGNER_UNTRUSTED',
        'a key was given, but the attestation is signed with a certificate',
        {
          hint: 'leave out --key, or get the attestation that is signed with this key',
        },
      );
    this.#certificate = this.#trust.certificates.judge(signer.certificates);
    checkValidAt(
      this.#certificate,
      this.#times.map(({ time }) => time),
    );
    return { result: 'passed', detail: `issued by ${this.#certificate.issuers[0]!.authority.uri}` };
  }

  #judgeKey(): Omit<CheckOutcome, 'name'> {
    const { signer, content } = this.#attestation;
    if (signer.kind !== 'key') return { result: 'not-applicable' };
    this.#attestor = chooseAttestor(this.#attestation, this.#options.key, this.#trust, (key) =>
      content.kind === 'dsse'
        ? content.signatures.some(({ sig }) => isAttestationSignature(key, this.#signed!, sig))
        : this.#isMessageSigned(key),
    );
    // A time that cannot be trusted is refused in its own turn; until then the key is judged by the others.
    if (!this.#timesError)
      checkAttestorAt(
        this.#attestor,
        this.#times.map(({ time }) => time),
        this.#trust.origin.sealedAt ?? this.#now,
      );
    return { result: 'passed', detail: this.#attestor.name };
  }

  #signature(): Omit<CheckOutcome, 'name'> {
    const { content } = this.#attestation;
    if (!this.#certificate) return { result: 'passed' }; // the key was chosen by it
    const { key } = this.#certificate;
    const holds =
      content.kind === 'dsse'
        ? isAttestationSignature(key, this.#signed!, content.signatures[0]!.sig)
        : this.#isMessageSigned(key);
    if (!holds)
      throw new StellaError(
        'SIGNATURE_INVALID',
        'Signature verification failed: it is not by the certified key',
      );
    return { result: 'passed', detail: key.algorithm };
  }

  /** Whether the key signed the artifact, or (where the artifact is another or absent) what the attestation says it is. */
  #isMessageSigned(key: PublicKey): boolean {
    const { content } = this.#attestation;
    if (content.kind !== 'message') return false;
    const { artifact } = this.#options;
    const hash = content.digest?.algorithm ?? 'sha256';
    const claimed = content.digest?.value;
    const found = artifact?.digests[hash];
    const isClaimed = claimed === undefined || found === claimed.toString('hex');
    if (artifact?.bytes && isClaimed) return isMessageSignature(key, artifact.bytes, content.signature, hash);
    const digest = claimed ?? (found === undefined ? undefined : Buffer.from(found, 'hex'));
    if (!digest)
      throw new StellaError(
        'ARTIFACT_REQUIRED',
        `the attestation does not say what it signs: its ${hash} is needed`,
      );
    return isDigestSignature(key, digest, content.signature, hash);
  }

  #sct(): Omit<CheckOutcome, 'name'> {
    const sct = this.#certificate?.sct;
    if (sct === undefined) return { result: 'not-applicable' };
    if (sct instanceof StellaError) throw sct;
    if (sct === 'none-needed') return { result: 'not-applicable', detail: 'this trust has no CT log' };
    return { result: 'passed', detail: `${sct.length} CT log${sct.length === 1 ? '' : 's'}` };
  }

  #signingTime(): Omit<CheckOutcome, 'name'> {
    if (this.#timesError) throw this.#timesError;
    const first = this.#times[0];
    if (first) return { result: 'passed', detail: `${formatInstant(first.time)} by ${first.source}` };
    if (this.#certificate)
      throw new StellaError(
        'TIMESTAMP_INVALID',
        'nobody who is trusted says when the attestation was signed',
      );
    return { result: 'not-checked', detail: 'nobody who is trusted says when; the key is valid now' };
  }

  #logEntry(): Omit<CheckOutcome, 'name'> {
    const { entries, content, signer } = this.#attestation;
    if (entries.length === 0) {
      if (this.#options.requireLog ?? true)
        throw new StellaError('LOG_ENTRY_MISSING', 'the attestation does not show that it was logged');
      return { result: 'not-checked', detail: 'no log entry; none is required' };
    }
    const verifiers = [this.#attestor?.key.spki ?? this.#certificate!.certificate.der];
    if (signer.kind === 'certificate') verifiers.push(this.#certificate!.certificate.spki);
    for (const entry of entries) {
      checkEntry(entry, {
        signatures: content.kind === 'dsse' ? content.signatures.map(({ sig }) => sig) : [content.signature],
        verifiers,
        signed: (hash) => this.#signedDigest(hash),
        payload: content.kind === 'dsse' ? content.payload : undefined,
      });
    }
    return { result: 'passed', detail: entries.map(({ kind, version }) => `${kind} ${version}`).join(', ') };
  }

  #signedDigest(hash: HashAlgorithm): Buffer | undefined {
    if (this.#signed) return createHash(hash).update(this.#signed).digest();
    const { content } = this.#attestation;
    if (content.kind === 'message' && content.digest?.algorithm === hash) return content.digest.value;
    const found = this.#options.artifact?.digests[hash];
    return found === undefined ? undefined : Buffer.from(found, 'hex');
  }

  #checkpoint(): Omit<CheckOutcome, 'name'> {
    const { entries } = this.#attestation;
    // Without any other time, what matters is whether the log's key is valid as of the trust itself.
    const times =
      this.#times.length > 0
        ? this.#times.map(({ time }) => time)
        : [this.#trust.origin.sealedAt ?? this.#now];
    for (const entry of entries) {
      if (!entry.proof) continue;
      const proven = checkCheckpoint(entry, entry.proof, this.#trust, times);
      this.#checkpoints.push({ entry, proven });
    }
    if (this.#checkpoints.length === 0)
      return {
        result: 'not-applicable',
        detail: entries.length > 0 ? 'shown by the log’s promise' : 'no log entry',
      };
    return {
      result: 'passed',
      detail: this.#checkpoints
        .map(({ proven }) => `${proven.checkpoint.origin} size ${proven.checkpoint.size}`)
        .join(', '),
    };
  }

  #inclusion(): Omit<CheckOutcome, 'name'> {
    for (const { entry, proven } of this.#checkpoints) {
      checkProof(entry, entry.proof!, proven.checkpoint);
      this.#logs.push({
        origin: proven.checkpoint.origin,
        logId: entry.logId,
        index: entry.signedEntryTimestamp ? entry.logIndex : entry.proof!.index,
        shownBy: 'inclusion proof',
        treeSize: proven.checkpoint.size,
        witnesses: proven.signedBy.flatMap((key) => (key.type === 'cosignature/v1' ? [key.name] : [])),
        consistency: 'not shown',
      });
    }
    for (const entry of this.#attestation.entries) {
      if (entry.proof || !entry.signedEntryTimestamp) continue;
      this.#logs.push({
        origin: this.#nameOfLog(entry),
        logId: entry.logId,
        index: entry.logIndex,
        shownBy: 'signed entry timestamp',
        witnesses: [],
        consistency: 'not shown',
        reason: 'the attestation has a promise of the log, but no inclusion proof',
      });
    }
    if (this.#logs.length === 0) return { result: 'not-applicable', detail: 'no log entry' };
    return {
      result: 'passed',
      detail: this.#logs.map((log) => `${log.shownBy}, index ${log.index}`).join('; '),
    };
  }

  async #consistency(): Promise<Omit<CheckOutcome, 'name'>> {
    if (this.#checkpoints.length === 0) return { result: 'not-applicable' };
    const results: Consistency[] = [];
    for (const { proven } of this.#checkpoints)
      results.push(await checkConsistencyWithHeld(proven.checkpoint, this.#trust.held));
    this.#logs = this.#logs.map((log, i) => ({ ...log, ...results[i] }));
    const missing = results.find(({ consistency }) => consistency === 'not shown');
    return missing?.reason === undefined
      ? { result: 'passed', detail: 'part of the log that the trust holds a checkpoint of' }
      : { result: 'not-checked', detail: missing.reason };
  }

  #artifact(): Omit<CheckOutcome, 'name'> {
    const { artifact } = this.#options;
    if (!artifact) return { result: 'not-checked', detail: 'no artifact was given' };
    return { result: 'passed', detail: matchArtifact(artifact, this.#attestation, this.#statement) };
  }

  #identity(): Omit<CheckOutcome, 'name'> {
    const { identity, requireIdentity } = this.#options;
    if (!this.#certificate) {
      if (identity && !isIdentityRuleEmpty(identity))
        throw new StellaError(
          'IDENTITY_MISMATCH',
          'an identity is required, but the attestation is signed with a key',
        );
      return { result: 'passed', detail: `key ${this.#attestor!.name}` };
    }
    if (!identity || isIdentityRuleEmpty(identity)) {
      if (requireIdentity)
        throw new StellaError(
          'IDENTITY_REQUIRED',
          'the configuration requires an identity rule and none was given',
        );
      return { result: 'not-checked', detail: 'no identity rule was given' };
    }
    checkIdentity(this.#certificate.identity, identity);
    return { result: 'passed', detail: this.#certificate.identity.subject };
  }

  #predicate(): Omit<CheckOutcome, 'name'> {
    const wanted = this.#options.predicateTypes;
    const found = this.#statement?.predicateType;
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

  #policy(): Omit<CheckOutcome, 'name'> {
    const { policy, artifact } = this.#options;
    if (!policy) return { result: 'not-checked', detail: 'no policy was given' };
    policy({
      signer: this.#signer()!,
      signedAt: this.#times[0]?.time,
      logs: this.#logs,
      statement: this.#statement,
      artifact,
    });
    return { result: 'passed' };
  }

  #freshness(): Omit<CheckOutcome, 'name'> {
    const { freshness } = this.#trust.origin;
    if (!freshness) return { result: 'not-applicable', detail: `${this.#trust.origin.name} has no age` };
    if (freshness.state === 'blocked')
      throw new StellaError('STORE_STALE', 'the trust store is older than the staleness window');
    return { result: 'passed', detail: freshness.state };
  }

  #signer(): VerifiedSigner | undefined {
    if (this.#certificate) return { kind: 'certificate', identity: this.#certificate.identity };
    if (this.#attestor) return { kind: 'key', keyId: this.#attestor.key.id, name: this.#attestor.name };
    return undefined;
  }

  #verdict(): Verdict {
    const passed = (name: CheckName) =>
      this.#outcomes.some((each) => each.name === name && each.result === 'passed');
    const { artifact } = this.#options;
    const digest = artifact && Object.entries(artifact.digests)[0];
    const signer = this.#signer();
    return {
      verified: this.#error === undefined,
      ...(this.#error ? { error: this.#error } : {}),
      form: this.#attestation.form,
      checks: this.#outcomes,
      ...(signer && passed('signature') ? { signer } : {}),
      identityChecked: passed('identity'),
      ...(this.#times[0] ? { signedAt: this.#times[0] } : {}),
      logs: this.#logs,
      ...(artifact && digest
        ? { artifact: { name: artifact.name, digest: `${digest[0]}:${digest[1]}` } }
        : {}),
      artifactChecked: passed('artifact'),
      ...(this.#statement ? { statement: this.#statement } : {}),
      trust: this.#trust.origin,
    };
  }
}
