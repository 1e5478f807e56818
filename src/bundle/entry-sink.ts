import type { TarReader, TarSink } from '../archive/tar-reader.ts';
import { compareBytewise, excerpt, formatHex, sha256, sha256Stream } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { Extraction } from './extraction.ts';
import type { ManifestEntry } from './manifest.ts';

export interface SinkOptions {
  /** Where to write; without it, entries are checked only. */
  readonly extraction?: Extraction | undefined;
  /** Entries that are passed over unread. */
  readonly skip?: ((entry: ManifestEntry) => boolean) | undefined;
  /** Told the bytes of each piece that was taken. */
  readonly onData?: ((bytes: number) => void) | undefined;
}

/** Checks each entry's content against its digest in the manifest, and writes it where it should go. */
export abstract class EntrySink implements TarSink {
  readonly #options: SinkOptions;
  #entry: ManifestEntry | undefined;
  #hash: ReturnType<typeof sha256Stream> | undefined;
  #digest: Uint8Array | undefined;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  /**
   * The manifest's entry for a header.
   * @throws StellaError where there must be none
   */
  protected abstract expect(path: string, size: number): ManifestEntry;

  abstract directory(path: string): void;

  entry(path: string, size: number): void {
    const expected = this.expect(path, size);
    if (expected.size !== size)
      throw new StellaError(
        'ENTRY_DIGEST',
        `an entry has ${size} bytes, the manifest says ${expected.size}: ${excerpt(path)}`,
      );
    if (this.#options.skip?.(expected)) return;
    this.#entry = expected;
    this.#hash = undefined;
    this.#digest = undefined;
    this.#options.extraction?.begin(path);
  }

  data(bytes: Uint8Array): void {
    if (!this.#entry) return;
    // Most entries are a tile's size and come whole: for them, one call is several times as fast as a hash object.
    if (bytes.length === this.#entry.size) this.#digest = sha256(bytes);
    else {
      this.#hash ??= sha256Stream();
      this.#hash.update(bytes);
    }
    this.#options.extraction?.write(bytes);
    this.#options.onData?.(bytes.length);
  }

  entryEnd(): void {
    if (!this.#entry) return;
    this.#options.extraction?.end();
    checkDigest(this.#entry, this.#digest ?? this.#hash?.digest() ?? sha256(new Uint8Array(0)));
    this.#entry = undefined;
  }
}

/** @throws StellaError ENTRY_DIGEST */
export function checkDigest(entry: ManifestEntry, sha256: Uint8Array): void {
  if (formatHex(sha256) !== entry.sha256)
    throw new StellaError('ENTRY_DIGEST', `an entry is not what the manifest says: ${excerpt(entry.path)}`, {
      details: { path: entry.path },
    });
}

/** Expects entries in exactly the manifest's order, and every header in the form that format v1 gives it. */
export class OrderedSink extends EntrySink {
  readonly #entries: readonly ManifestEntry[];
  readonly #end: number;
  #next: number;
  #reader: TarReader | undefined;

  /** @param from index of the first entry expected; @param to index after the last */
  constructor(entries: readonly ManifestEntry[], from: number, to: number, options: SinkOptions) {
    super(options);
    this.#entries = entries;
    this.#next = from;
    this.#end = to;
  }

  /** The reader that feeds this sink. */
  attach(reader: TarReader): void {
    this.#reader = reader;
  }

  protected override expect(path: string): ManifestEntry {
    const expected = this.#next < this.#end ? this.#entries[this.#next] : undefined;
    if (expected?.path !== path) throw this.#unexpected(path, expected);
    checkForm(this.#reader);
    this.#next += 1;
    return expected;
  }

  #unexpected(path: string, expected: ManifestEntry | undefined): StellaError {
    const at = this.#entries.findIndex((entry) => entry.path === path);
    if (at < 0)
      return new StellaError(
        'ENTRY_UNLISTED',
        `the archive has an entry that the manifest does not list: ${excerpt(path)}`,
      );
    if (at < this.#next)
      return new StellaError('ENTRY_DUPLICATE', `the archive has an entry twice: ${excerpt(path)}`);
    return missing([expected ?? this.#entries[at]!]);
  }

  override directory(path: string): void {
    throw new StellaError('ENTRY_TYPE', `the archive has an entry that is a directory: ${excerpt(path)}`);
  }

  /** @throws StellaError ENTRY_MISSING, ARCHIVE_INVALID */
  finish(): void {
    checkForm(this.#reader);
    if (this.#next < this.#end) throw missing(this.#entries.slice(this.#next, this.#end));
  }
}

/**
 * With a seek table, the tar stream must be the one that the manifest gives.
 * @throws StellaError ARCHIVE_INVALID
 */
export function checkForm(reader: TarReader | undefined): void {
  if (reader?.deviation !== undefined)
    throw new StellaError(
      'ARCHIVE_INVALID',
      `the tar stream is not as format v1 has it: ${reader.deviation}`,
    );
}

export function missing(entries: readonly ManifestEntry[]): StellaError {
  const more = entries.length > 1 ? ` and ${entries.length - 1} more` : '';
  return new StellaError(
    'ENTRY_MISSING',
    `an entry that the manifest lists is not in the archive: ${excerpt(entries[0]!.path)}${more}`,
  );
}

/** Expects the manifest's entries in any order, each once, and the directories they lie in: a repacked bundle. */
export class UnorderedSink extends EntrySink {
  readonly #entries: ReadonlyMap<string, ManifestEntry>;
  readonly #seen = new Set<string>();
  readonly #directories = new Set<string>();
  #last = '';
  #ordered = true;

  constructor(entries: readonly ManifestEntry[], options: SinkOptions) {
    super(options);
    this.#entries = new Map(entries.map((entry) => [entry.path, entry]));
    for (const { path } of entries) {
      for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
        const directory = path.slice(0, end);
        if (this.#directories.has(directory)) break;
        this.#directories.add(directory);
      }
    }
  }

  /** Whether the entries came in the manifest's order. */
  get ordered(): boolean {
    return this.#ordered;
  }

  protected override expect(path: string): ManifestEntry {
    const entry = this.#entries.get(path);
    if (this.#seen.has(path) || path === 'manifest.json' || path === 'manifest.cose')
      throw new StellaError('ENTRY_DUPLICATE', `the archive has an entry twice: ${excerpt(path)}`);
    if (!entry)
      throw new StellaError(
        'ENTRY_UNLISTED',
        `the archive has an entry that the manifest does not list: ${excerpt(path)}`,
      );
    this.#seen.add(path);
    if (compareBytewise(this.#last, path) >= 0) this.#ordered = false;
    this.#last = path;
    return entry;
  }

  override directory(path: string): void {
    // Each once: a stream of directories must not go on for ever.
    if (!this.#directories.delete(path))
      throw new StellaError(
        'ENTRY_UNLISTED',
        `the archive has a directory that no entry lies in, or twice: ${excerpt(path)}`,
      );
  }

  /** @throws StellaError ENTRY_MISSING */
  finish(): void {
    if (this.#seen.size === this.#entries.size) return;
    throw missing([...this.#entries.values()].filter(({ path }) => !this.#seen.has(path)));
  }
}
