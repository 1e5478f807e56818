// Generated from schemas/ by `npm run generate`. Do not edit.
import type { Sha256Hex } from './bytes.ts';
import type { DistributedKeyId, KeyId } from './keys.ts';

/**
 * attestations.json of one generation of a trust store: the attestations that its bundle carried, by name
 */
export interface AttestationList {
attestations: {
name: string
sha256: Sha256Hex
}[]
}

/**
 * stella.yaml
 */
export type ConfigFile = ({
attestor?: ({
trust_repo?: (ConfigFileTrustRepo | null)
} | null)
} | null)

export interface ConfigFileTrustRepo {
enabled?: boolean
/**
 * The TUF repository; a list is tried in order (mirrors)
 */
tuf_url?: (string | string[])
/**
 * Where the repository's targets are, where not in targets/ below tuf_url
 */
targets_url?: string
/**
 * Whether target files bear their hash in the name, as TUF has it for consistent snapshots
 */
prefix_targets_with_hash?: boolean
/**
 * Further repositories by name, each of which contributes one instance
 */
repositories?: {
[k: string]: ConfigFileRepository
}
refresh_interval_minutes?: number
freshness_threshold_days?: number
freshness_warn_days?: number
offline_mode?: boolean
local_cache_path?: string
service_map_target?: string
rekor_key_targets?: string[]
/**
 * Delegated TUF roles whose targets may decide trust, like those of the top-level role
 * 
 */
trust_roles?: string[]
environment?: string
bundle_key_targets?: string[]
bundle_key_threshold?: number
/**
 * Whether keyless attestations are refused where no rule says who may have signed
 */
require_identity?: boolean
signing_key?: string
tlog_policy?: string
network?: (ConfigFileNetwork | null)
}
export interface ConfigFileRepository {
/**
 * The repository; a list is tried in order (mirrors). Built-in instances need none
 */
tuf_url?: (string | string[])
targets_url?: string
prefix_targets_with_hash?: boolean
}
export interface ConfigFileNetwork {
retries?: number
request_timeout_seconds?: number
stall_timeout_seconds?: number
proxy?: string
ca_file?: string
client_certificate?: string
client_key?: string
bearer_token_file?: string
bearer_token_command?: string[]
user_agent?: string
}

/**
 * producer/exports.json of a trust store: what this producer has sealed
 */
export interface ExportLedger {
format: "stella-exports/v1"
/**
 * The highest sequence ever given out, also to exports that were not finished
 */
last_sequence: number
/**
 * Finished exports, oldest first
 */
exports: {
sequence: number
manifest_sha256: Sha256Hex
sealed_at: string
logs: {
origin: string
tree_size: number
root_hash: Sha256Hex
log_id?: string
}[]
}[]
}

/**
 * log.json of an embedded transparency log
 */
export interface EmbeddedLog {
version: 1
origin: string
/**
 * The log's public key in the form of C2SP signed-note: NAME+ID+KEY
 */
verifier_key: string
/**
 * Where the private key is: absolute, or relative to the log's directory; never inside it
 */
key_file?: string
}

/**
 * log-origins.json of a trust store: what logs whose origin nothing says were found to sign as
 */
export interface LogOrigins {
format: "stella-log-origins/v1"
logs: {
url: string
origin: string
since: string
}[]
}

/**
 * manifest.json of a sealed bundle, format v1 or v2
 */
export interface Manifest {
/**
 * v2 where a member is there that v1 does not have, and only then
 */
format: ("stella-bundle/v1" | "stella-bundle/v2")
/**
 * When the producer sealed the bundle; every age is counted from it
 */
sealed_at: string
/**
 * The producer's export counter
 */
sequence: number
producer: {
name: string
version: string
}
/**
 * The producer's advice; a consumer's window is never wider for it. 365 says that the producer has none
 */
stale_after_days: number
tuf: {
url: string
first_root: number
/**
 * By role name: root, timestamp, snapshot, targets and every delegated role
 */
roles: {
[k: string]: ManifestRole
}
}
/**
 * Since v2: further TUF repositories, by name; the files of each are below tuf+NAME/
 * 
 */
repositories?: ManifestRepository[]
service_map_target: (string | null)
/**
 * Delegated TUF roles that decided trust at the producer
 * 
 */
trust_roles?: string[]
logs: ManifestLog[]
base?: {
sequence: number
/**
 * 64 lowercase hexadecimal digits
 */
manifest_sha256: Sha256Hex
}
/**
 * The names that carried attestations had on the connected side
 * 
 */
attestations?: {
name: string
/**
 * 64 lowercase hexadecimal digits
 */
sha256: Sha256Hex
}[]
entries: ManifestEntry[]
/**
 * 64 lowercase hexadecimal digits
 */
entries_root: Sha256Hex
}
/**
 * One role of the TUF repository, as it is carried
 */
export interface ManifestRole {
version: number
/**
 * 64 lowercase hexadecimal digits
 */
sha256: Sha256Hex
/**
 * RFC 3339 in UTC, e.g. 2026-01-25T12:00:00Z
 */
expires: string
}
/**
 * A further TUF repository, which contributes one instance and nothing else
 */
export interface ManifestRepository {
name: string
url: string
first_root: number
/**
 * RFC 3339 in UTC, e.g. 2026-01-25T12:00:00Z
 */
as_of?: string
roles: {
[k: string]: ManifestRole
}
}
/**
 * One transparency log, and what of it is carried
 */
export interface ManifestLog {
origin: string
url: string
log_id: string
/**
 * A number of log entries
 */
tree_size: number
/**
 * 64 lowercase hexadecimal digits
 */
root_hash: Sha256Hex
/**
 * A number of log entries
 */
first_index: number
/**
 * Tree sizes whose consistency with tree_size is provable from these tiles
 * 
 */
consistent_from: number[]
}
/**
 * One file of the bundle
 */
export interface ManifestEntry {
path: string
size: number
/**
 * 64 lowercase hexadecimal digits
 */
sha256: Sha256Hex
}

/**
 * What is read of a Docker config.json or a Podman auth.json; both hold more.
 */
export interface OciAuthFile {
auths?: ({
[k: string]: {
auth?: string
username?: string
password?: string
identitytoken?: string
[k: string]: unknown
} | null
} | null)
credHelpers?: ({
[k: string]: string
} | null)
credsStore?: (string | null)
[k: string]: unknown
}

/**
 * What a Docker credential helper answers to `get`.
 */
export interface OciHelperAnswer {
ServerURL?: string
Username: string
Secret: string
[k: string]: unknown
}

/**
 * An OCI image index 1.1 as far as a list of referrers uses it; what others have put into it stays as it is.
 */
export interface OciIndex {
schemaVersion: 2
mediaType: "application/vnd.oci.image.index.v1+json"
manifests: OciIndexManifest[]
[k: string]: unknown
}
export interface OciIndexManifest {
mediaType: string
digest: string
size: number
[k: string]: unknown
}

/**
 * An OCI image manifest 1.1 as far as bundles use it; other tools may have added to it.
 */
export interface OciManifest {
schemaVersion: 2
mediaType?: "application/vnd.oci.image.manifest.v1+json"
artifactType?: string
config: OciManifestDescriptor
layers: OciManifestDescriptor[]
subject?: OciManifestDescriptor
annotations?: OciManifestAnnotations
[k: string]: unknown
}
export interface OciManifestDescriptor {
mediaType: string
digest: string
size: number
annotations?: OciManifestAnnotations
[k: string]: unknown
}
export interface OciManifestAnnotations {
[k: string]: string
}

/**
 * A page of a repository's tags.
 */
export interface OciTags {
name?: string
tags: (string[] | null)
[k: string]: unknown
}

/**
 * What a registry's token service answers.
 */
export interface OciToken {
token?: string
access_token?: string
expires_in?: number
[k: string]: unknown
}

/**
 * Where the upload of a blob goes on that an earlier push began and did not end.
 */
export interface OciUpload {
format: "stella-upload/v1"
registry: string
repository: string
content: string
location: string
}

/**
 * NAME.parts.json: the parts of a sealed bundle that was split, format v1
 */
export interface Parts {
format: "stella-parts/v1"
/**
 * SHA-256 of the bundle's manifest.json
 */
manifest_sha256: Sha256Hex
/**
 * File name of the whole bundle; part I is NAME.00I
 */
name: string
/**
 * In order; their concatenation is the bundle
 * 
 */
parts: {
sha256: Sha256Hex
size: number
}[]
}

/**
 * What `stella attest verify --policy` requires of the attestations of an artifact. The first rule whose patterns fit the artifact's name applies.
 */
export interface AttestationPolicy {
version: 1
rules: AttestationPolicyRule[]
}
export interface AttestationPolicyRule {
/**
 * Patterns (*, **, ?, [a-z], {a,b}) for the artifact's path, from the working directory or the root, or its last part; every artifact when absent. An artifact without a name gets past no rule that has them
 * 
 */
artifacts?: string[]
/**
 * Who may have signed with a certificate
 * 
 */
identities?: AttestationPolicyIdentity[]
/**
 * Claims that the signer's certificate must have, by name, each with this text or one of these; docs/claims.md lists them. One about the source implies the issuer of its host, unless every identity has an issuer
 */
claims?: {
[k: string]: string | string[]
}
/**
 * Which trusted keys may have signed: target names, or sha256:HEX of the SPKI
 * 
 */
keys?: string[]
predicate_types?: string[]
/**
 * How many different attestations must match; 1 when absent
 */
required?: number
/**
 * How many different trusted keys must have signed one envelope; 1 when absent
 */
signatures?: number
/**
 * Whether the attestation must be shown to be logged; when absent: yes, unless it is certified by an instance that has no log
 */
require_log?: boolean
/**
 * How many of these witnesses must have cosigned the log's checkpoint
 */
witnesses?: {
quorum: number
/**
 * C2SP verifier keys of type 4
 * 
 */
keys: string[]
}
/**
 * The longest time since the trusted signing time: 30d, P30D
 */
max_age?: string
}
export interface AttestationPolicyIdentity {
subject?: string
/**
 * A regular expression of RE2, which must match the whole text
 */
subject_pattern?: string
issuer?: string
/**
 * A regular expression of RE2, which must match the whole text
 */
issuer_pattern?: string
}

/**
 * What a site accepted: written by `trust import --receipt`, read by the producer
 */
export interface Receipt {
signed: {
format: "stella-receipt/v1"
site: string
accepted_at: string
generation: number
manifest_sha256: Sha256Hex
sequence: number
sealed_at: string
producer: string
root: ReceiptRoot
/**
 * The further repositories that the site holds
 * 
 */
repositories?: {
name: string
root: ReceiptRoot
}[]
logs: {
origin: string
tree_size: number
root_hash: Sha256Hex
}[]
/**
 * The keys and certificates that the site holds as distributed by TUF
 * 
 */
keys: {
key_id: DistributedKeyId
target: string
usage: string
}[]
}
/**
 * Over the canonical JSON of `signed`
 * 
 */
signatures: {
keyid: KeyId
/**
 * base64
 */
sig: string
}[]
}
/**
 * The newest root of a TUF repository that the site holds
 */
export interface ReceiptRoot {
version: number
sha256: Sha256Hex
}

/**
 * What Rekor v1 answers to GET /api/v1/log, as far as it is used
 */
export interface RekorV1Log {
signedTreeHead: string
treeID: string
inactiveShards?: ({
signedTreeHead: string
treeID: string
[k: string]: unknown
}[] | null)
[k: string]: unknown
}

/**
 * What Rekor v1 answers to GET /api/v1/log/proof, as far as it is used
 */
export interface RekorV1Proof {
hashes: (Sha256Hex[] | null)
[k: string]: unknown
}

/**
 * repo.yaml: the settings of a TUF repository working directory, version 1
 */
export interface RepoSettings {
version: 1
/**
 * How long each role is valid once it is signed
 */
expires?: {
root?: string
targets?: string
snapshot?: string
timestamp?: string
}
/**
 * By name: where each signing key is
 */
keys?: {
[k: string]: {
/**
 * TUF key id
 */
id: Sha256Hex
/**
 * Private key, PEM; relative to the repository
 */
file?: string
/**
 * External signer: bytes to be signed on stdin, signature on stdout
 */
command?: string
}
}
}

/**
 * The service map target, version 1: where the Sigstore services are
 */
export interface ServiceMap {
version: 1
rekor?: ServiceMapLog
fulcio?: {
url: string
root_cert_target?: string
}
tsa?: {
url: string
cert_chain_target?: string
}
ctlog?: {
url: string
log_id?: Sha256Hex
public_key_target?: string
}
logs?: ServiceMapLog[]
/**
 * By environment: values that replace the ones above
 */
overrides?: {
[k: string]: {
rekor_url?: string
rekor_log_id?: Sha256Hex
rekor_public_key_target?: string
rekor_origin?: string
rekor_api?: ("tiles" | "v1")
fulcio_url?: string
fulcio_root_cert_target?: string
tsa_url?: string
ctlog_url?: string
}
}
}
export interface ServiceMapLog {
url: string
log_id?: Sha256Hex
public_key_target?: string
/**
 * What the log serves; found out by asking when absent
 */
api?: ("tiles" | "v1")
origin?: string
}

/**
 * The last line of `stella attest verify --shard I/N --json`: what the lines before it are
 */
export interface ShardDocument {
shard: {
version: 3
/**
 * Over what was asked of the attestations: artifact, identity, key, types
 */
rules_sha256: Sha256Hex
/**
 * Over the trust that they were judged by: generation, trusted root, keys, checkpoints
 */
trust_sha256: Sha256Hex
/**
 * Over the settings of the configuration that decide about verdicts
 */
config_sha256: Sha256Hex
/**
 * As of when they were judged
 */
judged_at: string
index: number
count: number
/**
 * Files that all shards together have to read
 */
inputs: number
/**
 * Over the names of those files, so that shards of different inputs are told apart
 */
inputs_sha256: Sha256Hex
verdicts: number
verified: number
/**
 * Files in directories that are no attestations
 */
skipped?: number
}
}

/**
 * The last line of `stella attest verify --json` where directories hold something that is no attestation; with --json=document its member is one of the document's
 */
export interface SkippedDocument {
skipped: {
count: number
/**
 * The first of them, at most 100
 */
inputs: {
source: string
reason: string
}[]
}
}

/**
 * change.json of a staged change of a TUF repository, version 1
 */
export interface StagedChange {
version: 1
base: {
root: number
snapshot: number
}
made: string
roles: string[]
files: string[]
}

/**
 * Of a transparency log's key: what entries name the log by
 */
export type StoreStateLogIds = string[]
/**
 * Keys that TUF distributes, and since when this store has known them
 */
export type StoreStateKnownKeys = {
key_id: DistributedKeyId
target: string
usage: string
log_ids?: StoreStateLogIds
since: string
}[]
/**
 * Keys that an earlier generation distributed and that TUF no longer names
 */
export type StoreStateRevokedKeys = {
key_id: DistributedKeyId
target: string
usage: string
log_ids?: StoreStateLogIds
removed_at: string
}[]

/**
 * state.json of one generation of a trust store: what was believed when it was made, and why
 */
export interface StoreState {
/**
 * v2 where anything is there that v1 does not have: further repositories, a home repository that is built in and is not Sigstore's
 */
format: ("stella-store/v1" | "stella-store/v2")
created_at: string
/**
 * The instant as of which the TUF metadata holds, and from which its age is counted: the last sync, or sealed_at of the imported bundle
 */
reference_time: string
/**
 * The latest time this store has proof of; a clock behind it is refused
 */
clock_floor: string
/**
 * How long the audit log was just before the line about this generation, and the SHA-256 of its last line then; absent in stores of older versions
 */
audit?: {
lines: number
head?: Sha256Hex
}
pin: StoreStatePin
source: ({
kind: "sync"
url: string
} | {
kind: "import"
manifest_sha256: Sha256Hex
sequence: number
sealed_at: string
/**
 * The producer's advice, where it gave one; 365 is none
 */
stale_after_days?: number
producer: {
name: string
version: string
}
/**
 * Key ids of the trusted keys whose signatures were found good
 */
signers: KeyId[]
/**
 * Address of the sealed mirror, where it was not a file that was imported
 */
mirror?: string
/**
 * Of the file that was imported, where it was one: tells the same file from a damaged copy without opening it
 */
file_sha256?: Sha256Hex
})
tuf: StoreStateTuf
/**
 * The repository and its mirrors as given by --tuf-url; configuration otherwise
 */
tuf_urls?: string[]
/**
 * Fixed by --pin; configuration otherwise
 */
rekor_key_targets?: string[]
/**
 * Fixed by --service-map; configuration otherwise
 */
service_map_target?: string
/**
 * Delegated TUF roles that could decide trust when the generation was made
 */
trust_roles?: string[]
second_opinion?: StoreStateSecondOpinion
/**
 * Bundle signing keys that were pinned locally
 * 
 * Items: base64 of the DER SubjectPublicKeyInfo
 */
bundle_keys: string[]
known_keys?: StoreStateKnownKeys
revoked_keys?: StoreStateRevokedKeys
/**
 * Further repositories, each of which contributes one instance, by name; the home repository is described by the members beside it
 * 
 */
repositories?: {
name: string
pin: StoreStatePin
tuf: StoreStateTuf
/**
 * The repository and its mirrors as given to `trust init`; configuration otherwise
 * 
 */
tuf_urls?: string[]
/**
 * The instant as of which its metadata holds, and from which its age is counted
 */
reference_time: string
/**
 * What of its metadata had expired when the bundle was sealed that brought it: nothing of the instance is believed
 */
expired?: string
second_opinion?: StoreStateSecondOpinion
known_keys?: StoreStateKnownKeys
revoked_keys?: StoreStateRevokedKeys
}[]
logs: StoreStateLog[]
/**
 * By key id of the bundle signer: the latest that came from it
 */
producers: {
[k: string]: {
sequence: number
sealed_at: string
}
}
/**
 * Bundles imported into this store, oldest first: what a delta may build on
 */
bundles: {
sequence: number
manifest_sha256: Sha256Hex
sealed_at: string
}[]
}
/**
 * The root that a repository is followed from, and who vouched for it
 */
export interface StoreStatePin {
/**
 * sigstore: built in, for a home repository; bundle: by the signer of the bundle that brought a further repository
 */
how: ("root-file" | "fingerprint" | "sigstore" | "built-in" | "first-use" | "bundle")
version: number
/**
 * SHA-256 of the pinned root metadata file, byte for byte
 */
sha256: Sha256Hex
at: string
}
export interface StoreStateTuf {
url: string
/**
 * The lowest N of the N.root.json files held
 */
first_root: number
roles: {
[k: string]: StoreStateRole
}
}
export interface StoreStateRole {
version: number
sha256: Sha256Hex
expires: string
}
/**
 * What tuf-js said of the TUF metadata when the generation was made
 */
export interface StoreStateSecondOpinion {
verdict: ("agrees" | "cannot judge")
reason?: string
}
export interface StoreStateLog {
origin: string
url: string
log_id: string
tree_size: number
root_hash: Sha256Hex
first_index: number
/**
 * The signed checkpoint, as text
 */
checkpoint: string
}

/**
 * sync.json of a trust store: what happened at the last attempts to sync
 */
export interface SyncRecord {
format: "stella-sync/v1"
/**
 * When a sync last succeeded, whether or not anything had changed
 */
checked_at?: string
/**
 * The generation that was current then
 */
generation?: number
/**
 * Failed attempts since the store was made
 */
failures: number
/**
 * Failed attempts since the last that succeeded
 */
failures_since: number
last_failure?: SyncRecordFailure
/**
 * The same of each further repository, by name
 */
repositories?: {
[k: string]: {
checked_at?: string
generation?: number
failures: number
failures_since: number
last_failure?: SyncRecordFailure
}
}
}
export interface SyncRecordFailure {
at: string
code: string
message: string
}

/**
 * The answer of `stella attest verify --json` about one attestation
 */
export interface VerdictDocument {
/**
 * The file; with #N where it holds several attestations
 */
source: string
verified: boolean
error?: VerdictDocumentError
form?: ("sigstore-bundle-0.1" | "sigstore-bundle-0.2" | "sigstore-bundle-0.3" | "dsse" | "cosign-bundle" | "cosign-signature" | "pep-740" | "signature-file")
/**
 * SHA-256 of what was signed: an envelope's pre-authentication encoding, or the artifact
 */
signed_sha256?: string
signer?: ({
kind: "key"
name: string
/**
 * 64 lowercase hexadecimal digits
 */
key_id: string
} | {
kind: "certificate"
identity: string
issuer: (string | null)
claims: {
[k: string]: string
}
})
/**
 * What should be looked at although it is no failure
 */
warnings?: string[]
/**
 * The instance that certified the signer
 */
instance?: {
name: string
/**
 * The built-in public name that it was added by
 */
built_in?: string
/**
 * What must show when it was signed: an entry in the instance's log, or, where it has none, a timestamp by its own authority
 */
shows: ("log entry" | "timestamp")
}
/**
 * Whether who signed was compared with anything: a rule, or the trusted keys
 */
identity_checked: boolean
/**
 * The earliest trusted signing time
 */
signed_at?: string
signed_at_source?: string
logs: {
origin: string
/**
 * 64 lowercase hexadecimal digits
 */
log_id: string
/**
 * A whole number that may be too large for a double
 */
index: string
shown_by: ("inclusion proof" | "signed entry timestamp" | "carried tiles")
/**
 * A whole number that may be too large for a double
 */
tree_size?: string
witnesses: string[]
consistency: ("shown" | "not shown")
reason?: string
}[]
artifact?: {
name: string
digest: string
}
artifact_checked: boolean
/**
 * What was said, in brief; only where the signature holds, which is not all that must hold
 */
statement?: {
predicate_type: string
subjects: {
name: (string | null)
digest: {
[k: string]: string
}
}[]
}
trust: {
kind: ("store" | "trusted-root" | "sigstore" | "key")
name: string
generation?: number
/**
 * RFC 3339 in UTC, e.g. 2026-01-25T12:00:00Z
 */
sealed_at?: string
/**
 * RFC 3339 in UTC, e.g. 2026-01-25T12:00:00Z
 */
synced_at?: string
freshness?: {
state: ("fresh" | "stale" | "blocked")
age_seconds: number
window_seconds: number
widened_by_seconds: number
/**
 * RFC 3339 in UTC, e.g. 2026-01-25T12:00:00Z
 */
accepted_until: string
}
/**
 * The configuration that trust was judged by
 */
configuration?: {
/**
 * The file that was read; null where none was
 */
file: (string | null)
/**
 * What is in force and accepts more than the default does
 */
widened: {
key: string
value: string
usual: string
where: string
}[]
}
}
/**
 * In the order in which they are judged
 */
checks: {
name: ("envelope" | "certificate" | "key" | "signature" | "sct" | "signing-time" | "log-entry" | "checkpoint" | "inclusion" | "consistency" | "artifact" | "identity" | "claims" | "predicate" | "policy" | "freshness")
result: ("passed" | "failed" | "skipped" | "not-checked" | "not-applicable")
detail?: string
code?: string
}[]
/**
 * The in-toto statement as it was signed, with its predicate, for programs that judge content; only where `verified` is true
 */
signed_statement?: {
[k: string]: unknown
}
/**
 * Why there is no `signed_statement` although the attestation holds and has one: what depends on it must refuse
 */
signed_statement_omitted?: string
}
/**
 * Why the attestation was refused
 */
export interface VerdictDocumentError {
code: string
message: string
hints: string[]
exit: number
details?: {
[k: string]: unknown
}
}

export interface SchemaTypes {
  'attestation-list': AttestationList;
  'config': ConfigFile;
  'exports': ExportLedger;
  'log': EmbeddedLog;
  'log-origins': LogOrigins;
  'manifest': Manifest;
  'oci-auth-file': OciAuthFile;
  'oci-helper-answer': OciHelperAnswer;
  'oci-index': OciIndex;
  'oci-manifest': OciManifest;
  'oci-tags': OciTags;
  'oci-token': OciToken;
  'oci-upload': OciUpload;
  'parts': Parts;
  'policy': AttestationPolicy;
  'receipt': Receipt;
  'rekor-v1-log': RekorV1Log;
  'rekor-v1-proof': RekorV1Proof;
  'repo-settings': RepoSettings;
  'service-map': ServiceMap;
  'shard': ShardDocument;
  'skipped': SkippedDocument;
  'staged-change': StagedChange;
  'state': StoreState;
  'sync': SyncRecord;
  'verdict': VerdictDocument;
}
