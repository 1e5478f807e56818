import { entryBytes, headerBytes, TAR_END_BYTES } from '../archive/layout.ts';
import { FRAME_LENGTH, MAX_ENTRY_IN_MEMORY } from '../archive/limits.ts';
import type { SeekableArchive } from '../archive/reader.ts';
import { TarReader } from '../archive/tar-reader.ts';
import { tarMtime } from '../archive/tar-writer.ts';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { OrderedSink, type SinkOptions } from './entry-sink.ts';
import { Extraction } from './extraction.ts';
import { type Head, readHead } from './head.ts';
import { bodyFrames } from './layout.ts';
import { type Manifest, sealedAt } from './manifest.ts';
import type { ExtractOptions, SealedBundle } from './sealed-bundle.ts';
import type { SignedParts } from './signature.ts';

/** How much of an archive that does not fit its manifest is read to find out why. */
const MOST_DIAGNOSED = 16 * FRAME_LENGTH;

/**
 * A bundle in a file with a seek table. Where every entry lies follows from the manifest, so that any is read by opening
 * the frames it lies in; each header met is checked against it.
 */
export class SeekableBundle implements SealedBundle {
  readonly seekable = true;
  readonly size: number;
  readonly parts: SignedParts | undefined;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly manifestSha256: Sha256Hex;
  readonly signatures: Head['signatures'];
  readonly archive: SeekableArchive;
  /** Where the first entry begins in the tar stream, in bytes. */
  readonly headLength: number;
  readonly #mtime: number;
  #offsets: readonly number[] | undefined;
  #numbers: ReadonlyMap<string, number> | undefined;

  private constructor(archive: SeekableArchive, head: Head, parts: SignedParts | undefined) {
    this.parts = parts;
    this.archive = archive;
    this.size = archive.size;
    this.manifest = head.manifest;
    this.manifestBytes = head.manifestBytes;
    this.manifestSha256 = sha256Hex(head.manifestBytes);
    this.signatures = head.signatures;
    this.headLength = head.length;
    this.#mtime = head.mtime;
  }

  /**
   * Reads manifest and signatures, and checks the seek table against the frames that the manifest gives.
   * @throws StellaError as `openBundle`
   */
  static async load(
    archive: SeekableArchive,
    parts?: SignedParts,
    checkedManifest?: string,
  ): Promise<SeekableBundle> {
    const head = await readHead(archive, checkedManifest);
    const bundle = new SeekableBundle(archive, head, parts);
    if (tarMtime(sealedAt(head.manifest)) !== head.mtime)
      throw new StellaError(
        'ARCHIVE_INVALID',
        'the entries do not carry the time at which the bundle was sealed',
      );
    await bundle.#checkFrames();
    return bundle;
  }

  async #checkFrames(): Promise<void> {
    const first = this.archive.frameAt(this.headLength);
    const lengths = bodyFrames(this.manifest.entries);
    const fits =
      this.archive.length > this.headLength &&
      this.archive.offsetOf(first) === this.headLength &&
      this.archive.frames - first === lengths.length &&
      lengths.every(
        (length, i) => this.archive.offsetOf(first + i + 1) - this.archive.offsetOf(first + i) === length,
      );
    if (fits) return;
    await this.#diagnose();
    throw new StellaError('ARCHIVE_INVALID', 'the frames are not those that the manifest gives');
  }

  /** An archive of the wrong length has some entry too many, too few or of another size: find it. */
  async #diagnose(): Promise<void> {
    const { entries } = this.manifest;
    const sink = new OrderedSink(entries, 0, entries.length, { skip: () => true });
    const reader = new TarReader(sink);
    const end = Math.min(this.archive.length, this.headLength + MOST_DIAGNOSED);
    for await (const piece of this.archive.chunks(Math.min(this.headLength, end), end)) reader.push(piece);
    if (end < this.archive.length) return;
    reader.finish();
    sink.finish();
  }

  /** Where each entry begins in the tar stream, and where the last one ends, in bytes. */
  #entryOffsets(): readonly number[] {
    if (!this.#offsets) {
      const offsets = [this.headLength];
      for (const entry of this.manifest.entries) offsets.push(offsets.at(-1)! + entryBytes(entry));
      this.#offsets = offsets;
    }
    return this.#offsets;
  }

  async readEntry(path: string): Promise<Uint8Array> {
    this.#numbers ??= new Map(this.manifest.entries.map((entry, i) => [entry.path, i]));
    const number = this.#numbers.get(path);
    const entry = number === undefined ? undefined : this.manifest.entries[number];
    if (number === undefined || !entry)
      throw new StellaError('ENTRY_MISSING', `the bundle has no entry ${JSON.stringify(path)}`);
    if (entry.size > MAX_ENTRY_IN_MEMORY)
      throw new StellaError('ARCHIVE_LIMIT', `an entry of ${entry.size} bytes is not read whole: ${path}`);
    const offset = this.#entryOffsets()[number]!;
    const header = headerBytes(path);
    const bytes = await this.archive.read(offset, entryBytes(entry));
    const sink = new OrderedSink(this.manifest.entries, number, number + 1, {});
    this.#finish(sink, (reader) => reader.push(bytes));
    // Copied, so that what the caller holds does not hold a whole frame.
    return Uint8Array.from(bytes.subarray(header, header + entry.size));
  }

  #finish(sink: OrderedSink, feed: (reader: TarReader) => void): void {
    const reader = new TarReader(sink);
    sink.attach(reader);
    feed(reader);
    this.#check(reader, sink);
  }

  #check(reader: TarReader, sink: OrderedSink): void {
    sink.finish();
    if (reader.mtime !== undefined && reader.mtime !== this.#mtime)
      throw new StellaError(
        'ARCHIVE_INVALID',
        'the entries do not carry the time at which the bundle was sealed',
      );
  }

  async extract(directory: string, options: ExtractOptions = {}): Promise<void> {
    const extraction = new Extraction(directory);
    try {
      await this.#run(options, extraction);
    } catch (cause) {
      extraction.undo();
      throw cause;
    }
  }

  async verifyAll(options: Pick<ExtractOptions, 'onProgress'> = {}): Promise<void> {
    await this.#run(options, undefined);
  }

  async #run({ select, onProgress }: ExtractOptions, extraction: Extraction | undefined): Promise<void> {
    const { entries } = this.manifest;
    const selected = select ? entries.map((entry) => select(entry)) : undefined;
    const wanted = (i: number): boolean => selected?.[i] ?? true;
    const total = entries.reduce((sum, { size }, i) => (wanted(i) ? sum + size : sum), 0);
    const chosen = selected ? new Set(entries.filter((_, i) => wanted(i))) : undefined;
    let done = 0;
    const options: SinkOptions = {
      extraction,
      skip: chosen ? (entry) => !chosen.has(entry) : undefined,
      onData: (bytes) => {
        done += bytes;
        onProgress?.(done, total);
      },
    };
    const runs = selected ? this.#runs(selected) : [{ from: 0, to: entries.length }];
    for (const { from, to } of runs) await this.#readRun(from, to, options);
  }

  /** Runs of entries to read: gaps smaller than a frame are read over rather than opening a frame twice. */
  #runs(selected: readonly boolean[]): { from: number; to: number }[] {
    const offsets = this.#entryOffsets();
    const runs: { from: number; to: number }[] = [];
    selected.forEach((isSelected, i) => {
      if (!isSelected) return;
      const last = runs.at(-1);
      if (last && offsets[i]! - offsets[last.to]! < FRAME_LENGTH) last.to = i + 1;
      else runs.push({ from: i, to: i + 1 });
    });
    return runs;
  }

  async #readRun(from: number, to: number, options: SinkOptions): Promise<void> {
    const offsets = this.#entryOffsets();
    const isWhole = to === this.manifest.entries.length;
    const sink = new OrderedSink(this.manifest.entries, from, to, options);
    const reader = new TarReader(sink);
    sink.attach(reader);
    const end = isWhole ? offsets[to]! + TAR_END_BYTES : offsets[to]!;
    for await (const piece of this.archive.chunks(offsets[from]!, end)) reader.push(piece);
    if (isWhole) reader.finish();
    this.#check(reader, sink);
  }

  async close(): Promise<void> {
    await this.archive.close();
  }
}
