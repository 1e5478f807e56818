import { join } from 'node:path';
import { MAX_BUNDLE_MANIFEST_BYTES, MAX_BUNDLE_SIGNATURE_BYTES } from '../archive/limits.ts';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import type { CoseSign } from '../base/cose.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { writeNewFile } from '../base/files.ts';
import { peekJson } from '../base/json.ts';
import type { Fetcher } from '../net/types.ts';
import {
  MANIFEST_PATH,
  type Manifest,
  type ManifestEntry,
  parseManifest,
  SIGNATURE_PATH,
} from './manifest.ts';
import type { ExtractOptions, Mirror, SealedBundle } from './sealed-bundle.ts';
import { parseManifestSignature } from './signature.ts';

/** The most of one file that a mirror is asked for at a time. */
export const MOST_MIRRORED_BYTES = 64 * 1024 * 1024;
const IN_FLIGHT = 8;
const TUF = 'tuf/';

/**
 * The sealed bundle that a mirror serves unpacked: a TUF repository at `url`, with manifest.json, manifest.cose,
 * `logs/` and `attestations/` beside its metadata. Nobody vouches for it until `checkBundleSignature` has passed.
 */
export class MirroredBundle implements SealedBundle {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly manifestSha256: Sha256Hex;
  readonly signatures: CoseSign;
  readonly seekable = true;
  readonly size = undefined;
  readonly parts = undefined;
  readonly mirror: Mirror;

  private constructor(mirror: Mirror, manifestBytes: Uint8Array, signature: Uint8Array) {
    this.mirror = mirror;
    this.manifest = parseManifest(manifestBytes);
    this.manifestBytes = manifestBytes;
    this.manifestSha256 = sha256Hex(manifestBytes);
    this.signatures = parseManifestSignature(signature);
  }

  /**
   * @returns `undefined` where the address has no bundle manifest: an ordinary TUF repository
   * @throws StellaError MANIFEST_MISSING (no signature), MANIFEST_*, COSE_INVALID, FETCH_FAILED, OFFLINE
   */
  static async load(url: string, fetcher: Fetcher): Promise<MirroredBundle | undefined> {
    const base = url.endsWith('/') ? url : `${url}/`;
    const manifest = await fetchIfThere(fetcher, base + MANIFEST_PATH, MAX_BUNDLE_MANIFEST_BYTES);
    if (!manifest || !isBundleManifest(manifest)) return undefined;
    const signature = await fetchIfThere(fetcher, base + SIGNATURE_PATH, MAX_BUNDLE_SIGNATURE_BYTES);
    if (!signature) {
      throw new StellaError(
        'MANIFEST_MISSING',
        `the mirror ${url} has ${MANIFEST_PATH}, but no ${SIGNATURE_PATH}`,
        {
          hint: 'where the mirror is made, make it again with `stella trust export --out DIR`',
        },
      );
    }
    return new MirroredBundle({ url: base, fetcher }, manifest, signature);
  }

  async readEntry(path: string): Promise<Uint8Array> {
    const entry = this.manifest.entries.find((one) => one.path === path);
    if (!entry) throw new StellaError('ENTRY_MISSING', `the manifest lists no ${path}`);
    return await this.#read(entry);
  }

  async extract(directory: string, options: ExtractOptions = {}): Promise<void> {
    const { select = () => true, onProgress } = options;
    await this.#each(this.manifest.entries.filter(select), onProgress, (entry, bytes) =>
      writeNewFile(join(directory, entry.path), bytes, { sync: false }),
    );
  }

  async verifyAll(options: Pick<ExtractOptions, 'onProgress'> = {}): Promise<void> {
    await this.#each(this.manifest.entries, options.onProgress, () => {});
  }

  async close(): Promise<void> {}

  async #each(
    entries: readonly ManifestEntry[],
    onProgress: ExtractOptions['onProgress'],
    use: (entry: ManifestEntry, bytes: Uint8Array) => void,
  ): Promise<void> {
    const total = entries.reduce((sum, { size }) => sum + size, 0);
    let [next, done] = [0, 0];
    const work = async () => {
      for (let i = next++; i < entries.length; i = next++) {
        const entry = entries[i]!;
        use(entry, await this.#read(entry));
        done += entry.size;
        onProgress?.(done, total);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  }

  async #read({ path, size, sha256 }: ManifestEntry): Promise<Uint8Array> {
    if (size > MOST_MIRRORED_BYTES)
      throw new StellaError(
        'ARCHIVE_LIMIT',
        `${path} claims ${size} bytes, the most is ${MOST_MIRRORED_BYTES}`,
      );
    // The repository is at the mirror's own address, the rest beside it.
    const place = path.startsWith(TUF) ? path.slice(TUF.length) : path;
    const address = this.mirror.url + place.split('/').map(encodeURIComponent).join('/');
    const bytes = await fetchIfThere(this.mirror.fetcher, address, size);
    if (!bytes)
      throw new StellaError('ENTRY_MISSING', `the mirror does not have ${path}, which its manifest lists`);
    if (bytes.length !== size || sha256Hex(bytes) !== sha256) {
      throw new StellaError('ENTRY_DIGEST', `the mirror's ${path} is not what its manifest says`, {
        hint: 'the mirror may be mid-update: run `stella trust sync --force` later; if that fails, make it again with `stella trust export --out DIR`',
      });
    }
    return bytes;
  }
}

async function fetchIfThere(fetcher: Fetcher, url: string, most: number): Promise<Uint8Array | undefined> {
  try {
    return (await fetcher.fetch(url, { most })).bytes;
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Other things are called manifest.json, too. */
function isBundleManifest(bytes: Uint8Array): boolean {
  const format = peekJson(bytes)?.['format'];
  return typeof format === 'string' && format.startsWith('stella-bundle/');
}
