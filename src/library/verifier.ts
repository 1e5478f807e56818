import { loadTrust, type TrustInputs } from '../attest/authority/trust.ts';
import { verifyPiece } from '../attest/batch/batch.ts';
import type { Artifact } from '../attest/document/artifact.ts';
import type { IdentityRule } from '../attest/policy/identity-rule.ts';
import { DISTANT_FUTURE, DISTANT_PAST, type Instant } from '../base/clock.ts';
import type { PublicKey } from '../base/keys.ts';
import type { VerdictDocument } from '../base/schema-types.ts';
import { parseTrustedRoot } from '../trust/trusted-root.ts';

/** What is asked of an attestation besides what always must hold. */
export interface VerifyRules {
  /** What it must be about; see `loadArtifact` and `parseDigest`. */
  readonly artifact?: Artifact;
  /** Who must have signed it, where it was signed with a certificate. */
  readonly identity?: IdentityRule;
  /** Refuse what was signed with a certificate where there is no identity rule. Default: the store's configuration. */
  readonly requireIdentity?: boolean;
  /** The only key that may have signed it; certificates are then refused. */
  readonly key?: PublicKey;
  /** Predicate types of which the statement's must be one. */
  readonly predicateTypes?: readonly string[];
}

/** Keys and certificates that were checked once, to verify any number of attestations with. Never uses the network. */
export interface Verifier {
  /** What of the trust material could not be used, and why. */
  readonly problems: readonly string[];

  /**
   * Judges every attestation in a document: a Sigstore bundle, a DSSE envelope, cosign's older bundle, or a list of them.
   * Everything that is wrong is in the verdicts. Act on an attestation only where `verified` is true **and** what you
   * asked for was checked: `artifact_checked`, `identity_checked`.
   * @param document the bytes of the file
   * @param name how to call it in the verdicts
   * @param now the present, for what has no other time to be judged at
   * @returns one verdict for each, in their order, as `stella attest verify --json` prints it
   */
  verify(document: Uint8Array, name: string, now: Instant, rules?: VerifyRules): Promise<VerdictDocument[]>;
}

/** A verifier that believes what `inputs` say. */
export function makeVerifier(inputs: TrustInputs, requireIdentity: boolean): Verifier {
  const trust = loadTrust(inputs);
  return {
    problems: trust.problems,
    async verify(document, name, now, { key, ...rules } = {}) {
      const options = {
        requireIdentity,
        ...rules,
        ...(key === undefined ? {} : { key: { key, name: `sha256:${key.id}`, ...ALWAYS } }),
      };
      const file = { path: name, name, found: false };
      return await verifyPiece({ file, document }, trust, { options, now });
    },
  };
}

const ALWAYS = { validFrom: DISTANT_PAST, validUntil: DISTANT_FUTURE };

/**
 * A verifier for a Sigstore trusted root (`trusted_root.json`) instead of a trust store. How old the root is, nobody knows:
 * there is no staleness window.
 * @param json the bytes of the file
 * @param name how to call it in verdicts
 * @throws StellaError TRUSTED_ROOT_INVALID
 */
export function trustedRootVerifier(json: Uint8Array, name: string): Verifier {
  const origin = { kind: 'trusted-root', name: `trusted root ${name}` } as const;
  return makeVerifier({ origin, trustedRoot: parseTrustedRoot(json) }, false);
}
