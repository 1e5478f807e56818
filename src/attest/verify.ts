/**
 * attest/: does an attestation hold, by which signer, as of when? Every check in one order, each with what it found.
 * It never uses the network, never reads the clock, and answers with a verdict instead of throwing. The rooms below:
 * document/ (what was handed in), x509/, authority/ (whom the trust names), evidence/ (times and logs), policy/ (what
 * the operator demands), verdict/ (the answer and the list of checks), batch/ (many at once).
 * Start here: `verifyAttestation` runs the list of verdict/check-list.ts from the top.
 */

import { hash as cryptoHash } from 'node:crypto';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { HashAlgorithm, PublicKey } from '../base/keys.ts';
import { checkFreshness } from '../trust/freshness.ts';
import { checkValidAt, type JudgedCertificate } from './authority/chain.ts';
import type { AttestorKey } from './authority/material.ts';
import { checkSctTimes } from './authority/sct.ts';
import { limitedTo, type VerifierTrust } from './authority/verifier-trust.ts';
import type { Artifact } from './document/artifact.ts';
import type { Attestation, LogEntry } from './document/attestation.ts';
import { IN_TOTO_PAYLOAD_TYPE, preAuthEncoding } from './document/envelope.ts';
import { parseStatement, type Statement } from './document/statement.ts';
import { matchArtifact } from './document/subject.ts';
import { checkAttestorAt, chooseAttestors, loggedAttestors } from './evidence/attestor.ts';
import { entriesFromHeldLogs } from './evidence/held-log-entries.ts';
import { describeEvidence, instanceFacts, noSigningTime } from './evidence/instance-evidence.ts';
import { LogJudge } from './evidence/log-evidence.ts';
import { findSigningTimes, type SigningTime } from './evidence/signing-time.ts';
import { adviseOnInstance } from './instances.ts';
import { type ByDigest, isMessageSignedBy, isSignedContentGiven } from './message-signature.ts';
import type { IdentityDemand } from './policy/identity-required.ts';
import type { FitsText } from './policy/identity-rule.ts';
import { checkRule, constrainsSigner, matcherFor, nameOfRule, witnessPoliciesIn } from './policy/policy.ts';
import { checkPredicateType } from './policy/predicate-type.ts';
import { checkDemandedClaims, checkSigner } from './policy/signer-check.ts';
import { isAttestationSignature, notByCertifiedKey } from './signature.ts';
import {
  ATTESTATION_CHECKS,
  type AttestationCheckName,
  type AttestationCheckOutcome,
} from './verdict/check-list.ts';
import type { Verdict, VerifiedSigner } from './verdict/verdict.ts';

export interface VerifyOptions extends IdentityDemand {
  readonly artifact?: Artifact | undefined;
  /** With this key only; a certificate-signed attestation is then refused. */
  readonly key?: AttestorKey | undefined;
  /** Predicate types of which the statement's must be one. */
  readonly predicateTypes?: readonly string[] | undefined;
  /** Whether the attestation must be shown to be logged (default). */
  readonly requireLog?: boolean;
  /** How many different trusted keys must have signed (1). */
  readonly signatures?: number;
}

type Outcome = Omit<AttestationCheckOutcome, 'name'>;

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
  const isProved = attestation.entries.length > 0 && attestation.entries.every(({ proof }) => proof);
  const carried = isProved ? [] : await entriesFromHeldLogs(attestation, trust);
  const { content } = attestation;
  // Node cannot verify by digest; what can is large, and seldom needed: without the artifact, or for Ed25519ph.
  const byDigest =
    content.kind === 'message' &&
    (content.digest?.algorithm !== 'sha256' || !isSignedContentGiven(content, options.artifact))
      ? await import('./digest-signature.ts')
      : undefined;
  const { identity, rule } = options;
  const fits = await matcherFor(identity, rule);
  return await new Verification(attestation, carried, trust, options, now, { byDigest, fits }).run();
}

class Verification {
  readonly #attestation: Attestation;
  readonly #log: LogJudge;
  readonly #trust: VerifierTrust;
  readonly #options: VerifyOptions;
  readonly #now: Instant;
  readonly #byDigest: ByDigest | undefined;
  readonly #fits: FitsText;
  /** How many different keys must have signed. */
  readonly #wanted: number;
  readonly #outcomes: AttestationCheckOutcome[] = [];
  #error: StellaError | undefined;
  #signed: Buffer | undefined;
  #statement: Statement | undefined;
  #certificate: JudgedCertificate | undefined;
  #attestors: readonly AttestorKey[] = [];
  #times: readonly SigningTime[] = [];
  #timesError: StellaError | undefined;

  constructor(
    attestation: Attestation,
    carried: readonly LogEntry[],
    trust: VerifierTrust,
    options: VerifyOptions,
    now: Instant,
    { byDigest, fits }: { readonly byDigest: ByDigest | undefined; readonly fits: FitsText },
  ) {
    this.#attestation = attestation;
    this.#log = new LogJudge(attestation.entries, carried, trust);
    this.#trust = trust;
    this.#options = options;
    this.#now = now;
    this.#byDigest = byDigest;
    this.#fits = fits;
    this.#wanted = Math.max(options.signatures ?? 1, options.rule?.signatures ?? 1);
  }

  async run(): Promise<Verdict> {
    for (const name of ATTESTATION_CHECKS) {
      if (this.#error) {
        this.#outcomes.push({ name, result: 'skipped' });
        continue;
      }
      try {
        const outcome = name === 'consistency' ? await this.#log.consistency() : this.#judge(name);
        this.#outcomes.push({ name, ...outcome });
      } catch (error) {
        if (!isStellaError(error)) throw error;
        this.#error = error;
        this.#outcomes.push({ name, result: 'failed', code: error.code, detail: error.message });
      }
    }
    return this.#verdict();
  }

  #judge(name: Exclude<AttestationCheckName, 'consistency'>): Outcome {
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
        return this.#log.inclusion();
      case 'artifact':
        return this.#artifact();
      case 'identity':
        return checkSigner(this.#options, this.#certificate, this.#attestors, this.#fits);
      case 'claims':
        return checkDemandedClaims(this.#options, this.#certificate?.identity);
      case 'predicate':
        return checkPredicateType(this.#options.predicateTypes, this.#statement?.predicateType);
      case 'policy':
        return this.#policy();
      case 'freshness':
        return this.#freshness();
    }
  }

  #envelope(): Outcome {
    const { content } = this.#attestation;
    if (content.kind === 'dsse') {
      this.#signed = preAuthEncoding(content.payloadType, content.payload);
      if (content.payloadType === IN_TOTO_PAYLOAD_TYPE) this.#statement = parseStatement(content.payload);
    }
    return { result: 'passed', detail: this.#attestation.form };
  }

  /** Whether there are enough of them, and good ones, is judged in its turn. */
  #findTimes(trust: VerifierTrust): void {
    try {
      this.#times = findSigningTimes(this.#attestation, trust);
    } catch (error) {
      if (!isStellaError(error)) throw error;
      this.#timesError = error;
    }
  }

  #judgeCertificate(): Outcome {
    const { signer } = this.#attestation;
    if (signer.kind !== 'certificate' || this.#isKeyMeant) return { result: 'not-applicable' };
    if (this.#options.key)
      throw new StellaError(
        'SIGNER_UNTRUSTED',
        'a key was given, but the attestation is signed with a certificate',
        {
          hint: 'leave out --key, or get the attestation that is signed with this key',
        },
      );
    try {
      this.#certificate = this.#trust.certificates.judge(signer.certificates);
    } finally {
      const own = this.#certificate ? limitedTo(this.#trust, this.#certificate.instances) : this.#trust;
      this.#log.limitTo(own);
      this.#findTimes(own);
    }
    checkValidAt(
      this.#certificate,
      this.#times.map(({ time }) => time),
    );
    return { result: 'passed', detail: `issued by ${this.#certificate.issuers[0]!.authority.uri}` };
  }

  /** Whether the key that was given may be the signer's, although the envelope has a certificate next to the signature. */
  get #isKeyMeant(): boolean {
    const { signer } = this.#attestation;
    return this.#options.key !== undefined && signer.kind === 'certificate' && signer.isOptional === true;
  }

  #judgeKey(): Outcome {
    const { signer, content } = this.#attestation;
    if (signer.kind !== 'key' && !this.#isKeyMeant) return { result: 'not-applicable' };
    this.#findTimes(this.#trust);
    const times = this.#times.map(({ time }) => time);
    this.#attestors = chooseAttestors(this.#attestation, this.#trust, {
      only: this.#options.key,
      wanted: this.#wanted,
      predicateType: this.#statement?.predicateType,
      signatures: content.kind === 'dsse' ? content.signatures.map(({ sig }) => sig) : [content.signature],
      isSignedBy: (candidate, signature) =>
        content.kind === 'dsse'
          ? isAttestationSignature(candidate, this.#signed!, signature)
          : this.#isMessageSigned(candidate),
      checkTime: (attestor) => {
        // A time that cannot be trusted is refused in its own turn; until then the key is judged by the others.
        if (!this.#timesError) checkAttestorAt(attestor, times, this.#trust.origin.sealedAt ?? this.#now);
      },
    });
    return { result: 'passed', detail: this.#attestors.map(({ name }) => name).join(', ') };
  }

  #signature(): Outcome {
    const { content } = this.#attestation;
    if (!this.#certificate) return { result: 'passed' }; // the key was chosen by it
    const { key } = this.#certificate;
    const holds =
      content.kind === 'dsse'
        ? isAttestationSignature(key, this.#signed!, content.signatures[0]!.sig)
        : this.#isMessageSigned(key);
    if (!holds) throw notByCertifiedKey();
    return { result: 'passed', detail: key.algorithm };
  }

  #isMessageSigned(key: PublicKey): boolean {
    const { content } = this.#attestation;
    return (
      content.kind === 'message' && isMessageSignedBy(key, content, this.#options.artifact, this.#byDigest)
    );
  }

  #sct(): Outcome {
    const sct = this.#certificate?.sct;
    if (sct === undefined) return { result: 'not-applicable' };
    if (sct instanceof StellaError) throw sct;
    if (sct === 'none-needed')
      return { result: 'not-applicable', detail: 'no CT log is known for its authority' };
    const count = checkSctTimes(sct, this.#now);
    return { result: 'passed', detail: `${count} CT log${count === 1 ? '' : 's'}` };
  }

  #signingTime(): Outcome {
    if (this.#timesError) throw this.#timesError;
    const first = this.#times[0];
    if (first) return { result: 'passed', detail: `${formatInstant(first.time)} by ${first.source}` };
    if (this.#certificate) throw noSigningTime(this.#attestation, this.#certificate.instances);
    return { result: 'not-checked', detail: 'no trusted source says when; the key is valid now' };
  }

  #logEntry(): Outcome {
    const { content } = this.#attestation;
    const { requireLog, rule } = this.#options;
    const instances = this.#certificate?.instances;
    const isRequired = requireLog ?? rule?.requireLog ?? instances?.some(({ hasLog }) => hasLog) ?? true;
    const outcome = this.#log.entries(isRequired, {
      signatures: content.kind === 'dsse' ? content.signatures.map(({ sig }) => sig) : [content.signature],
      // The certified key alone would hide from the log's monitors who signed.
      verifiers: this.#certificate
        ? [this.#certificate.certificate.der]
        : this.#attestors.map(({ key }) => key.spki),
      signed: (hash) => this.#signedDigest(hash),
      payload: content.kind === 'dsse' ? content.payload : undefined,
      envelope: content.kind === 'dsse' ? content.source : undefined,
      missing: instances && describeEvidence(instances),
    });
    if (isRequired && !this.#certificate)
      this.#attestors = loggedAttestors(this.#attestors, this.#log.logged, this.#wanted);
    return outcome;
  }

  #signedDigest(hash: HashAlgorithm): Buffer | undefined {
    if (this.#signed) return cryptoHash(hash, this.#signed, 'buffer');
    const { content } = this.#attestation;
    if (content.kind === 'message' && content.digest?.algorithm === hash) return content.digest.value;
    const found = this.#options.artifact?.digests[hash];
    return found === undefined ? undefined : Buffer.from(found, 'hex');
  }

  #checkpoint(): Outcome {
    // Without any other time, what matters is whether the log's key is valid as of the trust itself.
    const times =
      this.#times.length > 0
        ? this.#times.map(({ time }) => time)
        : [this.#trust.origin.sealedAt ?? this.#now];
    const { rule } = this.#options;
    return this.#log.checkpoints(times, [
      ...(this.#trust.witnessPolicy ? [this.#trust.witnessPolicy] : []),
      ...(rule ? witnessPoliciesIn(rule) : []),
    ]);
  }

  #artifact(): Outcome {
    const { artifact } = this.#options;
    if (!artifact) return { result: 'not-checked', detail: 'no artifact was given' };
    return { result: 'passed', detail: matchArtifact(artifact, this.#attestation, this.#statement) };
  }

  #policy(): Outcome {
    const { rule } = this.#options;
    if (!rule) return { result: 'not-checked', detail: 'no policy was given' };
    checkRule(
      rule,
      {
        identity: this.#certificate?.identity,
        attestors: this.#attestors,
        signedAt: this.#times[0]?.time,
        predicateType: this.#statement?.predicateType,
        now: this.#now,
      },
      this.#fits,
    );
    return { result: 'passed', detail: nameOfRule(rule) };
  }

  #freshness(): Outcome {
    const { freshness } = this.#trust.origin;
    if (!freshness) return { result: 'not-applicable', detail: `${this.#trust.origin.name} has no age` };
    checkFreshness(freshness, 'the trust store', 'STORE_STALE');
    return { result: 'passed', detail: freshness.state };
  }

  #signer(): VerifiedSigner | undefined {
    if (this.#certificate) return { kind: 'certificate', identity: this.#certificate.identity };
    const [first] = this.#attestors;
    return first && { kind: 'key', keyId: first.key.id, name: first.name };
  }

  #verdict(): Verdict {
    const passed = (name: AttestationCheckName) =>
      this.#outcomes.some((each) => each.name === name && each.result === 'passed');
    const { artifact, rule } = this.#options;
    const signed = this.#signedDigest('sha256');
    const digest = artifact && Object.entries(artifact.digests)[0];
    const signer = this.#signer();
    return {
      verified: this.#error === undefined,
      ...(this.#error
        ? { error: adviseOnInstance(this.#error, this.#attestation, this.#trust, this.#certificate) }
        : {}),
      form: this.#attestation.form,
      checks: this.#outcomes,
      ...(signer && passed('signature') ? { signer } : {}),
      ...(this.#certificate ? { instance: instanceFacts(this.#certificate.instances) } : {}),
      ...(signed ? { signedSha256: signed.toString('hex') } : {}),
      identityChecked:
        passed('identity') || (rule !== undefined && constrainsSigner(rule) && passed('policy')),
      ...(this.#times[0] ? { signedAt: this.#times[0] } : {}),
      logs: this.#log.evidence,
      ...(artifact && digest
        ? { artifact: { name: artifact.name, digest: `${digest[0]}:${digest[1]}` } }
        : {}),
      artifactChecked: passed('artifact'),
      ...(this.#statement && passed('signature') ? { statement: this.#statement } : {}),
      trust: this.#trust.origin,
    };
  }
}
