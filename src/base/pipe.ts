import {
  closeSync,
  constants,
  createReadStream,
  openSync,
  type ReadStream,
  statSync,
  writeSync,
} from 'node:fs';
import { readError } from './files.ts';
import { ifInterrupted } from './interrupt.ts';

/**
 * A FIFO or device, e.g. /dev/stdin: it can be read once only, and not opened to look first.
 * @throws StellaError FILE_UNREADABLE
 */
export function isPipe(path: string): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && !stat.isFile() && !stat.isDirectory();
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** Reads a FIFO or device, without keeping an interrupted process from ending while nobody writes to it. */
export function openPipe(path: string): ReadStream {
  const stream = createReadStream(path);
  const ended = ifInterrupted(() => wakeReader(path));
  return stream.once('close', ended);
}

/** The thread that waits for a FIFO's writer, or for what it writes, goes on when there is something to read. */
function wakeReader(path: string): void {
  if (!statSync(path).isFIFO()) return;
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(fd, '\n');
  closeSync(fd);
}
