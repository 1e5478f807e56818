import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { days, type Instant } from '../base/clock.ts';
import { isStellaError } from '../base/errors.ts';
import { makeDirectory, readBoundedIfPresent, replaceFile } from '../base/files.ts';
import { withLock } from '../base/lock.ts';
import { parseJson } from '../base/schema.ts';

/** What is uploaded, and to where. */
export interface UploadSubject {
  /** The registry's address, `https://HOST[:PORT]`. */
  readonly registry: string;
  readonly repository: string;
  /** What tells this content from any other that this user might push there. */
  readonly content: string;
}

/** The place where one upload goes on in the next run. */
export interface UploadRecord {
  /** The registry's address for the rest of the content; to be treated like anything else that comes from outside. */
  recall(): string | undefined;
  remember(location: string): void;
  forget(): void;
}

const MAX_RECORD_BYTES = 64 * 1024;
const RECORD = 'upload.json';
/** Registries themselves forget what was not finished for a week. */
const KEPT = days(7);

/**
 * Remembers in a directory of the user, which others cannot read – an address may be all that is needed to write there –
 * where unfinished uploads go on (OCI distribution specification, "Pushing a blob in chunks"). It only ever saves
 * bytes: what cannot be read or written is as good as nothing, and the registry proves each upload by its digest.
 */
export class UploadMemory {
  readonly #directory: string;
  readonly #onProblem: (message: string) => void;

  constructor(directory: string, now: Instant, onProblem: (message: string) => void = () => {}) {
    this.#directory = directory;
    this.#onProblem = onProblem;
    this.#attempt(() => this.#removeOld(now));
  }

  /** Runs `use` with the record of this upload, or without one where another process is at the same upload. */
  async with<T>(subject: UploadSubject, use: (record: UploadRecord | undefined) => Promise<T>): Promise<T> {
    const directory = join(this.#directory, sha256Hex(Buffer.from(formatCanonicalJson(subject))));
    const lock = { entered: false };
    try {
      makeDirectory(directory, 0o700);
      return await withLock(directory, async () => {
        lock.entered = true;
        return await use(this.#record(join(directory, RECORD), subject));
      });
    } catch (error) {
      if (lock.entered) throw error;
      this.#onProblem(`not remembering where the upload goes on: ${String(error)}`);
      return await use(undefined);
    } finally {
      this.#attempt(() => {
        if (lock.entered && !existsSync(join(directory, RECORD)))
          rmSync(directory, { recursive: true, force: true });
      });
    }
  }

  #record(path: string, subject: UploadSubject): UploadRecord {
    const forget = () => this.#attempt(() => rmSync(path, { force: true }));
    return {
      recall: () => {
        try {
          const bytes = readBoundedIfPresent(path, MAX_RECORD_BYTES);
          const { format: _, location, ...found } = bytes ? parseJson('oci-upload', bytes, path) : {};
          return formatCanonicalJson(found) === formatCanonicalJson(subject) ? location : undefined;
        } catch (error) {
          if (!isStellaError(error)) throw error;
          forget();
          return undefined;
        }
      },
      remember: (location) =>
        this.#attempt(() => {
          const record = { format: 'stella-upload/v1', ...subject, location };
          replaceFile(path, Buffer.from(formatCanonicalJson(record)), { mode: 0o600 });
        }),
      forget,
    };
  }

  #removeOld(now: Instant): void {
    for (const name of existsSync(this.#directory) ? readdirSync(this.#directory) : []) {
      const path = join(this.#directory, name, RECORD);
      const time = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
      if (time !== undefined && now - time > KEPT) rmSync(dirname(path), { recursive: true, force: true });
    }
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onProblem(`not remembering where the upload goes on: ${String(error)}`);
    }
  }
}
