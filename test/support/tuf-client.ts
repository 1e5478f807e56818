import { copyFileSync, createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BaseFetcher, Updater } from 'tuf-js';
import { DownloadHTTPError } from 'tuf-js/dist/error.js';

/** Reads a repository from a directory as a static server would serve it. */
class DirectoryFetcher extends BaseFetcher {
  readonly #directory: string;
  readonly #hidden: ReadonlySet<string>;
  constructor(directory: string, hidden: readonly string[]) {
    super();
    this.#directory = directory;
    this.#hidden = new Set(hidden);
  }
  override async fetch(url: string) {
    const name = decodeURIComponent(new URL(url).pathname).slice(1);
    const path = join(this.#directory, name);
    if (this.#hidden.has(name) || !existsSync(path)) throw new DownloadHTTPError('not found', 404);
    return Readable.toWeb(createReadStream(path)) as unknown as Awaited<ReturnType<BaseFetcher['fetch']>>;
  }
}

/** A TUF client that shares no code with the authoring side: tuf-js itself, with its own state on disk. */
export class TufClient {
  readonly #state: string;
  readonly #served: string;

  /** @param root the root metadata file that the client was given */
  constructor(state: string, served: string, root = join(served, '1.root.json')) {
    mkdirSync(join(state, 'targets'), { recursive: true });
    copyFileSync(root, join(state, 'root.json'));
    this.#state = state;
    this.#served = served;
  }

  /**
   * Synchronizes as of `now`; fails as tuf-js does.
   * @param hidden files that are not there yet for this client: it asked for them a moment before they were
   */
  async refresh(now: number, hidden: readonly string[] = []): Promise<Updater> {
    const updater = new Updater({
      metadataDir: this.#state,
      metadataBaseUrl: 'http://repository.test/',
      targetDir: join(this.#state, 'targets'),
      targetBaseUrl: 'http://repository.test/targets/',
      fetcher: new DirectoryFetcher(this.#served, hidden),
    });
    // The clock of tuf-js cannot be passed in.
    (updater as unknown as { trustedSet: { referenceTime: Date } }).trustedSet.referenceTime = new Date(now);
    await updater.refresh();
    return updater;
  }

  /** The content of a target, fetched anew; undefined if the repository has no such target. */
  async fetchTarget(name: string, now: number): Promise<Buffer | undefined> {
    const updater = await this.refresh(now);
    const info = await updater.getTargetInfo(name);
    if (!info) return undefined;
    return readFileSync(
      await updater.downloadTarget(info, join(this.#state, 'targets', encodeURIComponent(name))),
    );
  }

  /** The versions that the client has now. */
  versions(): Record<string, number> {
    const versions: Record<string, number> = {};
    for (const role of ['root', 'timestamp', 'snapshot', 'targets']) {
      const metadata = JSON.parse(readFileSync(join(this.#state, `${role}.json`), 'utf8')) as {
        signed: { version: number };
      };
      versions[role] = metadata.signed.version;
    }
    return versions;
  }
}
