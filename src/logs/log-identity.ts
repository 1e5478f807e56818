import { excerpt, formatHex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import { openCheckpoint } from '../tlog/checkpoint.ts';
import { parseNote } from '../tlog/note.ts';
import { logIdOf, logKeysOf } from '../tlog/verifier-key.ts';

/** More signatures than these are not named in a message. */
const MAX_NAMED = 3;

/** What a checkpoint says of its log, believed because one of the keys has signed it. */
export interface LogIdentity {
  readonly origin: string;
  readonly size: bigint;
  readonly key: PublicKey;
  /** 64 lowercase hexadecimal digits, as entries name the log. */
  readonly logId: string;
}

/**
 * The log that a checkpoint is of, by the checkpoint's own first line: under the right key id one of the keys has signed
 * it. Whoever calls has to know that the key serves one log only.
 * @throws StellaError NOTE_INVALID, CHECKPOINT_INVALID; CHECKPOINT_SIGNATURE that says what it is signed as
 */
export function identifyLog(checkpoint: Uint8Array, keys: readonly PublicKey[]): LogIdentity {
  const origin = originLine(checkpoint);
  try {
    const opened = openCheckpoint(
      checkpoint,
      keys.flatMap((key) => keysOrNone(origin, key)),
      { origin },
    );
    const key = keys.find(({ id }) => opened.signedBy.some((by) => by.publicKey.id === id))!;
    return { origin, size: opened.checkpoint.size, key, logId: logIdOf(origin, key) };
  } catch (cause) {
    if (!isStellaError(cause, 'CHECKPOINT_SIGNATURE')) throw cause;
    throw new StellaError(
      cause.code,
      `none of the keys has signed the checkpoint of ${excerpt(origin)}, which is signed as ${signatureNames(checkpoint).slice(0, MAX_NAMED).join(', ')}`,
      {
        cause,
        hint: 'give the public key of this very log',
        details: { origin, signed_by: signatureNames(checkpoint) },
      },
    );
  }
}

/** The first line of a checkpoint, which names its log; nothing is verified. @throws StellaError NOTE_INVALID */
export function originLine(checkpoint: Uint8Array): string {
  return parseNote(checkpoint).text.split('\n', 1)[0]!;
}

/** `NAME+KEYID` of each signature, safe to show; nothing is verified. @throws StellaError NOTE_INVALID */
function signatureNames(checkpoint: Uint8Array): string[] {
  return parseNote(checkpoint).signatures.map(({ name, keyId }) => excerpt(`${name}+${formatHex(keyId)}`));
}

/** An origin that can be no key name is signed by nothing. */
function keysOrNone(origin: string, key: PublicKey): ReturnType<typeof logKeysOf> {
  try {
    return logKeysOf(origin, key);
  } catch (error) {
    if (!isStellaError(error, 'KEY_INVALID')) throw error;
    return [];
  }
}
