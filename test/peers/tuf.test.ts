import { createHash, generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { temporaryTree } from '../support/temp.ts';
import { commandPath, ok, PythonPeer, present, run } from './peers.ts';
import { idOf, Published } from './published.ts';
import { ATTACKS, changeTarget, LINKS } from './tuf-attacks.ts';

const hasPython = present('TUF repositories with python-tuf', { packages: ['tuf'] });
const hasTuftool = present('TUF repositories with tuftool', { commands: ['tuftool'] });

interface Question {
  /** Where the client keeps what it holds. */
  readonly state: string;
  readonly url: string;
  /** The root that it begins with when it holds nothing. */
  readonly root: string;
  readonly targets: readonly string[];
}

interface Followed {
  readonly roles: Readonly<Record<string, number>>;
  /** SHA-256 of each; null where there is none of that name. */
  readonly targets: Readonly<Record<string, string | null>>;
}

interface Refused {
  readonly refused: string;
  readonly because: string;
}

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let area: string;
let url: string;
/** What is served at `url` now. */
let served = '';
let python: PythonPeer<Question, Followed | Refused>;

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
function directory(from?: string): string {
  directories += 1;
  const path = join(area, `directory-${directories}`);
  if (from === undefined) mkdirSync(path);
  else cpSync(from, path, { recursive: true });
  return path;
}

const init = (root: string) => ['trust', 'init', '--tuf-url', url, '--root', root];
const SYNC = ['trust', 'sync', '--force'];

/** The code that stella refuses a repository with; undefined if it does not. */
async function refusalOf(home: string, args: readonly string[]): Promise<string | undefined> {
  const { status, stderr } = await stella(args, { cwd: home, env: { HOME: home } });
  if (status === 0) return undefined;
  return /^error: .*\[([A-Z_]+)\]$/m.exec(stderr)?.[1] ?? stderr;
}

const ROLES = ['root', 'timestamp', 'snapshot', 'targets'];

/** The versions that a store holds. */
async function rolesOf(home: string): Promise<Followed['roles']> {
  const status = await stella(['trust', 'status', '--json'], { cwd: home, env: { HOME: home } });
  const { roles } = status.json() as { roles: { name: string; version: number }[] };
  return Object.fromEntries(ROLES.map((role) => [role, roles.find(({ name }) => name === role)!.version]));
}

/** What a store holds, as python-tuf's client tells it. */
async function heldBy(home: string, names: readonly string[]): Promise<Followed> {
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
class Repository {
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

/** Histories of a repository: each step changes it, and clients follow after each. */
const HISTORIES: {
  readonly history: string;
  readonly begin?: readonly string[];
  readonly steps: readonly string[];
  readonly targets: readonly string[];
  /** What tuftool does not know. */
  readonly notTuftool?: string;
}[] = [
  {
    history: 'every key is rotated, root twice, and thresholds go up and down',
    begin: ['--threshold', 'root=1/2'],
    steps: [
      'add-target log.pub rekor-key-v1.pub',
      'rotate-key root --key root-1',
      'set-threshold root 2',
      'rotate-key root --key root-2',
      'add-key root --threshold 3',
      'set-threshold root 1',
      'rotate-key timestamp',
      'rotate-key snapshot',
      'add-key targets --threshold 2',
      'rotate-key targets --key targets-1',
      'add-target b.txt',
    ],
    targets: ['rekor-key-v1.pub', 'b.txt', 'none.txt'],
  },
  {
    history: 'keys are of P-256, RSA and Ed25519',
    begin: ['--key-type', 'ecdsa-p256'],
    steps: [
      'add-target log.pub rekor-key-v1.pub',
      'rotate-key root --key-type rsa',
      'rotate-key timestamp --key-type rsa',
      'rotate-key targets --key-type ed25519',
      'add-target a.txt',
    ],
    targets: ['rekor-key-v1.pub', 'a.txt'],
  },
  {
    history: 'keys are of P-384',
    begin: ['--key-type', 'ecdsa-p384'],
    steps: ['add-target log.pub rekor-key-v1.pub', 'rotate-key root', 'add-target a.txt'],
    targets: ['rekor-key-v1.pub', 'a.txt'],
    notTuftool: 'it reads no P-384 keys',
  },
  {
    history: 'roles list targets, one below another',
    steps: [
      'delegate team --paths team-* shared-?.txt',
      'add-target a.txt team-a.txt --role team',
      'delegate below --paths shared-?.txt --from team',
      'add-target b.txt shared-1.txt --role below',
      'add-target log.pub team-a.pub --usage Rekor --role team',
      'rotate-key team',
      'add-key below --threshold 2',
      'add-target b.txt team-a.txt --role team --replace',
      'remove-key below below-1 --threshold 1',
    ],
    targets: ['team-a.txt', 'team-rekor-key-v1.pub', 'shared-1.txt', 'shared-2.txt'],
  },
  {
    history: 'targets lie in directories',
    steps: [
      'delegate team --paths team/* team/*/x-?.txt',
      'add-target log.pub team/rekor-key-v1.pub --role team',
      'add-target b.txt team/b/x-1.txt --role team',
      'add-target b.txt c/d.txt',
    ],
    targets: ['team/rekor-key-v1.pub', 'team/b/x-1.txt', 'c/d.txt'],
    notTuftool: 'with consistent snapshots it asks for DIGEST.team/a.txt, others for team/DIGEST.a.txt',
  },
  {
    history: 'targets are spread over hash bins',
    steps: [
      'add-target log.pub rekor-key-v1.pub',
      'delegate bin --hash-bins 8',
      'add-target a.txt one.txt',
      'add-target a.txt two.txt',
      'add-target b.txt a/three.txt',
      'rotate-key bin',
      'add-target b.txt four.txt',
      'remove-target two.txt',
    ],
    targets: ['rekor-key-v1.pub', 'one.txt', 'two.txt', 'a/three.txt', 'four.txt'],
    notTuftool: 'it has no succinct roles (TAP 15)',
  },
];

/** The targets of those names that tuftool finds in what is served, beginning with a root; what it says if it does not. */
async function tuftool(root: string, names: readonly string[]): Promise<Followed['targets'] | string> {
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

describe.skipIf(!hasPython && !hasTuftool)('clients of others follow what `stella repo` writes where', () => {
  test.each(HISTORIES)(
    '$history',
    async ({ begin = [], steps, targets, notTuftool }) => {
      const repository = await new Repository().init(...begin);
      served = repository.public;
      const root = join(repository.public, '1.root.json');
      const [home, state] = [directory(), directory()];
      const follow = (from = root, at = state) => python.ask({ state: at, url, root: from, targets });
      expect(await refusalOf(home, init(root))).toBeUndefined();
      for (const step of steps) {
        await repository.do(step);
        expect(await refusalOf(home, SYNC)).toBeUndefined();
        if (hasPython) expect(await follow(), step).toMatchObject({ roles: await rolesOf(home) });
      }
      const held = await heldBy(home, targets);
      if (hasPython) expect(await follow()).toEqual(held);
      const there = targets.filter((name) => held.targets[name] !== null);
      expect(there.length).toBeGreaterThan(1);
      // Those that come late go from the first root to the last at once.
      const late = directory();
      expect(await refusalOf(late, init(root))).toBeUndefined();
      expect(await heldBy(late, targets)).toEqual(held);
      if (hasPython) expect(await follow(root, directory())).toEqual(held);
      if (hasTuftool && !notTuftool)
        expect(await tuftool(root, there)).toEqual(
          Object.fromEntries(there.map((name) => [name, held.targets[name]])),
        );
      // So is what a store exports.
      served = directory();
      expect(await refusalOf(home, ['trust', 'export', '--out', served])).toBeUndefined();
      if (hasPython) expect(await follow(root, directory())).toEqual(held);
    },
    120_000,
  );
});

describe.skipIf(!hasPython)('python-tuf, tuftool and stella', () => {
  const targets = ['a.txt', 'b.pub', 'team-a.pub', 'team-b.pub'];
  const holding = new Map<'early' | 'late', { readonly stella: string; readonly python: string }>();
  let repository: Repository;
  let root: string;

  beforeAll(async () => {
    repository = await new Repository().init('--threshold', 'root=2/3', '--threshold', 'targets=2/2');
    root = join(repository.public, '1.root.json');
    served = repository.public;
    const hold = async (name: 'early' | 'late', names: readonly string[]) => {
      const [home, state] = [homeOf(), directory()];
      expect(await refusalOf(home, init(root))).toBeUndefined();
      expect(await python.ask({ state, url, root, targets: names })).toEqual(await heldBy(home, names));
      holding.set(name, { stella: home, python: state });
    };
    await repository.do('add-target a.txt');
    await repository.do('delegate team --paths team-*');
    await repository.do('add-target log.pub team-a.pub --usage Rekor --role team');
    await hold('early', ['a.txt', 'team-a.pub']);
    await repository.do('rotate-key root --key root-1');
    await repository.do('rotate-key timestamp');
    await repository.do('rotate-key snapshot');
    await repository.do('rotate-key targets --key targets-1');
    await repository.do('delegate notes --paths notes-*');
    await repository.do('add-target b.txt notes-b.txt --role notes');
    await repository.do('add-target log.pub b.pub --usage Rekor');
    await repository.do('add-target log.pub team-b.pub --usage Rekor --role team');
    await hold('late', targets);
  });

  /** A home where role `team` may decide trust, too: what nothing rests on, stella would leave out. */
  function homeOf(from?: string): string {
    const home = directory(from);
    const config = `attestor: { trust_repo: { tuf_url: '${url}', trust_roles: [team] } }\n`;
    writeFileSync(join(home, 'stella.yaml'), config);
    return home;
  }

  /** An attacker's copy, which is served from now on. */
  function altered(alter: (published: Published) => void): void {
    const published = new Published(repository.public, directory(), repository.keys);
    alter(published);
    served = published.directory;
  }

  /** What both make of what is served, from what they hold; an empty client begins with the first root. */
  async function follow(holds: 'early' | 'late' | 'nothing', names: readonly string[] = targets) {
    const held = holds === 'nothing' ? undefined : holding.get(holds)!;
    const [home, state] = [homeOf(held?.stella), directory(held?.python)];
    return {
      code: await refusalOf(home, held ? SYNC : init(root)),
      answer: await python.ask({ state, url, root, targets: names }),
      home,
    };
  }

  test('accept it all where nothing was altered: no row below is refused for another reason', async () => {
    altered(() => undefined);
    for (const holds of ['nothing', 'early', 'late'] as const) {
      const { code, answer, home } = await follow(holds);
      expect(code).toBeUndefined();
      expect(answer).toEqual(await heldBy(home, targets));
    }
    if (hasTuftool) expect(typeof (await tuftool(root, targets))).toBe('object');
  });

  test.each(ATTACKS)(
    'refuse where $attack',
    async ({ alter, holds, onlyFollowing, refused, alsoTuftool }) => {
      altered(alter);
      for (const each of onlyFollowing ? [holds!] : (['nothing', holds ?? 'early'] as const)) {
        const { code, answer } = await follow(each);
        expect([code, 'refused' in answer ? answer.refused : answer]).toEqual(refused);
      }
      if (hasTuftool && alsoTuftool) expect(typeof (await tuftool(root, targets))).toBe('string');
    },
  );

  test('give nobody a target that a delegated role lists outside its paths', async () => {
    altered((published) => {
      published.edit(published.newest('team'), ['team-1'], (signed) => {
        signed.targets['outside.txt'] = signed.targets['team-b.pub']!;
      });
      published.link('team', LINKS);
    });
    const { answer, home } = await follow('nothing', ['outside.txt', 'b.pub']);
    expect(answer).toMatchObject({ targets: { 'outside.txt': null, 'b.pub': expect.any(String) } });
    expect(answer).toEqual(await heldBy(home, ['outside.txt', 'b.pub']));
  });

  test('give nobody the targets of an expired role that nothing rests on; stella leaves it out', async () => {
    altered((published) => {
      published.edit(published.newest('notes'), ['notes-1'], (signed) => {
        signed.expires = '2020-01-01T00:00:00Z';
      });
      published.link('notes', LINKS);
    });
    const others = await follow('nothing');
    expect(others.code).toBeUndefined();
    expect(others.answer).toEqual(await heldBy(others.home, targets));
    expect((await follow('nothing', ['notes-b.txt'])).answer).toMatchObject({
      refused: 'ExpiredMetadataError',
    });
    expect((await heldBy(others.home, ['notes-b.txt'])).targets).toEqual({ 'notes-b.txt': null });
  });

  test('give nobody content that was altered; stella leaves it out', async () => {
    altered((published) => changeTarget(published, 'a.txt', (bytes) => bytes.reverse()));
    const { code, answer, home } = await follow('nothing', ['a.txt']);
    expect(code).toBeUndefined();
    expect(answer).toMatchObject({ refused: 'LengthOrHashMismatchError' });
    expect((await heldBy(home, ['a.txt', 'b.pub'])).targets).toMatchObject({
      'a.txt': null,
      'b.pub': expect.any(String),
    });
  });

  // TUF 1.0.31 counts keys, not ids (§6.1); python-tuf counts ids.
  test('differ where one key signs under two ids: stella counts it once', async () => {
    altered((published) => {
      const [key, other] = [published.key('targets-2'), published.key('targets-2')];
      other.keyval.public = other.keyval.public.toUpperCase();
      published.edit(published.newest('root'), ['root-2', 'root-3', 'root-4'], ({ keys, roles }) => {
        keys[idOf(other)] = other;
        roles['targets']!.keyids = [idOf(key), idOf(other)];
      });
      const name = published.newest('targets');
      const { signed } = published.read(name);
      const [signature] = published.signatures(signed, ['targets-2']);
      published.write(name, { signed, signatures: [signature!, { ...signature!, keyid: idOf(other) }] });
      published.link('targets', LINKS);
    });
    const { code, answer } = await follow('nothing');
    expect(code).toBe('TUF_SIGNATURE');
    expect(answer).toHaveProperty('targets');
  });

  test('recover from versions fast-forwarded to a million once the keys are rotated', async () => {
    const version = 1_000_000;
    altered((published) => {
      const { signed } = published.read(published.newest('snapshot'));
      signed.version = version;
      const signatures = published.signatures(signed, ['snapshot-2']);
      published.write(`${version}.snapshot.json`, { signed, signatures });
      published.edit('timestamp.json', ['timestamp-2'], (timestamp) => {
        timestamp.version = version;
        timestamp.meta['snapshot.json'] = { version };
      });
    });
    const [home, state] = [directory(holding.get('late')!.stella), directory(holding.get('late')!.python)];
    const both = async () => [await refusalOf(home, SYNC), await python.ask({ state, url, root, targets })];
    expect(await both()).toEqual([
      undefined,
      expect.objectContaining({ roles: expect.objectContaining({ timestamp: version, snapshot: version }) }),
    ]);
    served = repository.public;
    expect(await both()).toEqual([
      'TUF_ROLLBACK',
      expect.objectContaining({ refused: 'BadVersionNumberError' }),
    ]);
    await repository.do('rotate-key timestamp');
    await repository.do('rotate-key snapshot');
    expect(await both()).toEqual([undefined, await heldBy(home, targets)]);
  });
});
