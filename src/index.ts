/**
 * The library: seal, open, import, verify. What is exported here is public and follows semantic versioning; everything
 * else may change at any time. Every refusal is a {@link StellaError} with a code of {@link CODES}.
 */
export type { Artifact } from './attest/artifact.ts';
export type { Attestation } from './attest/attestation.ts';
export type { IdentityRule, TextRule } from './attest/identity-rule.ts';
export { loadArtifact } from './attest/load-artifact.ts';
export { type Parsed, parseAttestations } from './attest/parse.ts';
export { type StoreTrustSetting, storeTrustInputs } from './attest/store-trust.ts';
export { loadTrust, type TrustInputs, type VerifierTrust } from './attest/trust.ts';
export type { Verdict } from './attest/verdict.ts';
export { verdictJson } from './attest/verdict-json.ts';
export { type VerifyOptions, verifyAttestation } from './attest/verify.ts';
export { type Duration, formatInstant, type Instant, parseDuration, parseInstant } from './base/clock.ts';
export type { CodeFacts, ErrorCode, ExitStatus } from './base/codes.ts';
export { CODES, EXIT } from './base/codes.ts';
export { type ErrorDetails, isStellaError, StellaError } from './base/errors.ts';
export {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  loadPrivateKey,
  loadPublicKey,
  type PrivateKey,
  type PublicKey,
  type Signer,
  signerOf,
} from './base/keys.ts';
export type { Manifest, VerdictDocument } from './base/schema-types.ts';
export { type ExtractOptions, type OpenOptions, openBundle, type SealedBundle } from './bundle/open.ts';
export { type Sealed, type SealOptions, sealBundle } from './bundle/seal.ts';
export { checkBundleSignature, type SignerId, signerIds } from './bundle/signature.ts';
export { type Config, type ConfigPlace, loadConfig, storePathOf } from './config/config.ts';
export type { AcceptRules } from './consumer/accept.ts';
export { type Checked, checkBundle, type Imported, importBundle } from './consumer/import.ts';
export { type Generation, openStore, type TrustStore } from './trust/store.ts';
export { parseTrustedRoot, type TrustedRoot } from './trust/trusted-root.ts';
