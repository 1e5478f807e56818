/** Exit statuses of the `stella` command (one per kind of outcome, so that pipelines can branch on them). */
export const EXIT = {
  done: 0,
  unexpected: 1,
  refused: 2,
  networkNeeded: 3,
  input: 4,
  stale: 5,
} as const;

/** Exit status of the command. */
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** What is known about one error code, wherever it is thrown. */
export interface CodeFacts {
  readonly exit: ExitStatus;
  /** One sentence for the troubleshooting guide: what the refusal means. */
  readonly meaning: string;
  /** What to do next; used unless the thrower knows something more exact. */
  readonly hint: string;
}

const refused = (meaning: string, hint: string): CodeFacts => ({ exit: EXIT.refused, meaning, hint });
const input = (meaning: string, hint: string): CodeFacts => ({ exit: EXIT.input, meaning, hint });
const stale = (meaning: string, hint: string): CodeFacts => ({ exit: EXIT.stale, meaning, hint });

/**
 * The closed union of error codes. Every refusal carries exactly one of them; tests assert the code, and the
 * exit status of the command follows from it.
 */
export const CODES = {
  // General
  INTERNAL: {
    exit: EXIT.unexpected,
    meaning: 'Something failed that should not have been able to.',
    hint: 'run again with --verbose and report the output',
  },
  USAGE: input('The command line does not make sense.', 'see `stella --help`'),
  FILE_NOT_FOUND: input(
    'A named file or directory does not exist.',
    'check the path and that the medium is mounted',
  ),
  FILE_UNREADABLE: input('A named file exists but cannot be read.', 'check its permissions, owner and type'),
  FILE_EXISTS: input('The output already exists.', 'choose another name or remove the old file'),
  FILE_TOO_LARGE: input(
    'A file is larger than anything valid could be.',
    'check that this is the right file',
  ),
  WRITE_FAILED: input('Writing to disk failed.', 'check free space and permissions; nothing was changed'),
  LOCKED: input(
    'Another stella process is changing the same directory.',
    'wait for it to finish, then run the command again',
  ),
  INTERRUPTED: {
    exit: EXIT.unexpected,
    meaning: 'The command was interrupted; nothing was changed.',
    hint: 'run the command again',
  },
  PARSE_FAILED: input('A file is not of the form it should have.', 'check that this is the right file'),
  SCHEMA_INVALID: input('A JSON document does not match its schema.', 'correct the named field'),

  // Keys and signatures
  KEY_INVALID: input('A key file cannot be used.', 'give a PEM key: Ed25519, ECDSA P-256/P-384/P-521 or RSA'),
  KEY_PERMISSIONS: input('A private key can be read by other users.', 'run `chmod 600` on the key file'),
  KEY_PASSPHRASE: input(
    'The passphrase does not open the private key.',
    'check the passphrase: of --key-passphrase-file, of $STELLA_KEY_PASSPHRASE, or as typed',
  ),
  PRIVATE_KEY: input(
    'A file that would be published or carried holds a private key.',
    'give the public half, e.g. from `stella key show FILE --public-out FILE.pub`; a private key that has got out must be replaced',
  ),
  SIGNER_FAILED: input(
    'The external signer did not produce a usable signature.',
    'run the signer command by hand and read what it prints',
  ),
  COSE_INVALID: refused(
    'The COSE signature structure is malformed.',
    'get the bundle again from the connected side',
  ),

  // Configuration and service map
  CONFIG_NOT_FOUND: input('The configuration file does not exist.', 'check --config or $STELLA_CONFIG'),
  CONFIG_INVALID: input('The configuration has an error.', 'run `stella config check FILE`'),
  CONFIG_UNSAFE: input(
    'A configuration that runs commands or names secrets was not named, or other users can change it.',
    'name the file, or take the right to write it from other users with `chmod go-w`',
  ),
  SERVICE_MAP_NOT_FOUND: input(
    'The TUF repository has no target of the configured service map name.',
    'check service_map_target: `stella config show` has it, and `stella trust status` where there is a trust store',
  ),
  SERVICE_MAP_INVALID: input(
    'The service map does not match its schema.',
    'correct the service map and publish it again',
  ),
  ENVIRONMENT_UNKNOWN: input(
    "The configured environment is not among the service map's overrides.",
    'run `stella trust status --show-endpoints`',
  ),

  // Network
  OFFLINE: {
    exit: EXIT.networkNeeded,
    meaning: 'The network was needed but offline mode forbids it.',
    hint: 'run without --offline on a connected machine, or import a bundle',
  },
  FETCH_FAILED: {
    exit: EXIT.networkNeeded,
    meaning: 'A download failed.',
    hint: 'check the URL, the network and any proxy, then run again',
  },
  FETCH_NOT_FOUND: {
    exit: EXIT.networkNeeded,
    meaning: 'The server does not have the file.',
    hint: 'check the URL',
  },
  FETCH_TOO_LARGE: refused(
    'The server sent more than the file may have.',
    "check the URL; if it is right, report it to the server's owner",
  ),
  URL_INVALID: input(
    'The URL is malformed or of a scheme that is not supported.',
    'use http://, https:// or file://',
  ),

  URL_CREDENTIALS: input(
    'A URL holds a user name or password, which would be stored and sealed with it.',
    'take it out of the URL; give a token with bearer_token_file or bearer_token_command, and log in to registries with `docker login` or `podman login`',
  ),

  // OCI registries
  REGISTRY_AUTH: input(
    'A registry does not let this user do that.',
    'log in with `docker login` or `podman login`, or give --auth-file FILE',
  ),
  OCI_MANIFEST: refused(
    'What a registry or an image layout has there is not a sealed bundle.',
    'list what there is with `stella trust snapshot list oci://HOST/REPOSITORY`',
  ),
  BLOB_DIGEST: refused(
    'A registry, or an image layout, has something else than what was asked for by digest.',
    'the registry or a cache before it may be damaged or under attack: pull again, then report it',
  ),
  TAG_MOVED: refused(
    'The tag was moved to another bundle while the bundle was pulled.',
    'pull again, or pull by digest',
  ),

  // TUF
  TUF_EXPIRED: stale(
    'A TUF role is past its expiry.',
    'on the TUF repository, run ./scripts/update-timestamp.sh; then `stella trust sync --force`',
  ),
  TUF_SIGNATURE: refused(
    'TUF metadata is not signed by a threshold of trusted keys.',
    'keys may have rotated: run `stella trust sync --force`',
  ),
  TUF_ROLLBACK: refused(
    'TUF metadata is older than what is already trusted.',
    'the mirror may be outdated or under attack: compare it with the origin',
  ),
  TUF_MISMATCH: refused(
    'A TUF file is not the one that the signed metadata names.',
    'the mirror may be mid-update or under attack: run `stella trust sync --force` later',
  ),
  TUF_SECOND_OPINION: refused(
    'The second implementation that judges TUF metadata, tuf-js, refuses what was found good here.',
    'do not use the repository before its maintainers have looked at it with `stella repo verify`, and report the metadata',
  ),
  TRUST_ROLES_DIFFER: input(
    'The bundle rests on delegated TUF roles that the configuration does not name.',
    'if these roles may decide trust, set attestor.trust_repo.trust_roles; `stella config show` prints what is set',
  ),
  TUF_INVALID: refused(
    'TUF metadata is malformed.',
    'on the TUF repository, check what is published with `stella repo verify`',
  ),
  TARGET_UNKNOWN: input(
    'The TUF repository does not have the target.',
    'on the TUF repository, run ./scripts/add-target.sh /path/to/target target-name',
  ),
  TARGET_AMBIGUOUS: input(
    'Two targets fit the configured name.',
    'give the exact target name, with its extension',
  ),
  TARGET_INVALID: refused(
    'A target does not hold what its name and usage promise.',
    'on the TUF repository, publish a correct target with ./scripts/add-target.sh FILE NAME --replace',
  ),

  // Trust store
  STORE_NOT_INITIALIZED: input(
    'There is no trust store here.',
    'run `stella trust init --tuf-url URL` where there is a network, `stella trust import FILE` where there is none',
  ),
  STORE_EXISTS: input(
    'There is a trust store here already.',
    'run `stella trust sync`, or `stella trust init --replace` to start anew',
  ),
  STORE_CORRUPT: refused(
    'The trust store on disk does not verify.',
    'where there is a network, make it again with `stella trust init --replace`; where there is none, move its directory away, then `stella trust import FILE` as for the first time',
  ),
  STORE_TOO_NEW: input(
    'The trust store was written by a newer stella.',
    'use a stella at least as new as the one that wrote it',
  ),
  STORE_UNSAFE: input(
    'Users who are not meant to can write into the trust store.',
    'run `chmod -R go-w` on it; if it may have been changed, move it away and make it again: `stella trust init --tuf-url URL`, or `stella trust import FILE`',
  ),
  STORE_UNWRITABLE: input(
    'The trust store cannot be written.',
    'check local_cache_path, its permissions and free space',
  ),
  PIN_REQUIRED: input(
    'An empty trust store needs a root that somebody vouched for.',
    'give --root FILE, --root-fingerprint sha256:HEX or --trust-on-first-use',
  ),
  PIN_MISMATCH: refused(
    'The root is not the one that was vouched for.',
    'compare the fingerprint with the trust team over another channel',
  ),
  CLOCK_BEHIND: stale(
    'The clock is behind a time that the trust store has proof of.',
    'set the system clock, then run again',
  ),

  // Archive
  ARCHIVE_INVALID: refused(
    'The file is not a well-formed tar.zst archive.',
    'check that this is the right file and that it was copied whole',
  ),
  ARCHIVE_TRUNCATED: refused('The archive ends too early.', 'copy the file again and compare sizes'),
  ARCHIVE_TRAILING_DATA: refused(
    'There is data after the end of the archive.',
    'copy the file again from the connected side',
  ),
  ARCHIVE_LIMIT: refused(
    'The archive exceeds a fixed limit.',
    'a bundle from stella never does: check where the file comes from',
  ),
  ENTRY_PATH: refused(
    'The archive has an entry whose path is not allowed.',
    'do not unpack this file; check where it comes from',
  ),
  ENTRY_TYPE: refused(
    'The archive has an entry that is not a regular file.',
    'do not unpack this file; check where it comes from',
  ),
  ENTRY_DUPLICATE: refused(
    'The archive has the same entry twice.',
    'do not unpack this file; check where it comes from',
  ),

  // Bundle
  MANIFEST_MISSING: refused(
    'The archive does not begin with a bundle manifest.',
    'repack with: tar --zstd -cf NEW.tar.zst manifest.json manifest.cose tuf logs attestations',
  ),
  MANIFEST_INVALID: refused(
    'The bundle manifest is malformed.',
    'get the bundle again from the connected side',
  ),
  MANIFEST_VERSION: refused(
    'The bundle is of a format that this stella does not read.',
    'use a newer stella',
  ),
  ENTRY_UNLISTED: refused(
    'The archive has an entry that the manifest does not list.',
    'get the bundle again from the connected side',
  ),
  ENTRY_MISSING: refused(
    'An entry that the manifest lists is not in the archive.',
    'get the bundle again from the connected side',
  ),
  ENTRY_DIGEST: refused(
    'An entry is not what the manifest says.',
    'the file was damaged or altered: carry it again',
  ),
  BUNDLE_SIGNATURE: refused(
    'The bundle signature does not verify.',
    'the file was damaged or altered: carry it again',
  ),
  BUNDLE_SIGNER_UNTRUSTED: refused(
    'The bundle is signed by a key that neither TUF nor a pin names.',
    'on the TUF repository, publish the key with ./scripts/add-target.sh FILE NAME --usage bundle-signer; or pin it here with --bundle-key FILE',
  ),
  BUNDLE_THRESHOLD: refused(
    'Too few trusted keys have signed the bundle.',
    'on the connected side, add a signature with `stella trust snapshot sign FILE --signing-key KEY`; or check bundle_key_threshold here',
  ),
  PARTS_INCOMPLETE: refused(
    'Parts of a split bundle are missing, short or damaged.',
    'carry just the named parts again',
  ),
  BASE_MISSING: refused(
    'A delta bundle builds on a bundle that this store has not imported.',
    'import the named base first, or ask for a full bundle',
  ),

  // Import rules
  BUNDLE_STALE: stale(
    'The bundle is older than the staleness window.',
    'export a new bundle on the connected side',
  ),
  STORE_STALE: stale(
    'The trust store is older than the staleness window.',
    'import a newer bundle, or run `stella trust sync` where there is a network',
  ),
  EXPIRES_SOON: stale(
    'Something expires within the time that was asked about.',
    'renew what is named on the TUF repository, then sync; behind the gap, ask for a newer bundle',
  ),
  SEALED_IN_FUTURE: stale(
    "The bundle was sealed later than this machine's clock says it is.",
    'set the clocks on both sides',
  ),
  PIN_UNKNOWN: input(
    'The key is none that was pinned with --bundle-key.',
    'list the pinned keys with `stella trust status`',
  ),
  SEALED_TIME: input(
    'A bundle would be sealed at a time that contradicts what it holds or what was sealed before it.',
    'correct the clock, or unset SOURCE_DATE_EPOCH; to seal all the same, e.g. to make a bundle again: --any-sealed-time',
  ),
  BUNDLE_ROLLBACK: refused('The bundle is older than what was imported before.', 'carry a newer bundle'),
  REPOSITORY_DROPPED: refused(
    'The bundle lacks a repository that the trust store holds.',
    'ask the connected side why; if it is meant, give --drop-repository NAME',
  ),

  // Transparency logs
  NOTE_INVALID: refused('A signed note is malformed.', 'fetch it again from the log'),
  CHECKPOINT_INVALID: refused('A checkpoint is malformed.', 'fetch it again from the log'),
  CHECKPOINT_SIGNATURE: refused(
    'A checkpoint is not signed by a trusted key of its log.',
    'check the Rekor key targets with `stella trust status --show-keys`',
  ),
  CHECKPOINT_ORIGIN: refused('A checkpoint is of another log.', "check the service map's rekor.origin"),
  WITNESS_QUORUM: refused(
    'Too few witnesses have cosigned a checkpoint.',
    'fetch a newer checkpoint, or check the tlog_policy file',
  ),
  LOCKFILE_INVALID: input(
    'A lock file cannot be read.',
    'stella reads package-lock.json, pnpm-lock.yaml, requirements.txt, pylock.toml and uv.lock',
  ),
  POLICY_INVALID: input('A policy file is malformed.', 'correct the named line'),
  TILE_INVALID: refused('A tile does not have the form it must have.', 'fetch it again from the log'),
  ROOT_MISMATCH: refused(
    'The tiles do not give the root hash that the log signed.',
    'the mirror may be damaged or under attack: fetch from the log itself',
  ),
  PROOF_INVALID: refused('A Merkle proof does not hold.', 'get the attestation or the bundle again'),
  LOG_ROLLBACK: refused(
    'A log has become smaller.',
    'the log or its mirror may be under attack: keep both checkpoints and report them',
  ),
  LOG_FORK: refused(
    'Two checkpoints of a log contradict each other.',
    'keep both checkpoints as evidence and report them',
  ),
  LOG_CONSISTENCY_UNPROVEN: refused(
    'The tiles do not suffice to prove that the log only grew.',
    'on the connected side, export again with a greater depth: `stella trust snapshot export --out FILE --depth N`',
  ),
  LOG_UNKNOWN: input('There is no such log.', 'run `stella trust status` to list the logs held'),
  LOG_ENTRY_INVALID: refused(
    'A log entry is malformed or does not hash to its leaf.',
    'fetch it again from the log',
  ),

  // Attestations
  TRUSTED_ROOT_INVALID: input(
    'A Sigstore trusted root cannot be used.',
    'give a TrustedRoot JSON file, e.g. the one that `stella trust export --out DIR` writes',
  ),
  ARTIFACT_REQUIRED: input(
    'The signature can only be checked with the artifact.',
    'give the artifact with --artifact FILE',
  ),
  SIGSTORE_BUNDLE_INVALID: refused(
    'The Sigstore bundle is malformed.',
    'get the attestation again from where it was published',
  ),
  ENVELOPE_INVALID: refused(
    'The DSSE envelope is malformed.',
    'get the attestation again from where it was published',
  ),
  STATEMENT_INVALID: refused(
    'The in-toto statement is malformed.',
    'get the attestation again from where it was published',
  ),
  SIGNATURE_INVALID: refused(
    'A signature does not verify.',
    'keys may have rotated: run `stella trust sync --force`',
  ),
  SIGNATURE_THRESHOLD: refused(
    'Too few valid signatures.',
    'get the attestation again from where it was published',
  ),
  SIGNER_UNTRUSTED: refused(
    'The signer is not trusted.',
    'check `stella trust status --show-keys`, or give --key FILE',
  ),
  CERTIFICATE_UNTRUSTED: refused(
    'The signing certificate does not chain to a trusted authority.',
    'check which Fulcio instance issued it; `stella trust status --show-keys`',
  ),
  CERTIFICATE_INVALID: refused(
    'The signing certificate may not be used for this.',
    'get the attestation again from where it was published',
  ),
  CERTIFICATE_EXPIRED: refused(
    'The signing certificate was not valid at the signing time.',
    'get the attestation again from where it was published',
  ),
  SCT_INVALID: refused(
    'The certificate is not shown to be logged in a trusted CT log.',
    'check the CTFE targets with `stella trust status --show-keys`',
  ),
  TIMESTAMP_INVALID: refused(
    'There is no trustworthy signing time.',
    'get an attestation with a log entry or a trusted timestamp',
  ),
  LOG_ENTRY_MISSING: refused(
    'The attestation has no log entry.',
    'get an attestation with its inclusion proof, or import a bundle that carries its log range with --entries',
  ),
  LOG_ENTRY_MISMATCH: refused(
    'The log entry is of something else than this attestation.',
    'get the attestation again from where it was published',
  ),
  LOG_KEY_INVALID: refused(
    'The log key was not valid at that time.',
    'check `stella trust status --show-keys`',
  ),
  ARTIFACT_MISMATCH: refused(
    'The attestation is about another artifact.',
    'check that artifact and attestation belong together',
  ),
  IDENTITY_MISMATCH: refused(
    'The signer is somebody else than required.',
    'check --certificate-identity and --certificate-oidc-issuer',
  ),
  IDENTITY_REQUIRED: refused(
    'The configuration, or a public instance, requires that the signer is demanded: subject and issuer, or the source repository.',
    'give --repo OWNER/NAME, --certificate-identity and --certificate-oidc-issuer, or --policy FILE',
  ),
  CLAIM_MISMATCH: refused(
    "A claim in the signer's certificate is another than required, or absent.",
    'run again with --explain, which shows what the certificate claims',
  ),
  PREDICATE_MISMATCH: refused(
    'The predicate is of another type than required.',
    'check --type or the policy file',
  ),
  LOCKFILE_UNSATISFIED: refused(
    'Packages of a lock file are not vouched for.',
    'the list says why for each; collect what is missing on the connected side: stella attest collect --lockfile FILE --out DIR',
  ),
  REGISTRY_SIGNATURE_INVALID: refused(
    'A signature of a package registry does not hold.',
    'fetch what the registry says of the package again; the package may have been replaced',
  ),
  POLICY_UNSATISFIED: refused(
    'The policy is not satisfied.',
    'get attestations that satisfy the policy, or correct the policy file',
  ),
  KEY_REVOKED: refused('The key has been revoked.', 'have the artifact signed again with a current key'),
  KEY_RETIRED: refused(
    'The key was already retired at the signing time.',
    'have the artifact signed again with a current key',
  ),
  SHARDS_INCOMPLETE: refused(
    'A shard of a verification is missing or not whole.',
    'run the missing shards again, over the same inputs, then merge',
  ),
  SHARDS_DIFFER: refused(
    'Shards of a verification were judged by different rules, trust or settings, or at different times.',
    'run all shards again with the same flags, trust store and configuration, then merge',
  ),
  NOTHING_VERIFIED: input('There was nothing to verify.', 'check the paths'),
  INPUT_SKIPPED: input(
    'Something in a directory is no attestation, and --strict allows nothing else there.',
    'remove what was skipped from the directory, or leave out --strict',
  ),

  // TUF repository
  REPO_EXISTS: input('There is a TUF repository here already.', 'choose another directory'),
  REPO_NOT_FOUND: input('There is no TUF repository here.', 'run `stella repo init DIR`'),
  REPO_INVALID: refused('The TUF repository does not verify.', 'read the message; nothing was published'),
  REPO_STAGE: input('The staged change cannot be used.', 'run `stella repo stage` again'),
  REPO_THRESHOLD: refused('Signatures are missing to publish.', 'add them with `stella repo sign`'),
  REPO_EXPIRING: stale(
    'A TUF role will expire soon.',
    'run `stella repo stage ROLE`, `stella repo sign` and `stella repo publish`',
  ),
  TARGET_EXISTS: input('The repository has a target of this name already.', 'give --replace'),
  TARGET_NAME: input('The target name is not allowed.', 'use letters, digits, dots, dashes and slashes'),

  // Receipts
  RECEIPT_INVALID: refused(
    'A receipt is malformed or its signature does not verify.',
    'ask the site to send the receipt of its last import again',
  ),

  // Audit
  AUDIT_BROKEN: refused('The audit log has been altered.', 'compare with a copy kept elsewhere'),
} as const satisfies Record<string, CodeFacts>;

/** The code of a refusal: what scripts should look at. */
export type ErrorCode = keyof typeof CODES;
