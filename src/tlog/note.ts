import {
  concatBytes,
  equalBytes,
  excerpt,
  formatBase64,
  formatUtf8,
  parseBase64,
  parseUtf8,
} from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { isSignature, type Signer } from '../base/keys.ts';
import { cosignedMessage, parseTimestampedSignature } from './cosignature.ts';
import { isTreeHeadSignature } from './tree-head-signature.ts';
import { isKeyName, type NoteSignature, type VerifierKey, verifierKeyOf } from './verifier-key.ts';

export * from './verifier-key.ts';

/** A signed note: C2SP signed-note. */
export interface Note {
  /** What is signed, with its final line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A known key whose signature on a note holds. */
export interface VerifiedBy extends VerifierKey {
  /** Witness cosignatures only: when the witness signed, in seconds since 1970. */
  readonly cosignedAt?: bigint;
}

/** A checkpoint is under 1 KiB; post-quantum signatures are up to 5 KiB each. */
export const MOST_NOTE_BYTES = 1024 * 1024;
const MOST_SIGNATURES = 100;
const DASH = '— ';

function invalid(why: string): StellaError {
  return new StellaError('NOTE_INVALID', `malformed signed note: ${why}`);
}

function parseSignatureLine(line: string): NoteSignature {
  const [name, encoded, ...rest] = line.slice(DASH.length).split(' ');
  if (!line.startsWith(DASH) || name === undefined || encoded === undefined || rest.length > 0)
    throw invalid(`not a signature line: ${excerpt(line)}`);
  if (!isKeyName(name)) throw invalid(`not a key name: ${excerpt(name)}`);
  const bytes = parseBase64(encoded, 'NOTE_INVALID');
  if (bytes.length < 5) throw invalid('a signature is shorter than its key id');
  return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
}

/**
 * Signed note → text and signature lines; verifies nothing.
 * @throws StellaError NOTE_INVALID for anything but UTF-8 without control characters, a text and one or more well-formed
 * signature lines
 */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MOST_NOTE_BYTES) throw invalid(`larger than ${MOST_NOTE_BYTES} bytes`);
  const whole = parseUtf8(bytes, 'NOTE_INVALID');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw invalid('it has control characters');
  const split = whole.lastIndexOf('\n\n');
  if (split < 0) throw invalid('no blank line before the signatures');
  const text = whole.slice(0, split + 1);
  const lines = whole.slice(split + 2).split('\n');
  if (lines.pop() !== '') throw invalid('it does not end with a line feed');
  if (lines.length === 0) throw invalid('it has no signature');
  if (lines.length > MOST_SIGNATURES) throw invalid(`more than ${MOST_SIGNATURES} signatures`);
  return { text, signatures: lines.map(parseSignatureLine) };
}

/**
 * The inverse of {@link parseNote}.
 * @throws StellaError NOTE_INVALID where `parseNote` would not read the result back
 */
export function formatNote(note: Note): Uint8Array {
  const lines = note.signatures.map(
    ({ name, keyId, signature }) => `${DASH}${name} ${formatBase64(concatBytes(keyId, signature))}\n`,
  );
  const bytes = formatUtf8(`${note.text}\n${lines.join('')}`);
  const again = parseNote(bytes);
  if (again.text !== note.text || again.signatures.length !== note.signatures.length)
    throw invalid('the text does not end with a line feed');
  return bytes;
}

function isSignedBy(key: VerifierKey, text: string, signature: Uint8Array): VerifiedBy | undefined {
  if (key.type === 'cosignature/v1') {
    const { timestamp, signature: inner } = parseTimestampedSignature(signature);
    const holds = isSignature(key.publicKey, cosignedMessage(timestamp, text), inner);
    return holds ? { ...key, cosignedAt: timestamp } : undefined;
  }
  if (key.type === 'rfc6962') return isTreeHeadSignature(key.publicKey, text, signature) ? key : undefined;
  const message = formatUtf8(text);
  // ECDSA logs on P-384 and P-521 use either the curve's own hash or SHA-256, which the key does not tell.
  const holds =
    isSignature(key.publicKey, message, signature) ||
    (key.type === 'ecdsa' && isSignature(key.publicKey, message, signature, { hash: 'sha256' }));
  return holds ? key : undefined;
}

/**
 * The known keys that signed the note, in the note's order, each once. Signatures of unknown keys are ignored, however
 * many of them there are; one of a known key that does not hold refuses the note (C2SP signed-note, "Signatures").
 * @throws StellaError CHECKPOINT_SIGNATURE when a known key's signature does not hold or no known key signed
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): VerifiedBy[] {
  const verified: VerifiedBy[] = [];
  for (const { name, keyId, signature } of note.signatures) {
    // Key ids are short: two known keys may share name and id, and then either may have signed.
    const candidates = keys.filter(
      (key) => (key.anyName || key.name === name) && equalBytes(key.keyId, keyId),
    );
    if (candidates.length === 0) continue;
    const by = candidates
      .map((key) => isSignedBy({ ...key, name }, note.text, signature))
      .find((found) => found);
    if (!by)
      throw new StellaError('CHECKPOINT_SIGNATURE', `the signature of ${excerpt(name)} does not verify`);
    if (!verified.some((other) => other.type === by.type && other.publicKey.id === by.publicKey.id))
      verified.push(by);
  }
  if (verified.length === 0) {
    throw new StellaError('CHECKPOINT_SIGNATURE', 'no trusted key has signed the checkpoint', {
      details: {
        signed_by: note.signatures.map(({ name, keyId }) => `${name}+${Buffer.from(keyId).toString('hex')}`),
      },
    });
  }
  return verified;
}

/** One signature line over `text` with a log's key of the given key name. */
export async function makeNoteSignature(text: string, name: string, signer: Signer): Promise<NoteSignature> {
  const { keyId } = verifierKeyOf(name, signer.publicKey);
  return { name, keyId, signature: await signer.sign(formatUtf8(text)) };
}

/** A note with one signature. */
export async function signNote(text: string, name: string, signer: Signer): Promise<Uint8Array> {
  return formatNote({ text, signatures: [await makeNoteSignature(text, name, signer)] });
}
