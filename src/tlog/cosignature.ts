import { concatBytes, formatUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { Signer } from '../base/keys.ts';
import type { NoteSignature } from './verifier-key.ts';
import { witnessKeyOf } from './verifier-key.ts';

const TIMESTAMP_BYTES = 8;
const SIGNATURE_BYTES = 64;
const MOST_TIMESTAMP = 2n ** 63n - 1n;

/** A witness's statement: at this time, in seconds since 1970, this was the log's newest consistent tree head. */
export interface TimestampedSignature {
  readonly timestamp: bigint;
  readonly signature: Uint8Array;
}

/**
 * `timestamped_signature` of C2SP tlog-cosignature for Ed25519: u64 big-endian seconds, then 64 bytes.
 * @throws StellaError NOTE_INVALID
 */
export function parseTimestampedSignature(bytes: Uint8Array): TimestampedSignature {
  if (bytes.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES)
    throw new StellaError('NOTE_INVALID', `a witness cosignature has 72 bytes, this one ${bytes.length}`);
  const timestamp = Buffer.from(bytes.buffer, bytes.byteOffset, TIMESTAMP_BYTES).readBigUInt64BE();
  if (timestamp > MOST_TIMESTAMP)
    throw new StellaError('NOTE_INVALID', 'the time of a witness cosignature is out of range');
  return { timestamp, signature: bytes.subarray(TIMESTAMP_BYTES) };
}

/** The inverse of {@link parseTimestampedSignature}. */
export function formatTimestampedSignature({ timestamp, signature }: TimestampedSignature): Uint8Array {
  const time = Buffer.alloc(TIMESTAMP_BYTES);
  time.writeBigUInt64BE(timestamp);
  return concatBytes(time, signature);
}

/** The bytes that a v1 cosignature signs for a checkpoint's note text. */
export function cosignedMessage(timestamp: bigint, text: string): Uint8Array {
  return formatUtf8(`cosignature/v1\ntime ${timestamp}\n${text}`);
}

/** A witness's signature line. @param timestamp seconds since 1970 */
export async function makeCosignature(
  text: string,
  name: string,
  signer: Signer,
  timestamp: bigint,
): Promise<NoteSignature> {
  const { keyId } = witnessKeyOf(name, signer.publicKey);
  const signature = await signer.sign(cosignedMessage(timestamp, text));
  return { name, keyId, signature: formatTimestampedSignature({ timestamp, signature }) };
}
