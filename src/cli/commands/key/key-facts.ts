import type { PublicKey } from '../../../base/keys.ts';
import { formatFingerprint } from '../../../trust/pin.ts';
import { formatTufKey, tufKeyId } from '../../../tuf/key.ts';
import { groupedHex } from '../../report/fingerprint.ts';

/** What is said of a key, for programs. */
export function keyJson(key: PublicKey): {
  readonly type: string;
  readonly fingerprint: string;
  readonly tuf_key_id: string;
} {
  return {
    type: key.algorithm,
    fingerprint: formatFingerprint(key.id),
    tuf_key_id: tufKeyId(formatTufKey(key)),
  };
}

/** The same for people; the fingerprint also in groups, as the sheet of a kit has it, to be read out. */
export function keyLines(key: PublicKey): string[] {
  const { type, fingerprint, tuf_key_id } = keyJson(key);
  return [
    `type         ${type}`,
    `fingerprint  ${fingerprint}`,
    ...groupedHex(key.id).map((line) => `             ${line}`),
    `TUF key id   ${tuf_key_id}`,
  ];
}
