import { instancesOfTrustedRoot, loadTrust, type TrustInputs } from '../attest/authority/verifier-trust.ts';
import { verifyPiece } from '../attest/batch/batch.ts';
import type { Artifact } from '../attest/document/artifact.ts';
import {
  type ClaimRule,
  checkEachOnce,
  makeClaimRule,
  withImpliedIssuer,
} from '../attest/policy/claim-rule.ts';
import { Conclusion } from '../attest/policy/conclusion.ts';
import type { IdentityRule } from '../attest/policy/identity-rule.ts';
import type { ClaimName } from '../attest/x509/claims.ts';
import { DISTANT_FUTURE, DISTANT_PAST, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { VerdictDocument } from '../base/schema-types.ts';
import { checkGiven } from './given.ts';
import { type PolicyFile, ruleOfPolicy } from './policy.ts';

/** What is asked of an attestation besides what always must hold. */
export interface VerifyRules {
  /** What it must be about; see `loadArtifact` and `parseDigest`. */
  readonly artifact?: Artifact;
  /** Who must have signed it, where it was signed with a certificate. */
  readonly identity?: IdentityRule;
  /**
   * Claims that the signer's certificate must have, by name (docs/claims.md): each exactly this text, or one of these. One
   * about the source, e.g. `source_repository`, implies the issuer of its host unless `identity` has an issuer.
   */
  readonly claims?: { readonly [name in ClaimName]?: string | readonly string[] };
  /**
   * Refuse what was signed with a certificate unless the signer is demanded, by `identity` and `claims` or by the policy:
   * subject and issuer, or the source repository. Default: the store's configuration, and `true` for certificates of a
   * public instance that the trust store has by its built-in name, which anyone can get; `false` accepts any signer there, too.
   */
  readonly requireIdentity?: boolean;
  /** The only key that may have signed it; certificates are then refused. */
  readonly key?: PublicKey;
  /** Predicate types of which the statement's must be one. */
  readonly predicateTypes?: readonly string[];
  /**
   * What a policy file requires of the artifact's attestations; its rule is found by the artifact's name. It counts
   * attestations: the ones that do not fit it do no harm where enough others do.
   */
  readonly policy?: PolicyFile;
}

/** A document with attestations: a Sigstore bundle, a DSSE envelope, cosign's older bundle, or a list of them. */
export interface AttestationDocument {
  /** How to call it in the verdicts. */
  readonly name: string;
  /** The bytes of the file. */
  readonly bytes: Uint8Array;
}

/** The answer about all attestations that were given. */
export interface Judgement {
  /**
   * Whether all attestations hold and there is at least one; with a policy, whether as many hold as it requires. Act on them
   * only where this is true. What was not asked for was not checked: see `artifact_checked` and `identity_checked` of each.
   */
  readonly verified: boolean;
  /** Why not. */
  readonly error?: StellaError;
  /** One verdict for each attestation, in their order, as `stella attest verify --json` prints it. */
  readonly verdicts: readonly VerdictDocument[];
}

/** Keys and certificates that were checked once, to verify any number of attestations with. Never uses the network. */
export interface Verifier {
  /** The instant that it takes for the present. */
  readonly now: Instant;
  /** What of the trust material could not be used, and why. */
  readonly problems: readonly string[];

  /**
   * Judges every attestation in the documents, as of the verifier's instant. Whatever is wrong with an attestation is in the
   * answer.
   * @throws StellaError POLICY_UNSATISFIED where the policy has no rule for the artifact, USAGE for claims that no
   * certificate can have
   */
  verify(
    documents: AttestationDocument | readonly AttestationDocument[],
    rules?: VerifyRules,
  ): Promise<Judgement>;
}

/** A verifier that believes what `inputs` say. */
export function makeVerifier(
  inputs: TrustInputs,
  { now, requireIdentity }: { readonly now: Instant; readonly requireIdentity: boolean },
): Verifier {
  const trust = loadTrust(inputs);
  return {
    now,
    problems: trust.problems,
    async verify(documents, { key, policy, claims, ...rules } = {}) {
      const rule = policy && ruleOfPolicy(policy, rules.artifact);
      const options = {
        requireIdentity,
        ...rules,
        anyIdentity: rules.requireIdentity === false,
        rule,
        claims: claimRules(claims, rules.identity),
        ...(key === undefined ? {} : { key: { key, name: `sha256:${key.id}`, ...ALWAYS } }),
      };
      const conclusion = new Conclusion(rule);
      const verdicts: VerdictDocument[] = [];
      for (const { name, bytes } of isList(documents) ? documents : [documents]) {
        const piece = { file: { name, found: false, size: bytes.length }, document: bytes };
        const { documents: judged } = await verifyPiece(piece, trust, {
          options,
          now,
          withStatement: true,
        });
        for (const verdict of judged) {
          conclusion.add(verdict);
          verdicts.push(verdict);
        }
      }
      const error =
        verdicts.length === 0
          ? new StellaError('NOTHING_VERIFIED', 'no attestation in what was given')
          : conclusion.error();
      return { verified: error === undefined, ...(error ? { error } : {}), verdicts };
    },
  };
}

function claimRules(claims: VerifyRules['claims'] = {}, identity: IdentityRule | undefined): ClaimRule[] {
  const rules = Object.entries(claims).map(([name, texts]) => makeClaimRule(name, [texts].flat()));
  checkEachOnce(rules);
  // Whether they imply one issuer must not be open until something is judged.
  withImpliedIssuer(identity, rules);
  return rules;
}

const ALWAYS = { validFrom: DISTANT_PAST, validUntil: DISTANT_FUTURE };

function isList(
  documents: AttestationDocument | readonly AttestationDocument[],
): documents is readonly AttestationDocument[] {
  return Array.isArray(documents);
}

/** How to verify with a trusted root. */
export interface TrustedRootOptions {
  /** How to call it in verdicts. */
  readonly name: string;
  /** The present, for what has no other time to be judged at. */
  readonly now: Instant;
}

/**
 * A verifier for a Sigstore trusted root (`trusted_root.json`) instead of a trust store. The file does not say how old it
 * is: there is no staleness window.
 * @param json the bytes of the file
 * @throws StellaError TRUSTED_ROOT_INVALID
 */
export function trustedRootVerifier(json: Uint8Array, options: TrustedRootOptions): Verifier {
  checkGiven('trustedRootVerifier', { json }, { json: 'object' });
  checkGiven('trustedRootVerifier', options, { name: 'text', now: 'instant' });
  const { name, now } = options;
  const origin = { kind: 'trusted-root', name: `trusted root ${name}` } as const;
  return makeVerifier(
    { origin, instances: instancesOfTrustedRoot(json, name) },
    { now, requireIdentity: false },
  );
}
