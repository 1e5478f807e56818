import { excerpt, formatBase64, formatUtf8, parseBase64, parseUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { type OpenedCheckpoint, openCheckpoint, parseCheckpoint, parseTreeSize } from './checkpoint.ts';
import { HASH_BYTES } from './hash.ts';
import { checkInclusion } from './merkle.ts';
import { MOST_NOTE_BYTES, type VerifierKey } from './note.ts';
import { checkWitnessPolicy, type WitnessPolicy, witnessKeys } from './witness-policy.ts';

/** A proof of inclusion that stands alone: C2SP tlog-proof. */
export interface TlogProof {
  /** Opaque and not authenticated. */
  readonly extra?: Uint8Array;
  readonly index: bigint;
  /** Leaf's sibling first. */
  readonly path: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpointBytes: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^63 entries has paths this long. */
const MOST_PATH = 63;

function invalid(why: string): StellaError {
  return new StellaError('PROOF_INVALID', `malformed tlog proof: ${why}`);
}

/**
 * Bytes of a `.tlog-proof` file → proof; verifies nothing.
 * @throws StellaError PROOF_INVALID, NOTE_INVALID, CHECKPOINT_INVALID
 */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > 2 * MOST_NOTE_BYTES) throw invalid('too large');
  const text = parseUtf8(bytes, 'PROOF_INVALID');
  const split = text.indexOf('\n\n');
  if (split < 0) throw invalid('no empty line before the checkpoint');
  const lines = text.slice(0, split).split('\n');
  if (lines.shift() !== HEADER) throw invalid(`it does not begin with ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ')
    ? parseBase64(lines.shift()!.slice('extra '.length), 'PROOF_INVALID')
    : undefined;
  const indexLine = lines.shift() ?? '';
  if (!/^index (?:0|[1-9][0-9]{0,18})$/.test(indexLine)) throw invalid(`not an index: ${excerpt(indexLine)}`);
  if (lines.length > MOST_PATH) throw invalid('the path is too long');
  const path = lines.map((line) => {
    const hash = parseBase64(line, 'PROOF_INVALID');
    if (hash.length !== HASH_BYTES) throw invalid(`not a hash: ${excerpt(line)}`);
    return hash;
  });
  const checkpointBytes = formatUtf8(text.slice(split + 2));
  parseCheckpoint(checkpointBytes);
  const index = parseTreeSize(indexLine.slice('index '.length));
  return { ...(extra === undefined ? {} : { extra }), index, path, checkpointBytes };
}

/** The inverse of {@link parseTlogProof}. */
export function formatTlogProof({ extra, index, path, checkpointBytes }: TlogProof): Uint8Array {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${formatBase64(extra)}`]),
    `index ${index}`,
    ...path.map(formatBase64),
  ];
  return formatUtf8(`${lines.join('\n')}\n\n${parseUtf8(checkpointBytes, 'NOTE_INVALID')}`);
}

/**
 * Verifies that an entry is in the log: the checkpoint's signatures and policy, then the path.
 * @param hash the leaf hash of the entry
 * @throws StellaError as `openCheckpoint` and `checkWitnessPolicy`, and PROOF_INVALID
 */
export function checkTlogProof(
  proof: TlogProof,
  hash: Uint8Array,
  rules: {
    readonly keys: readonly VerifierKey[];
    readonly origin?: string | undefined;
    readonly policy?: WitnessPolicy | undefined;
  },
): OpenedCheckpoint {
  const opened = openCheckpoint(proof.checkpointBytes, [...rules.keys, ...witnessKeys(rules.policy)], {
    origin: rules.origin,
  });
  checkWitnessPolicy(rules.policy, opened);
  const { size, rootHash } = opened.checkpoint;
  checkInclusion({ index: proof.index, size, leafHash: hash, proof: proof.path, rootHash });
  return opened;
}
