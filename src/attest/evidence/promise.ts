import { formatBase64 } from '../../base/bytes.ts';

/** What a log signs to promise that it includes an entry since a time, in seconds since 1970 (Rekor v1). */
export function formatPromise(entry: {
  readonly body: Uint8Array;
  readonly integratedTime: number | bigint;
  readonly logId: string;
  readonly index: bigint;
}): Buffer {
  return Buffer.from(
    `{"body":"${formatBase64(entry.body)}","integratedTime":${entry.integratedTime},"logID":"${entry.logId}","logIndex":${entry.index}}`,
  );
}
