/**
 * tuf-js as it is on the registry, in a process of its own that loads nothing of stella: it is asked by messages what it
 * makes of a repository. Each client keeps its state in a directory, as tuf-js does.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BaseFetcher, Updater } from 'tuf-js';
import { DownloadHTTPError } from 'tuf-js/dist/error.js';

const BASE_URL = 'http://oracle.test/';

/** A repository as it is served at one instant, and what is asked of it. */
export interface Question {
  readonly id: number;
  /** The client's directory; it begins with `firstRoot` where it is new. */
  readonly state: string;
  /** Base64. */
  readonly firstRoot: string;
  /** Path below the repository's URL → base64. */
  readonly files: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Targets to look for. */
  readonly targets: readonly string[];
}

export interface Answer {
  readonly id: number;
  /** Versions of the top-level roles; absent where the repository was refused. */
  readonly versions?: Readonly<Record<string, number>>;
  /** SHA-256 of each target that was found. */
  readonly found?: Readonly<Record<string, string>>;
}

class RecordedFetcher extends BaseFetcher {
  readonly #files: ReadonlyMap<string, string>;
  constructor(files: ReadonlyMap<string, string>) {
    super();
    this.#files = files;
  }
  override async fetch(url: string) {
    const bytes = this.#files.get(decodeURIComponent(url.slice(BASE_URL.length)));
    if (bytes === undefined) throw new DownloadHTTPError('not found', 404);
    const stream = Readable.from([Buffer.from(bytes, 'base64')]);
    return Readable.toWeb(stream) as unknown as Awaited<ReturnType<BaseFetcher['fetch']>>;
  }
}

const ROLES = ['root', 'timestamp', 'snapshot', 'targets'];
const known = new Set<string>();

async function answer({ id, state, firstRoot, files, now, targets }: Question): Promise<Answer> {
  if (!known.has(state)) {
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'root.json'), Buffer.from(firstRoot, 'base64'));
    known.add(state);
  }
  const updater = new Updater({
    metadataDir: state,
    metadataBaseUrl: BASE_URL,
    fetcher: new RecordedFetcher(new Map(Object.entries(files))),
  });
  const { trustedSet } = updater as unknown as {
    trustedSet: { referenceTime: Date } & Record<string, { signed: { version: number } }>;
  };
  trustedSet.referenceTime = new Date(now);
  try {
    await updater.refresh();
    const found: [string, string][] = [];
    for (const name of targets) {
      const target = await updater.getTargetInfo(name);
      // It takes what every object has for a target.
      if (typeof target === 'object') found.push([name, target.hashes['sha256'] ?? '']);
    }
    const versions = ROLES.map((role) => [role, trustedSet[role]!.signed.version]);
    return { id, versions: Object.fromEntries(versions), found: Object.fromEntries(found) };
  } catch {
    return { id };
  }
}

process.on('message', (question: Question) => {
  void answer(question).then((reply) => process.send!(reply));
});
