import { type FileHandle, open } from 'node:fs/promises';
import { StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';

const PIECE = 1024 * 1024;

/** Bytes that can be read anywhere: one file, or several that follow one another. */
export class ByteFile {
  /** How to call it in messages. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  readonly #pieces: readonly { readonly handle: FileHandle; readonly start: number; readonly end: number }[];

  private constructor(name: string, handles: readonly FileHandle[], sizes: readonly number[]) {
    let start = 0;
    this.name = name;
    this.#pieces = handles.map((handle, i) => {
      const end = start + sizes[i]!;
      const piece = { handle, start, end };
      start = end;
      return piece;
    });
    this.size = start;
  }

  /**
   * Opens regular files.
   * @param paths in order
   * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
   */
  static async open(name: string, paths: readonly string[]): Promise<ByteFile> {
    const handles: FileHandle[] = [];
    const sizes: number[] = [];
    for (const path of paths) {
      try {
        const handle = await open(path, 'r');
        handles.push(handle);
        const stat = await handle.stat();
        if (!stat.isFile()) throw new StellaError('FILE_UNREADABLE', `${path} is not a regular file`);
        sizes.push(stat.size);
      } catch (cause) {
        for (const handle of handles) await handle.close();
        throw readError(path, cause);
      }
    }
    return new ByteFile(name, handles, sizes);
  }

  /**
   * Exactly `length` bytes from `position` on.
   * @throws StellaError ARCHIVE_TRUNCATED where there are not as many, FILE_UNREADABLE
   */
  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(length);
    let done = 0;
    for (const { handle, start, end } of this.#pieces) {
      while (done < length && position + done >= start && position + done < end) {
        const most = Math.min(length - done, end - position - done);
        const { bytesRead } = await handle
          .read(buffer, done, most, position + done - start)
          .catch((cause: unknown) => {
            throw readError(this.name, cause);
          });
        if (bytesRead === 0) throw this.#tooShort();
        done += bytesRead;
      }
    }
    if (done < length) throw this.#tooShort();
    return buffer;
  }

  #tooShort(): StellaError {
    return new StellaError('ARCHIVE_TRUNCATED', `${this.name} became shorter while it was read`);
  }

  /** The bytes from `from` up to `to` in pieces. */
  async *stream(from = 0, to: number = this.size): AsyncGenerator<Buffer> {
    for (let at = from; at < to; at += PIECE) yield await this.read(at, Math.min(PIECE, to - at));
  }

  async close(): Promise<void> {
    for (const { handle } of this.#pieces) await handle.close();
  }
}
