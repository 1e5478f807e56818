import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { frameLengths } from '../archive/layout.ts';
import { MAX_ENTRY_IN_MEMORY } from '../archive/limits.ts';
import { FrameStream } from '../archive/stream.ts';
import { TarReader, type TarSink } from '../archive/tar-reader.ts';
import { tarMtime } from '../archive/tar-writer.ts';
import { type Sha256Hex, sha256, sha256Hex } from '../base/bytes.ts';
import type { CoseSign } from '../base/cose.ts';
import { StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import { checkDigest, checkForm, UnorderedSink } from './entry-sink.ts';
import { Extraction } from './extraction.ts';
import { checkHeadEntry, headMissing } from './head.ts';
import { bodyFrames, headBytes } from './layout.ts';
import {
  MANIFEST_PATH,
  type Manifest,
  type ManifestEntry,
  parseManifest,
  SIGNATURE_PATH,
  sealedAt,
} from './manifest.ts';
import type { ExtractOptions, SealedBundle } from './sealed-bundle.ts';
import { parseManifestSignature, type SignedParts } from './signature.ts';

/** Small steps while the head is read, so that nothing after it is looked at before somebody asks. */
const STEP = 512;

/** What is known of a source beside its bytes. */
interface Known {
  readonly size?: number | undefined;
  readonly parts?: SignedParts | undefined;
}

/** Takes the first two entries into memory, then hands everything on to the sink of the entries. */
class HeadSink implements TarSink {
  readonly #taken: Uint8Array[] = [];
  #pieces: Buffer[] = [];
  #rest: UnorderedSink | undefined;

  get taken(): readonly Uint8Array[] {
    return this.#taken;
  }

  handOver(sink: UnorderedSink): void {
    this.#rest = sink;
  }

  entry(path: string, size: number): void {
    if (this.#rest) this.#rest.entry(path, size);
    else checkHeadEntry(this.#taken.length === 0 ? MANIFEST_PATH : SIGNATURE_PATH, path, size);
  }

  data(bytes: Uint8Array): void {
    if (this.#rest) this.#rest.data(bytes);
    else this.#pieces.push(Buffer.from(bytes));
  }

  entryEnd(): void {
    if (this.#rest) {
      this.#rest.entryEnd();
      return;
    }
    this.#taken.push(Buffer.concat(this.#pieces));
    this.#pieces = [];
  }

  directory(path: string): void {
    if (!this.#rest) throw headMissing(this.#taken.length === 0 ? MANIFEST_PATH : SIGNATURE_PATH, path);
    this.#rest.directory(path);
  }
}

/**
 * A bundle from a source that is read once from beginning to end. The first use of an entry reads everything, checks it
 * against the manifest and keeps it in the staging directory.
 */
export class StreamedBundle implements SealedBundle {
  readonly seekable = false;
  readonly size: number | undefined;
  readonly parts: SignedParts | undefined;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly manifestSha256: Sha256Hex;
  readonly signatures: CoseSign;
  readonly #frames: FrameStream;
  readonly #pieces: AsyncGenerator<Uint8Array>;
  readonly #reader: TarReader;
  readonly #head: HeadSink;
  readonly #signatureLength: number;
  readonly #staged: string;
  /** What has been decompressed but not read yet. */
  #rest: Uint8Array;
  #staging: Promise<void> | undefined;
  #extraction: Extraction | undefined;
  #entries: ReadonlyMap<string, ManifestEntry> | undefined;

  private constructor(
    source: { frames: FrameStream; pieces: AsyncGenerator<Uint8Array>; reader: TarReader; head: HeadSink },
    rest: Uint8Array,
    staging: string,
    known: Known,
  ) {
    this.size = known.size;
    this.parts = known.parts;
    this.#frames = source.frames;
    this.#pieces = source.pieces;
    this.#reader = source.reader;
    this.#head = source.head;
    this.#rest = rest;
    this.#staged = join(staging, 'entries');
    this.manifestBytes = source.head.taken[0]!;
    this.manifest = parseManifest(this.manifestBytes);
    this.manifestSha256 = sha256Hex(this.manifestBytes);
    this.signatures = parseManifestSignature(source.head.taken[1]!);
    this.#signatureLength = source.head.taken[1]!.length;
  }

  /** @throws StellaError as `openBundle` */
  static async load(
    source: AsyncIterable<Uint8Array>,
    staging: string,
    known: Known = {},
  ): Promise<StreamedBundle> {
    const frames = new FrameStream(source);
    const pieces = frames.bytes();
    const head = new HeadSink();
    const reader = new TarReader(head);
    try {
      let rest: Uint8Array = new Uint8Array(0);
      while (head.taken.length < 2) {
        if (rest.length === 0) {
          const next = await pieces.next();
          if (next.done === true) {
            reader.finish();
            throw headMissing(head.taken.length === 0 ? MANIFEST_PATH : SIGNATURE_PATH);
          }
          // Copied, as it is kept for longer than the decoder leaves it alone.
          rest = Buffer.from(next.value);
        }
        reader.push(rest.subarray(0, STEP));
        rest = rest.subarray(STEP);
      }
      return new StreamedBundle({ frames, pieces, reader, head }, rest, staging, known);
    } catch (cause) {
      await pieces.return(undefined);
      await frames.close();
      throw cause;
    }
  }

  /** Stages everything, once; later calls wait for the same. */
  #stage(onProgress?: ExtractOptions['onProgress']): Promise<void> {
    this.#staging ??= this.#readAll(onProgress);
    return this.#staging;
  }

  async #readAll(onProgress: ExtractOptions['onProgress']): Promise<void> {
    const total = this.manifest.entries.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    const extraction = new Extraction(this.#staged);
    this.#extraction = extraction;
    const sink = new UnorderedSink(this.manifest.entries, {
      extraction,
      onData: (bytes) => {
        done += bytes;
        onProgress?.(done, total);
      },
    });
    this.#head.handOver(sink);
    try {
      checkSpace(this.#staged, total);
      this.#reader.push(this.#rest);
      this.#rest = new Uint8Array(0);
      for await (const piece of this.#pieces) this.#reader.push(piece);
      this.#reader.finish();
      sink.finish();
      if (this.#frames.seekTable) this.#checkForm(sink);
    } catch (cause) {
      this.#unstage();
      throw cause;
    } finally {
      await this.#frames.close();
    }
  }

  /** An archive with a seek table is held to the same form in a pipe as in a file. */
  #checkForm(sink: UnorderedSink): void {
    checkForm(this.#reader);
    if (!sink.ordered)
      throw new StellaError('ARCHIVE_INVALID', 'the entries are not in the order of the manifest');
    if (this.#reader.mtime !== tarMtime(sealedAt(this.manifest)))
      throw new StellaError(
        'ARCHIVE_INVALID',
        'the entries do not carry the time at which the bundle was sealed',
      );
    const lengths = [
      ...frameLengths(headBytes(this.manifestBytes.length, this.#signatureLength)),
      ...bodyFrames(this.manifest.entries),
    ];
    const table = this.#frames.seekTable!;
    if (table.length !== lengths.length || table.some(({ decompressed }, i) => decompressed !== lengths[i]))
      throw new StellaError('ARCHIVE_INVALID', 'the frames are not those that the manifest gives');
  }

  async readEntry(path: string): Promise<Uint8Array> {
    this.#entries ??= new Map(this.manifest.entries.map((one) => [one.path, one]));
    const entry = this.#entries.get(path);
    if (!entry) throw new StellaError('ENTRY_MISSING', `the bundle has no entry ${JSON.stringify(path)}`);
    if (entry.size > MAX_ENTRY_IN_MEMORY)
      throw new StellaError('ARCHIVE_LIMIT', `an entry of ${entry.size} bytes is not read whole: ${path}`);
    await this.#stage();
    const bytes = readBounded(join(this.#staged, path), entry.size);
    checkDigest(entry, sha256(bytes));
    return bytes;
  }

  async extract(directory: string, options: ExtractOptions = {}): Promise<void> {
    await this.#stage(options.onProgress);
    const extraction = new Extraction(directory);
    try {
      for (const entry of this.manifest.entries)
        if (options.select?.(entry) ?? true) this.#place(entry, extraction);
    } catch (cause) {
      extraction.undo();
      throw cause;
    }
  }

  #place({ path }: ManifestEntry, extraction: Extraction): void {
    extraction.adopt(path, join(this.#staged, path));
  }

  async verifyAll(options: Pick<ExtractOptions, 'onProgress'> = {}): Promise<void> {
    await this.#stage(options.onProgress);
  }

  #unstage(): void {
    this.#extraction?.undo();
    this.#extraction = undefined;
  }

  async close(): Promise<void> {
    await this.#staging?.catch(() => {});
    await this.#pieces.return(undefined);
    await this.#frames.close();
    this.#unstage();
  }
}

/** A manifest that claims more than the disk holds is refused before the disk is full. */
function checkSpace(directory: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  if (bytes > bavail * bsize)
    throw new StellaError(
      'WRITE_FAILED',
      `the bundle unpacks to ${bytes} bytes, and ${directory} has room for ${bavail * bsize}`,
    );
}
