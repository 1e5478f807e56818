import { once } from 'node:events';
import { startThread } from './thread.ts';

/** A digest that is being made in a thread of its own. */
export interface PendingDigest {
  /** The SHA-256 of the file, 64 hexadecimal digits; `undefined` where it could not be read. */
  readonly sha256: Promise<string | undefined>;
  /** Gives up. */
  stop(): Promise<void>;
}

/** Hashes a file beside other work: a gibibyte takes about half a second, which is then nobody's wait. */
export function startFileDigest(path: string): PendingDigest {
  const worker = startThread('digest-thread', import.meta.url, path);
  const answered = once(worker, 'message').then(
    ([sha256]) => String(sha256),
    () => undefined,
  );
  const ended = once(worker, 'exit').then(
    () => undefined,
    () => undefined,
  );
  return {
    sha256: Promise.race([answered, ended]),
    stop: async () => {
      await worker.terminate();
    },
  };
}
