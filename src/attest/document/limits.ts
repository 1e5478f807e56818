/** The most of everything that an attestation may have. Anything beyond is refused before work is spent on it. */
export const ATTESTATION_LIMITS = {
  /** Bytes of one JSON document with attestations; GitHub's largest lists stay below a tenth of it. */
  documentBytes: 32 * 1024 * 1024,
  /** Nesting of JSON arrays and objects; deep SBOM predicates reach about 40. */
  jsonDepth: 128,
  /** JSON values that a small document may have; a list of a hundred attestations has some 5,000. */
  jsonValues: 100_000,
  /** Lines of a file that are not even meant as attestations, before the rest of it is left unread. */
  otherLines: 10_000,
  /** Bytes of one DSSE payload, decoded. */
  payloadBytes: 16 * 1024 * 1024,
  /** Bytes of a statement that a verdict repeats; printed again as JSON it may be several times as long. */
  statementInVerdictBytes: 4 * 1024 * 1024,
  /** Certificates in one Sigstore bundle: a leaf, some intermediates, a root. */
  certificates: 10,
  /** Bytes of one DER certificate; Fulcio's have about 2,100. */
  certificateBytes: 64 * 1024,
  /** Log entries in one Sigstore bundle. */
  logEntries: 32,
  /** RFC 3161 timestamps in one Sigstore bundle. */
  timestamps: 32,
  timestampBytes: 64 * 1024,
  /** Hashes in an inclusion proof: a tree of 2^64 entries has paths of 64. */
  proofHashes: 64,
  /** Bytes of a checkpoint with its signatures and cosignatures. */
  checkpointBytes: 64 * 1024,
  /** Bytes of a log entry; Rekor refuses larger ones than 100 KiB of metadata. */
  entryBytes: 4 * 1024 * 1024,
  signatures: 100,
  signatureBytes: 4096,
  /** Subjects of one statement: GitHub allows 1,024, and in-toto any number; as many as fit into a payload are quickly compared. */
  subjects: 100_000,
  digestsPerSubject: 32,
} as const;
