/** A DSSE envelope (secure-systems-lab/dsse), decoded. */
export interface Envelope {
  readonly kind: 'dsse';
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signatures: readonly { readonly keyid: string | undefined; readonly sig: Buffer }[];
  /** Its exact bytes, in forms that keep them: what Rekor's oldest entries for envelopes are about. */
  readonly source?: Buffer;
}

/** A signature over an artifact itself. */
export interface MessageSignature {
  readonly kind: 'message';
  /** What the Sigstore bundle says the artifact's digest is; nothing is to be believed of it by itself. */
  readonly digest: { readonly algorithm: 'sha256' | 'sha384' | 'sha512'; readonly value: Buffer } | undefined;
  readonly signature: Buffer;
  /** The signed bytes, where they came along: a simple signing payload, which names the image that it is about. */
  readonly payload?: Buffer;
}

/** Whose key made the signature, as the attestation itself says. */
export type SignerClaim =
  | {
      readonly kind: 'certificate';
      readonly certificates: readonly Buffer[];
      /** It stands in a member that DSSE does not know, so that a key that is given may be the signer's all the same. */
      readonly isOptional?: true;
    }
  | { readonly kind: 'key'; readonly hint: string | undefined };

/** Where an entry lies in its log, and the log's word for it. */
export interface InclusionProof {
  readonly index: bigint;
  readonly size: bigint;
  readonly rootHash: Buffer;
  readonly hashes: readonly Buffer[];
  /** The signed note. */
  readonly checkpoint: Buffer;
}

/** An entry of a transparency log, as Sigstore bundles carry it. */
export interface LogEntry {
  readonly logId: string;
  readonly logIndex: bigint;
  readonly kind: string;
  readonly version: string;
  /** Seconds since the epoch; only to be believed with a signed entry timestamp. */
  readonly integratedTime: bigint | undefined;
  readonly signedEntryTimestamp: Buffer | undefined;
  readonly proof: InclusionProof | undefined;
  readonly body: Buffer;
}

/** An attestation in whatever form it came, with nothing verified. */
export interface Attestation {
  readonly form:
    | 'sigstore-bundle-0.1'
    | 'sigstore-bundle-0.2'
    | 'sigstore-bundle-0.3'
    | 'dsse'
    | 'cosign-bundle'
    | 'cosign-signature'
    | 'pep-740'
    | 'signature-file';
  readonly content: Envelope | MessageSignature;
  readonly signer: SignerClaim;
  readonly entries: readonly LogEntry[];
  /** RFC 3161 time-stamp responses, DER. */
  readonly timestamps: readonly Buffer[];
  /** In a document of a registry: the registry's own attestation that it published what this one is about. */
  readonly published?: Attestation;
}
