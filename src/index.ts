/**
 * The library of stella: seal trust for the other side of an air gap, open and import what was sealed, verify attestations
 * offline, and author the TUF repository that trust comes from.
 *
 * What is exported here is public and follows semantic versioning; everything else may change at any time. Whoever calls
 * says what time it is: nothing in here reads the clock. Every refusal is a {@link StellaError} with a code of
 * {@link CODES}.
 *
 * @packageDocumentation
 */
/// <reference types="node" preserve="true" />
export type { Artifact } from './attest/document/artifact.ts';
export { loadArtifact, parseDigest } from './attest/document/load-artifact.ts';
export type { IdentityRule, TextRule } from './attest/policy/identity-rule.ts';
export { parsePattern } from './attest/policy/pattern.ts';
export type { ClaimName } from './attest/x509/claims.ts';
export type { Brand } from './base/brand.ts';
export { parseSha256Hex, type Sha256Hex, sha256Hex } from './base/bytes.ts';
export {
  type Duration,
  formatInstant,
  type Instant,
  instant,
  milliseconds,
  parseDuration,
  parseInstant,
} from './base/clock.ts';
export type { CodeFacts, ErrorCode, ExitStatus } from './base/codes.ts';
export { CODES, EXIT } from './base/codes.ts';
export { type ErrorDetails, isStellaError, StellaError } from './base/errors.ts';
export {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  type HashAlgorithm,
  type KeyAlgorithm,
  type KeyId,
  loadPrivateKey,
  loadPublicKey,
  type PrivateKey,
  type PublicKey,
  type SignatureForm,
  type Signer,
  signerOf,
} from './base/keys.ts';
export type {
  Manifest,
  ManifestEntry,
  ManifestLog,
  ManifestRepository,
  ManifestRole,
  VerdictDocument,
  VerdictDocumentError,
} from './base/schema-types.ts';
export type { ExtractOptions } from './bundle/open.ts';
export { type Sealed, type SealOptions, sealBundle } from './bundle/seal.ts';
export type { SignerId } from './bundle/signature.ts';
export type { EntrySource } from './bundle/source.ts';
export {
  BUNDLE_CHECKS,
  type BundleCheck,
  type BundleCheckName,
} from './consumer/check-list.ts';
export {
  type OpenBundleOptions,
  type OpenedBundle,
  openBundle,
  type SignatureOptions,
} from './library/bundle.ts';
export type { TrustPlace } from './library/place.ts';
export { type PolicyFile, parsePolicyFile } from './library/policy.ts';
export {
  type Delegation,
  editRepository,
  initRepository,
  type PublishStagedOptions,
  publishStaged,
  type RepositoryEdit,
  type RoleKey,
  type RotateKeyOptions,
  repositoryStatus,
  type SignedStage,
  type StageSigning,
  signStagedChange,
  type ThresholdOptions,
  type TimestampRenewal,
  updateTimestamp,
  type VerifyRepositoryOptions,
  verifyRepository,
} from './library/repository.ts';
export {
  type FollowedInstance,
  type InitInstance,
  type InitTrustOptions,
  initTrust,
  type RootPin,
  type SyncedTrust,
  type SyncTrustOptions,
  syncTrust,
} from './library/sync.ts';
export {
  type BundleRules,
  type CheckedBundle,
  type ImportedBundle,
  type ImportOptions,
  openTrust,
  type SealedTrust,
  type SealTrustOptions,
  type Trust,
  type VerifierOptions,
} from './library/trust.ts';
export {
  type AttestationDocument,
  type Judgement,
  type TrustedRootOptions,
  trustedRootVerifier,
  type Verifier,
  type VerifyRules,
} from './library/verifier.ts';
export type { CeremonyResult, RoleProgress, StagedView } from './repository/ceremony.ts';
export {
  KEY_TYPES,
  type KeyType,
  SERVICES,
  type Service,
  USAGES,
  type Usage,
} from './repository/directory/vocabulary.ts';
export type { TargetFacts } from './repository/edit/target.ts';
export type { NewTarget } from './repository/edit/targets.ts';
export type { NewRepository, RoleKeys } from './repository/init.ts';
export { type CommandSignerOptions, commandSigner } from './repository/keys/command-signer.ts';
export type { PassphraseSource } from './repository/keys/key-ring.ts';
export type { KeySource } from './repository/keys/new-key.ts';
export type { Publication } from './repository/publish/publish.ts';
export type { OldKeys } from './repository/publish/requirements.ts';
export type { TimestampUpdate } from './repository/publish/timestamp.ts';
export type { EditResult, SessionOptions } from './repository/session.ts';
export type { RepositoryStatus, RoleStatus } from './repository/status.ts';
export type { EndpointSwap, LogFacts } from './repository/swap-endpoint.ts';
export type { VerifiedRepository } from './repository/verify.ts';
export { TOP_ROLES, type TopRole } from './tuf/roles.ts';
