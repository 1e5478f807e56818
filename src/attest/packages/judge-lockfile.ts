/**
 * attest/packages/: what vouches for the packages of a lock file: attestations about their digests, signatures of the
 * registry. It judges each package by itself, with verify.ts for attestations, and answers with a row for each, also for
 * those that nothing vouches for. It fetches nothing, and what a lock file says decides nothing but what is asked about.
 * Start here, then registry-signature.ts for what registries sign.
 */

import { excerpt } from '../../base/bytes.ts';
import type { Instant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import type { LockedPackage } from '../../lockfile/locked-package.ts';
import { attestorsOf, type RegistryKey } from '../authority/registry-keys.ts';
import type { VerifierTrust } from '../authority/verifier-trust.ts';
import type { Artifact } from '../document/artifact.ts';
import type { Attestation } from '../document/attestation.ts';
import { IN_TOTO_PAYLOAD_TYPE } from '../document/envelope.ts';
import { PUBLISH_PREDICATE } from '../document/npm-document.ts';
import { parseStatement, type Statement } from '../document/statement.ts';
import type { Verdict } from '../verdict/verdict.ts';
import { type VerifyOptions, verifyAttestation } from '../verify.ts';
import { packageUrl } from './package-url.ts';
import { checkRegistrySignature, type RegistrySignatures } from './registry-signature.ts';

/** `own`: a part of the project or of another package, which no registry vouches for by itself. */
export type PackageState = 'verified' | 'signed' | 'unattested' | 'refused' | 'not comparable' | 'own';

/** What was found of one package. */
export interface PackageRow {
  readonly package: LockedPackage;
  readonly state: PackageState;
  /** Whether an attestation about how it was made holds. */
  readonly hasProvenance: boolean;
  /** Whether the registry's signature, or its publish attestation, holds. */
  readonly isSigned: boolean;
  /** The signer of the provenance, or why the package is in this state. */
  readonly detail: string;
  readonly error?: StellaError;
}

/** What a lock file is judged by. */
export interface LockfileMaterial {
  readonly attestations: readonly Attestation[];
  readonly records: readonly RegistrySignatures[];
  readonly registryKeys: readonly RegistryKey[];
}

export interface LockfileRules {
  readonly trust: VerifierTrust;
  /** Who must have signed the provenance; without a rule, the registry's publish attestation must vouch for it. */
  readonly options: VerifyOptions;
  readonly now: Instant;
}

interface Candidate {
  readonly attestation: Attestation;
  readonly statement: Statement;
}

/** Judges every package of a lock file, in its order. Nothing about the material makes this throw. */
export async function* judgeLockfile(
  packages: readonly LockedPackage[],
  material: LockfileMaterial,
  rules: LockfileRules,
): AsyncGenerator<PackageRow> {
  const byDigest = indexBySubject(material.attestations);
  const records = new Map(material.records.map((record) => [`${record.name}@${record.version}`, record]));
  const registryTrust = { ...rules.trust, attestors: attestorsOf(material.registryKeys) };
  for (const each of packages) {
    if (each.gap === 'link' || each.gap === 'bundled') {
      const detail = each.gap === 'link' ? 'a part of the project' : 'bundled in another package';
      yield { package: each, state: 'own', hasProvenance: false, isSigned: false, detail };
    } else if (each.gap !== undefined) {
      const detail = GAPS[each.gap];
      yield { package: each, state: 'not comparable', hasProvenance: false, isSigned: false, detail };
    } else yield await new PackageJudge(each, byDigest, records, material, registryTrust, rules).run();
  }
}

const GAPS: Readonly<Record<Exclude<NonNullable<LockedPackage['gap']>, 'link' | 'bundled'>, string>> = {
  'no digest': 'the lock file has no digest of it',
  'SHA-1 only': 'the lock file has a SHA-1 only, which two packages may share',
  'several digests': 'the lock file has two digests of one kind, of which one must be wrong',
  unreadable: 'a digest in the lock file cannot be read',
  git: 'from a Git repository',
  file: 'from a file',
  url: 'from an address that is no registry',
};

function indexBySubject(attestations: readonly Attestation[]): ReadonlyMap<string, readonly Candidate[]> {
  const found = new Map<string, Candidate[]>();
  for (const attestation of attestations) {
    const { content } = attestation;
    if (content.kind !== 'dsse' || content.payloadType !== IN_TOTO_PAYLOAD_TYPE) continue;
    let statement: Statement;
    try {
      statement = parseStatement(content.payload);
    } catch (error) {
      if (!isStellaError(error)) throw error;
      continue;
    }
    for (const { digest } of statement.subjects) {
      for (const [algorithm, hex] of Object.entries(digest)) {
        const key = `${algorithm}:${hex.toLowerCase()}`;
        const list = found.get(key) ?? [];
        if (!list.some((candidate) => candidate.attestation === attestation))
          list.push({ attestation, statement });
        found.set(key, list);
      }
    }
  }
  return found;
}

class PackageJudge {
  readonly #package: LockedPackage;
  readonly #byDigest: ReadonlyMap<string, readonly Candidate[]>;
  readonly #records: ReadonlyMap<string, RegistrySignatures>;
  readonly #material: LockfileMaterial;
  readonly #registryTrust: VerifierTrust;
  readonly #rules: LockfileRules;

  constructor(
    judged: LockedPackage,
    byDigest: ReadonlyMap<string, readonly Candidate[]>,
    records: ReadonlyMap<string, RegistrySignatures>,
    material: LockfileMaterial,
    registryTrust: VerifierTrust,
    rules: LockfileRules,
  ) {
    this.#package = judged;
    this.#byDigest = byDigest;
    this.#records = records;
    this.#material = material;
    this.#registryTrust = registryTrust;
    this.#rules = rules;
  }

  async run(): Promise<PackageRow> {
    const base = { package: this.#package };
    let signed = false;
    let signer: string | undefined;
    try {
      signed = this.#hasRegistrySignature();
      const missing: string[] = [];
      for (const { algorithm, hex } of this.#package.digests) {
        const artifact: Artifact = { name: `${algorithm}:${hex}`, digests: { [algorithm]: hex } };
        const { published, provenance } = await this.#judgeDigest(artifact);
        signed ||= published;
        if (provenance === undefined) missing.push(artifact.name);
        else signer ??= provenance;
      }
      if (missing.length === 0)
        return { ...base, state: 'verified', hasProvenance: true, isSigned: signed, detail: signer! };
      const some = this.#package.digests.length - missing.length;
      const of = some > 0 ? `${some} of ${this.#package.digests.length} files are attested` : undefined;
      if (signed)
        return {
          ...base,
          state: 'signed',
          hasProvenance: false,
          isSigned: true,
          detail: of ?? 'signed by the registry',
        };
      return {
        ...base,
        state: 'unattested',
        hasProvenance: false,
        isSigned: false,
        detail: of ?? 'nothing vouches for it',
      };
    } catch (error) {
      if (!isStellaError(error)) throw error;
      return {
        ...base,
        state: 'refused',
        hasProvenance: false,
        isSigned: false,
        detail: error.message,
        error,
      };
    }
  }

  /** @throws StellaError REGISTRY_SIGNATURE_INVALID, KEY_RETIRED */
  #hasRegistrySignature(): boolean {
    const { name, version, ecosystem } = this.#package;
    const record = ecosystem === 'npm' ? this.#records.get(`${name}@${version}`) : undefined;
    if (!record || record.signatures.length === 0 || this.#material.registryKeys.length === 0) return false;
    checkRegistrySignature(this.#package, record, this.#material.registryKeys, this.#rules.now);
    return true;
  }

  /** What the attestations about one digest come to; one that does not hold is refused, not passed over. */
  async #judgeDigest(artifact: Artifact): Promise<{ published: boolean; provenance: string | undefined }> {
    const candidates = this.#byDigest.get(artifact.name) ?? [];
    let published = false;
    for (const { attestation, statement } of candidates) {
      if (statement.predicateType !== PUBLISH_PREDICATE || this.#material.registryKeys.length === 0) continue;
      this.#checkName(statement, artifact);
      const verdict = await this.#verify(attestation, this.#registryTrust, { artifact });
      if (verdict.error) throw verdict.error;
      published = true;
    }
    let provenance: string | undefined;
    for (const { attestation, statement } of candidates) {
      if (statement.predicateType === PUBLISH_PREDICATE) continue;
      this.#checkName(statement, artifact);
      const { options, trust } = this.#rules;
      // The registry looked at who made the package when it was published, and says so by its own attestation.
      const verdict = await this.#verify(attestation, trust, {
        ...options,
        artifact,
        ...(published ? { anyIdentity: true } : {}),
      });
      if (verdict.error) throw verdict.error;
      if (!published && !verdict.identityChecked && options.anyIdentity !== true)
        throw identityRequired(verdict);
      provenance = signerOf(verdict);
    }
    return { published, provenance };
  }

  async #verify(attestation: Attestation, trust: VerifierTrust, options: VerifyOptions): Promise<Verdict> {
    return await verifyAttestation(attestation, trust, options, this.#rules.now);
  }

  /** @throws StellaError ARTIFACT_MISMATCH where a statement gives the digest to another package, or another version */
  #checkName(statement: Statement, artifact: Artifact): void {
    const expected = packageUrl(this.#package);
    const [[algorithm, hex] = ['', '']] = Object.entries(artifact.digests);
    const names = statement.subjects
      .filter(({ digest }) =>
        Object.entries(digest).some(([a, h]) => a === algorithm && h.toLowerCase() === hex),
      )
      .map(({ name }) => name ?? '');
    if (names.some((name) => !name.startsWith('pkg:') || name === expected)) return;
    throw nameMismatch(expected, names);
  }
}

function signerOf({ signer }: Verdict): string {
  if (!signer) return 'signer unknown';
  return signer.kind === 'certificate' ? signer.identity.subject : `key ${signer.name}`;
}

function identityRequired({ signer }: Verdict): StellaError {
  const subject = signer?.kind === 'certificate' ? signer.identity.subject : undefined;
  return new StellaError(
    'IDENTITY_REQUIRED',
    `it is attested by ${subject ?? 'a key'}, and neither a rule nor the registry says that this signer is the right one`,
    {
      hint: [
        'give --registry-keys FILE where the registry attests what it publishes,',
        'or --certificate-identity-regexp and --certificate-oidc-issuer; --any-identity accepts any signer',
      ],
    },
  );
}

function nameMismatch(expected: string, names: readonly string[]): StellaError {
  return new StellaError(
    'ARTIFACT_MISMATCH',
    `an attestation gives this digest to ${names
      .slice(0, 3)
      .map((name) => excerpt(name))
      .join(', ')}, not to ${expected}`,
    { details: { expected, found: names.slice(0, 20) } },
  );
}
