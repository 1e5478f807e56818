import { Decoder, Encoder, Tag } from 'cbor-x';
import { checkCborStructure } from './cbor-structure.ts';
import { StellaError } from './errors.ts';
import { isSignature, type PublicKey, type SignatureForm, type Signer } from './keys.ts';

/** COSE header labels (RFC 9052 §3.1). */
export const COSE_HEADER = { alg: 1, contentType: 3, kid: 4 } as const;

/** A header map: labels are integers or text. Values are what CBOR has: numbers, text, bytes, arrays, maps. */
export type CoseHeader = ReadonlyMap<number | string, unknown>;

export interface CoseSignature {
  /** The encoded protected header, exactly as signed; empty where there is none. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CoseHeader;
  readonly unprotectedHeader: CoseHeader;
  readonly signature: Uint8Array;
}

/** COSE_Sign (RFC 9052 §4.1), CBOR tag 98. */
export interface CoseSign {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CoseHeader;
  readonly unprotectedHeader: CoseHeader;
  /** `null` where the payload is detached. */
  readonly payload: Uint8Array | null;
  readonly signatures: readonly CoseSignature[];
}

const COSE_SIGN_TAG = 98;
const MOST_SIGNATURES = 64;

const options = {
  useRecords: false,
  mapsAsObjects: false,
  tagUint8Array: false,
  variableMapSize: true,
  int64AsNumber: true,
} as const;
let codec: { readonly encoder: Encoder; readonly decoder: Decoder } | undefined;

/** Made when it is needed: cbor-x looks for its native accelerator, and most runs have nothing to do with COSE. */
function cbor(): NonNullable<typeof codec> {
  codec ??= { encoder: new Encoder(options), decoder: new Decoder(options) };
  return codec;
}

const invalid = (why: string, cause?: unknown): StellaError =>
  new StellaError('COSE_INVALID', `the COSE structure ${why}`, { cause });

/** Deterministic encoding (RFC 8949 §4.2.1) for maps whose labels are added in order. */
function encode(value: unknown): Uint8Array {
  return Uint8Array.from(cbor().encoder.encode(value));
}

function decode(bytes: Uint8Array): unknown {
  checkCborStructure(bytes);
  try {
    return cbor().decoder.decode(Buffer.from(bytes));
  } catch (cause) {
    throw invalid('is not CBOR', cause);
  }
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isMap = (value: unknown): value is Map<unknown, unknown> => value instanceof Map;

function headerOf(value: unknown): CoseHeader {
  if (!isMap(value)) throw invalid('has a header that is not a map');
  for (const label of value.keys()) {
    if (typeof label !== 'number' && typeof label !== 'string')
      throw invalid('has a header label that is neither an integer nor text');
  }
  return value as CoseHeader;
}

/** An empty protected header is an empty byte string (RFC 9052 §3). */
function protectedHeaderOf(bytes: Uint8Array): CoseHeader {
  return bytes.length === 0 ? new Map() : headerOf(decode(bytes));
}

function signatureOf(value: unknown): CoseSignature {
  if (!Array.isArray(value) || value.length !== 3) throw invalid('has a signature that is not an array of 3');
  const [protectedBytes, unprotected, signature] = value as unknown[];
  if (!isBytes(protectedBytes) || !isBytes(signature)) throw invalid('has a signature of another form');
  const header = {
    protectedBytes: Uint8Array.from(protectedBytes),
    protectedHeader: protectedHeaderOf(protectedBytes),
    unprotectedHeader: headerOf(unprotected),
    signature: Uint8Array.from(signature),
  };
  checkDisjoint(header.protectedHeader, header.unprotectedHeader);
  return header;
}

/** RFC 9052 §3: a label must not occur in both headers. */
function checkDisjoint(a: CoseHeader, b: CoseHeader): void {
  for (const label of a.keys()) if (b.has(label)) throw invalid(`has the header ${String(label)} twice`);
}

/**
 * A tagged COSE_Sign structure in strict CBOR.
 * @throws StellaError COSE_INVALID
 */
export function parseCoseSign(bytes: Uint8Array): CoseSign {
  const tagged = decode(bytes);
  if (!(tagged instanceof Tag) || tagged.tag !== COSE_SIGN_TAG) throw invalid('is not a COSE_Sign (tag 98)');
  const value: unknown = tagged.value;
  if (!Array.isArray(value) || value.length !== 4) throw invalid('is not an array of 4');
  const [protectedBytes, unprotected, payload, signatures] = value as unknown[];
  if (!isBytes(protectedBytes) || (payload !== null && !isBytes(payload)) || !Array.isArray(signatures))
    throw invalid('has another form');
  if (signatures.length === 0) throw invalid('has no signature');
  if (signatures.length > MOST_SIGNATURES) throw invalid(`has more than ${MOST_SIGNATURES} signatures`);
  const protectedHeader = protectedHeaderOf(protectedBytes);
  const unprotectedHeader = headerOf(unprotected);
  checkDisjoint(protectedHeader, unprotectedHeader);
  return {
    protectedBytes: Uint8Array.from(protectedBytes),
    protectedHeader,
    unprotectedHeader,
    payload: payload === null ? null : Uint8Array.from(payload),
    signatures: signatures.map(signatureOf),
  };
}

/** Inverse of {@link parseCoseSign}: the protected headers are written as their bytes say. */
export function formatCoseSign(cose: CoseSign): Uint8Array {
  const signatures = cose.signatures.map((signature) => [
    signature.protectedBytes,
    signature.unprotectedHeader,
    signature.signature,
  ]);
  return encode(
    new Tag([cose.protectedBytes, cose.unprotectedHeader, cose.payload, signatures], COSE_SIGN_TAG),
  );
}

/** A header map as it goes into a protected header: labels in the order given, which should be ascending. */
export function formatCoseHeader(header: CoseHeader): Uint8Array {
  return header.size === 0 ? new Uint8Array(0) : encode(header);
}

/**
 * Sig_structure (RFC 9052 §4.4) with context "Signature": the bytes that a signer of a COSE_Sign signs.
 * @param body the protected header of the COSE_Sign, encoded
 * @param signer the protected header of the signature, encoded
 */
export function coseSignedBytes(
  body: Uint8Array,
  signer: Uint8Array,
  payload: Uint8Array,
  externalAad: Uint8Array = new Uint8Array(0),
): Uint8Array {
  // The payload may have many MiB: only the frame around it is encoded.
  const head = encode(['Signature', body, signer, externalAad]);
  head[0] = 0x85;
  return Buffer.concat([head, byteStringHead(payload.length), payload]);
}

function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length);
  if (length < 0x100) return Uint8Array.of(0x58, length);
  const head = Buffer.alloc(length < 0x1_0000 ? 3 : 5);
  if (length < 0x1_0000) {
    head[0] = 0x59;
    head.writeUInt16BE(length, 1);
  } else {
    head[0] = 0x5a;
    head.writeUInt32BE(length, 1);
  }
  return head;
}

/** Signature algorithms (RFC 9053 §2, RFC 9864): which keys they are for, and how they sign. */
const ALGORITHMS: Readonly<Record<number, { key: PublicKey['algorithm']; form: SignatureForm }>> = {
  [-7]: { key: 'ecdsa-p256', form: { hash: 'sha256', encoding: 'ieee-p1363' } },
  [-8]: { key: 'ed25519', form: {} },
  [-19]: { key: 'ed25519', form: {} },
  [-36]: { key: 'ecdsa-p521', form: { hash: 'sha512', encoding: 'ieee-p1363' } },
};

const NAMES: ReadonlyMap<unknown, string> = new Map([
  [-7, 'ES256'],
  [-8, 'EdDSA'],
  [-19, 'Ed25519'],
  [-36, 'ES512'],
]);

/** What the algorithm of a protected header is called; `alg N` for those unknown here. */
export function coseAlgorithmName(alg: unknown): string {
  return NAMES.get(alg) ?? `alg ${String(alg)}`;
}

/**
 * The algorithm that a key signs with: EdDSA (−8) or ES256 (−7).
 * @throws StellaError KEY_INVALID
 */
export function coseAlgorithmOf(key: PublicKey): number {
  if (key.algorithm === 'ed25519') return -8;
  if (key.algorithm === 'ecdsa-p256') return -7;
  throw new StellaError('KEY_INVALID', `a bundle cannot be signed with a key of type ${key.algorithm}`, {
    hint: 'use an Ed25519 or ECDSA P-256 key',
  });
}

/** Whether a signature of a COSE_Sign is `key`'s over the payload, under the algorithm in its protected header. */
export function isCoseSignature(
  cose: CoseSign,
  signature: CoseSignature,
  payload: Uint8Array,
  key: PublicKey,
  externalAad?: Uint8Array,
): boolean {
  const alg = signature.protectedHeader.get(COSE_HEADER.alg);
  const algorithm = typeof alg === 'number' ? ALGORITHMS[alg] : undefined;
  if (algorithm?.key !== key.algorithm) return false;
  const signed = coseSignedBytes(cose.protectedBytes, signature.protectedBytes, payload, externalAad);
  return isSignature(key, signed, signature.signature, algorithm.form);
}

/**
 * Signs a detached payload for a COSE_Sign with this body header; alg and kid go into the protected header.
 * @param body the protected header of the COSE_Sign, encoded
 * @throws StellaError KEY_INVALID, SIGNER_FAILED
 */
export async function coseSign(
  body: Uint8Array,
  payload: Uint8Array,
  signer: Signer,
  kid: Uint8Array,
): Promise<CoseSignature> {
  const alg = coseAlgorithmOf(signer.publicKey);
  const protectedHeader: CoseHeader = new Map<number, unknown>([
    [COSE_HEADER.alg, alg],
    [COSE_HEADER.kid, kid],
  ]);
  const protectedBytes = formatCoseHeader(protectedHeader);
  const signed = coseSignedBytes(body, protectedBytes, payload);
  const { form } = ALGORITHMS[alg]!;
  const signature = await signer.sign(signed, form);
  if (!isSignature(signer.publicKey, signed, signature, form))
    throw new StellaError('SIGNER_FAILED', 'the signer returned a signature that does not verify');
  return { protectedBytes, protectedHeader, unprotectedHeader: new Map(), signature };
}
