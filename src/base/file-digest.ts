import type { Sha256Hex } from './bytes.ts';
import { startThread } from './thread.ts';

/** A digest that is being made in a thread of its own. */
export interface PendingDigest {
  /** The SHA-256 of the file, 64 hexadecimal digits; `undefined` where it cannot be read. */
  readonly sha256: Promise<Sha256Hex | undefined>;
  /** Gives up, if it is not done yet. */
  stop(): Promise<void>;
}

/** Hashes a file beside other work: a gibibyte takes about half a second, which is then nobody's wait. */
export function startFileDigest(path: string): PendingDigest {
  const worker = startThread('digest-thread', import.meta.url, path);
  const sha256 = new Promise<Sha256Hex | undefined>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
  // Whoever does not ask is not told.
  sha256.catch(() => {});
  return {
    sha256,
    stop: async () => {
      await worker.terminate();
    },
  };
}
