import { equalBytes, excerpt, formatBase64, parseBase64 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { EMPTY_ROOT, HASH_BYTES } from './hash.ts';
import { type Note, parseNote, type VerifiedBy, type VerifierKey, verifyNote } from './note.ts';

/** The largest tree size anybody may claim: 2^63 − 1. */
export const MOST_TREE_SIZE = 2n ** 63n - 1n;

/** What a log signs about itself: C2SP tlog-checkpoint. */
export interface Checkpoint {
  readonly origin: string;
  /** Number of entries. */
  readonly size: bigint;
  /** RFC 6962 Merkle tree hash over all entries, 32 bytes. */
  readonly rootHash: Uint8Array;
  /** Opaque further lines. */
  readonly extensions: readonly string[];
}

function invalid(why: string): StellaError {
  return new StellaError('CHECKPOINT_INVALID', `malformed checkpoint: ${why}`);
}

/**
 * Decimal ASCII without leading zeroes, at most 2^63 − 1.
 * @throws StellaError `CHECKPOINT_INVALID`
 */
export function parseTreeSize(text: string): bigint {
  const size = /^(?:0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : MOST_TREE_SIZE + 1n;
  if (size > MOST_TREE_SIZE) throw invalid(`not a tree size: ${excerpt(text)}`);
  return size;
}

/**
 * The text of a checkpoint's note → checkpoint.
 * @throws StellaError CHECKPOINT_INVALID
 */
export function parseCheckpointText(text: string): Checkpoint {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw invalid('it does not end with a line feed');
  const [origin, size, root, ...extensions] = lines;
  if (origin === undefined || size === undefined || root === undefined)
    throw invalid('fewer than three lines');
  if (lines.some((line) => line === '')) throw invalid('it has an empty line');
  const rootHash = parseBase64(root, 'CHECKPOINT_INVALID');
  if (rootHash.length !== HASH_BYTES) throw invalid(`a root hash has 32 bytes, this one ${rootHash.length}`);
  const checkpoint = { origin, size: parseTreeSize(size), rootHash, extensions };
  if (checkpoint.size === 0n && !equalBytes(rootHash, EMPTY_ROOT))
    throw invalid('an empty log with a root hash that is not the empty one');
  return checkpoint;
}

/**
 * Signed checkpoint → what it says; verifies no signature (see {@link openCheckpoint}).
 * @throws StellaError NOTE_INVALID, CHECKPOINT_INVALID
 */
export function parseCheckpoint(noteBytes: Uint8Array): Checkpoint {
  return parseCheckpointText(parseNote(noteBytes).text);
}

/** The note text of a checkpoint, the inverse of {@link parseCheckpointText}. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, rootHash, extensions } = checkpoint;
  const text = `${[origin, size, formatBase64(rootHash), ...extensions].join('\n')}\n`;
  parseCheckpointText(text);
  return text;
}

export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
  /** The known keys whose signatures hold: at least one of the log's, and any witnesses'. */
  readonly signedBy: readonly VerifiedBy[];
}

/**
 * Parses and verifies a checkpoint.
 * @param keys the log's keys, and those of witnesses whose cosignatures are of interest
 * @param options.origin the origin that it must be of; without it, the name of the log's key that signed
 * @throws StellaError NOTE_INVALID, CHECKPOINT_INVALID, CHECKPOINT_SIGNATURE, CHECKPOINT_ORIGIN
 */
export function openCheckpoint(
  noteBytes: Uint8Array,
  keys: readonly VerifierKey[],
  options: { readonly origin?: string | undefined } = {},
): OpenedCheckpoint {
  const note = parseNote(noteBytes);
  const checkpoint = parseCheckpointText(note.text);
  const signedBy = verifyNote(note, keys);
  const byLog = signedBy.filter((key) => key.type !== 'cosignature/v1');
  if (byLog.length === 0)
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      'witnesses have signed the checkpoint, but no trusted key of the log',
    );
  const isExpected =
    options.origin === undefined
      ? byLog.some((key) => key.name === checkpoint.origin)
      : checkpoint.origin === options.origin;
  if (!isExpected) {
    const expected = options.origin ?? byLog[0]!.name;
    throw new StellaError(
      'CHECKPOINT_ORIGIN',
      `the checkpoint is of ${excerpt(checkpoint.origin)}, expected ${excerpt(expected)}`,
      { details: { origin: checkpoint.origin, expected } },
    );
  }
  return { checkpoint, note, signedBy };
}
