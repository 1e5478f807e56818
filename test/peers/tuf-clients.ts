import { createHash, generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect } from 'vitest';
import { stella } from '../support/cli.ts';
import { temporaryTree } from '../support/temp.ts';
import { commandPath, ok, PythonPeer, present, run } from './peers.ts';

export const hasPython = present('TUF repositories with python-tuf', { packages: ['tuf'] });
export const hasTuftool = present('TUF repositories with tuftool', { commands: ['tuftool'] });

export interface Question {
  /** Where the client keeps what it holds. */
  readonly state: string;
  readonly url: string;
  /** The root that it begins with when it holds nothing. */
  readonly root: string;
  readonly targets: readonly string[];
}

export interface Followed {
  readonly roles: Readonly<Record<string, number>>;
  /** SHA-256 of each; null where there is none of that name. */
  readonly targets: Readonly<Record<string, string | null>>;
}

export interface Refused {
  readonly refused: string;
  readonly because: string;
}

export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let area: string;
export let url: string;
/** What is served at `url` now. */
let served = '';
export function serve(directory: string): void {
  served = directory;
}
export let python: PythonPeer<Question, Followed | Refused>;

beforeAll(async () => {
  area = temporaryTree();
  const server = createServer((request, response) => {
    const path = join(served, decodeURIComponent(new URL(request.url!, 'http://localhost').pathname));
    if (existsSync(path)) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  if (hasPython) python = new PythonPeer('tuf_client.py');
  for (const name of ['a', 'b']) writeFileSync(join(area, `${name}.txt`), `${name}\n`);
  const { publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(area, 'log.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  return () => {
    server.closeAllConnections();
    server.close();
  };
});

let directories = 0;
/** A directory of its own: empty, or a copy. */
export function directory(from?: string): string {
  directories += 1;
  const path = join(area, `directory-${directories}`);
  if (from === undefined) mkdirSync(path);
  else cpSync(from, path, { recursive: true });
  return path;
}

export const init = (root: string) => ['trust', 'init', '--tuf-url', url, '--root', root];
export const SYNC = ['trust', 'sync', '--force'];

/** The code that stella refuses a repository with; undefined if it does not. */
export async function refusalOf(home: string, args: readonly string[]): Promise<string | undefined> {
  const { status, stderr } = await stella(args, { cwd: home, env: { HOME: home } });
  if (status === 0) return undefined;
  return /^error: .*\[([A-Z_]+)\]$/m.exec(stderr)?.[1] ?? stderr;
}

const ROLES = ['root', 'timestamp', 'snapshot', 'targets'];

/** The versions that a store holds. */
export async function rolesOf(home: string): Promise<Followed['roles']> {
  const status = await stella(['trust', 'status', '--json'], { cwd: home, env: { HOME: home } });
  const { roles } = status.json() as { roles: { name: string; version: number }[] };
  return Object.fromEntries(ROLES.map((role) => [role, roles.find(({ name }) => name === role)!.version]));
}

/** What a store holds, as python-tuf's client tells it. */
export async function heldBy(home: string, names: readonly string[]): Promise<Followed> {
  const out = directory();
  expect(await refusalOf(home, ['trust', 'export', '--out', out])).toBeUndefined();
  const stored = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.startsWith('targets/'),
  );
  const digestOf = (name: string) => {
    const path = stored.find(
      (each) => each.replace(/^targets\//, '').replace(/[0-9a-f]{64}\.([^/]+)$/, '$1') === name,
    );
    return path === undefined ? null : sha256(readFileSync(join(out, path)));
  };
  return {
    roles: await rolesOf(home),
    targets: Object.fromEntries(names.map((name) => [name, digestOf(name)])),
  };
}

/** A repository that is authored with the built command. */
export class Repository {
  readonly #home = directory();
  readonly public = join(this.#home, 'repo/public');
  readonly keys = join(this.#home, 'repo/keys');

  async init(...flags: string[]): Promise<this> {
    for (const name of ['a.txt', 'b.txt', 'log.pub']) cpSync(join(area, name), join(this.#home, name));
    await ok(this.#home, ['repo', 'init', 'repo', '--no-passphrase', ...flags]);
    return this;
  }

  /** `stella repo` as it is written in a line. */
  async do(line: string): Promise<void> {
    const makesKey = /^(?:delegate|rotate-key|add-key) /.test(line);
    const flags = makesKey ? ['--no-passphrase'] : [];
    await ok(this.#home, ['repo', ...line.split(' '), ...flags, '--repo', 'repo']);
  }
}

/** The targets of those names that tuftool finds in what is served, beginning with a root; what it says if it does not. */
export async function tuftool(root: string, names: readonly string[]): Promise<Followed['targets'] | string> {
  const out = join(directory(), 'targets');
  // It asks a server again and again for what is not there.
  const base = pathToFileURL(`${served}/`).href;
  const { status, stderr } = await run(commandPath('tuftool'), [
    ...['download', '--root', root, '--metadata-url', base, '--targets-url', `${base}targets/`],
    ...names.flatMap((name) => ['--target-name', name]),
    out,
  ]);
  if (status !== 0) return stderr;
  return Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(out, name)))]));
}
