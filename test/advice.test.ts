import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { CLAIMS } from '../src/attest/x509/claims.ts';
import { DAY } from '../src/base/clock.ts';
import type { ErrorCode } from '../src/base/codes.ts';
import { adviceInSource, commandsIn, idleTree, whyNoHelp, whyNotParsed } from './support/advice.ts';
import { type CliResult, stella } from './support/cli.ts';
import { sourceFiles } from './support/open-lookups.ts';
import { makeSite, type Site } from './support/site.ts';
import { serveDirectory } from './support/static-server.ts';
import { temporaryTree } from './support/temp.ts';

const tree = idleTree();
const advice = adviceInSource();
const groups = tree.commands.map((command) => command.name());
const hints = advice.filter(({ isHint }) => isHint);

function* optionsOf(command: Command): Generator<string> {
  for (const { long, short } of command.options) for (const name of [long, short]) if (name) yield name;
  for (const child of command.commands) yield* optionsOf(child);
}

/** `src/…/file.ts:12: what is wrong: text` for each that has something wrong. */
const told = (
  problems: Iterable<readonly [{ readonly at: string; readonly text: string }, string | undefined]>,
) =>
  [...problems]
    .filter(([, problem]) => problem !== undefined)
    .map(([{ at, text }, problem]) => `${at}: ${problem}: ${text}`);

test('the texts of the source are found, and hints among them', () => {
  expect(advice.length).toBeGreaterThan(2000);
  expect(hints.length).toBeGreaterThan(250);
  expect(hints.some(({ text }) => text.startsWith('the attestation seems to be from VALUE'))).toBe(true);
});

test.each([
  ['run `stella trust sync --force`', [['trust', 'sync', '--force']]],
  ['see what there is: stella trust snapshot list VALUE', [['trust', 'snapshot', 'list', 'VALUE']]],
  [
    'Next: stella repo sign, then stella repo publish',
    [
      ['repo', 'sign'],
      ['repo', 'publish'],
    ],
  ],
  ['a newer stella reads it', []],
  ['run ./scripts/update-timestamp.sh on the TUF repository', [['repo', 'update-timestamp']]],
  [
    'run ./scripts/add-target.sh FILE NAME --usage attestor',
    [['repo', 'add-target', 'FILE', 'NAME', '--usage', 'attestor']],
  ],
])('the commands in: %s', (text, words) => {
  expect(commandsIn(text, groups).map((command) => command.words)).toEqual(words);
});

test('a command line is parsed without regard to those before it', async () => {
  expect(await whyNotParsed(['trust', 'diff', '1'])).toBeUndefined();
  expect(await whyNotParsed(['trust', 'import'])).toContain('missing required argument');
  expect(await whyNotParsed(['log', 'init', 'D', '--origin', 'O'])).toBeUndefined();
  expect(await whyNotParsed(['log', 'init', 'D'])).toContain("required option '--origin");
  expect(await whyNotParsed(['trust', 'sync', '--frce'])).toContain("unknown option '--frce'");
  expect(await whyNotParsed(['trust', 'snc'])).toContain("unknown command 'snc'");
});

describe('every text', () => {
  test('names commands that exist, with options that they have', async () => {
    const problems: [(typeof advice)[number], string | undefined][] = [];
    for (const each of advice)
      for (const { words } of commandsIn(each.text, groups)) {
        const problem = await whyNotParsed(words);
        // To name a command in the description of another is not to tell how to run it.
        const isMissing = /^missing required argument|^required option/.test(problem ?? '');
        problems.push([each, isMissing && each.isDescription ? undefined : problem]);
      }
    expect(problems.length).toBeGreaterThan(60);
    expect(told(problems)).toEqual([]);
  });
});

const CLAIM_NAMES: ReadonlySet<string> = new Set(CLAIMS.map(({ name }) => name));
/** Settings of nginx and of registries, which hints may name, too. */
const FOREIGN_SETTINGS: ReadonlySet<string> = new Set([
  'client_max_body_size',
  'external_url',
  'proxy_set_header',
]);

describe('every hint', () => {
  test('names options that some command has', () => {
    const options = new Set(['--help', ...optionsOf(tree)]);
    const foreign = /^(?:tar|gh|openssl|p?npm) /;
    const problems = hints.map((each) => {
      const own = each.text.replace(/`([^`]*)`/g, (_, command: string) =>
        foreign.test(command) ? '' : command,
      );
      const unknown = [...own.replace(/tar --zstd.*$/, '').matchAll(/(?<![\w-])--[a-z][\w-]*/g)].find(
        ([name]) => !options.has(name),
      );
      return [each, unknown && `no command has ${unknown[0]}`] as const;
    });
    expect(told(problems)).toEqual([]);
  });

  test('names files of the project, variables and settings that exist', () => {
    const sources = sourceFiles()
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const schemas = readdirSync('schemas')
      .map((file) => readFileSync(`schemas/${file}`, 'utf8'))
      .join('\n');
    const problems = hints.flatMap((each) => [
      ...[...each.text.matchAll(/\bdocs\/[\w./-]+\w/g)].map(
        ([file]) => [each, existsSync(file) ? undefined : `there is no ${file}`] as const,
      ),
      ...[...each.text.matchAll(/\$?(STELLA_\w+)/g)].map(
        ([, name]) =>
          [
            each,
            new RegExp(`\\benv(?:\\.|\\[')${name}\\b|'${name}'`).test(sources)
              ? undefined
              : `nothing reads ${name}`,
          ] as const,
      ),
      ...[...each.text.matchAll(/\b[a-z]+(?:_[a-z]+)+\b/g)].map(
        ([name]) =>
          [
            each,
            schemas.includes(`"${name}"`) || CLAIM_NAMES.has(name) || FOREIGN_SETTINGS.has(name)
              ? undefined
              : `no document has ${name}`,
          ] as const,
      ),
    ]);
    expect(problems.length).toBeGreaterThan(20);
    expect(told(problems)).toEqual([]);
  });

  test('of the air-gapped side that names a command of the TUF repository says so', () => {
    const problems = hints
      .filter(
        ({ at, code = '' }) =>
          /^src\/(?:attest|base|bundle|consumer|store|trust|tuf)\//.test(at) && !code.startsWith('REPO_'),
      )
      .map((each) => {
        const isRepositorys = commandsIn(each.text, groups).some(({ words }) => words[0] === 'repo');
        const says = /TUF repository|its maintainers|trust team|connected side/.test(each.text);
        return [each, isRepositorys && !says ? 'does not say where' : undefined] as const;
      });
    expect(told(problems)).toEqual([]);
  });
});

/**
 * Refusals that people meet, each provoked; then what its hint names is done, and nothing else: its command is run, or the
 * option that it names is given or left out. Words in capitals are filled in by whoever reads it.
 */
interface Met {
  readonly code: ErrorCode;
  readonly when: string;
  /** A home directory; a new one for each case unless told otherwise. */
  readonly home?: 'connected';
  readonly prepare?: (home: string) => unknown;
  readonly args: (home: string) => readonly string[];
  /** Which hint is followed; the first unless told otherwise. */
  readonly hint?: number;
  /** Of several commands or options in it, which. */
  readonly choice?: number;
  /** Whether an option is given (or left out) although the hint names commands, too. */
  readonly option?: true;
  /** What the placeholders stand for. */
  readonly values?: Readonly<Record<string, string>>;
  /** What else the reader knows to give to the command of the hint. */
  readonly more?: readonly string[];
  /** What the hint says to do by hand before. */
  readonly byHand?: (home: string) => void;
  /** Where the command of the hint is run, if elsewhere. */
  readonly there?: 'connected';
  /** What follows from what was done there: it is served, synced. */
  readonly afterwards?: (home: string) => unknown;
  /** The next step: another refusal, of the command that was refused. */
  readonly next?: ErrorCode;
  /** The hint shows what to choose from: the same command again would be refused again. */
  readonly isLookUp?: true;
  readonly at?: number;
}

let base: string;
let site: Site;
let bundle: string;
let served: string;

const inSite = (...path: string[]) => join(site.home, ...path);
const tufUrl = () => `${pathToFileURL(join(base, 'site', 'tuf')).href}/`;
const rootFile = () => inSite('repo', 'public', '1.root.json');
const publish = () => site.publish();

async function syncAt(home: string): Promise<void> {
  publish();
  await command(home, ['trust', 'sync', '--force']);
}

async function command(home: string, args: readonly string[], now: number = site.now): Promise<CliResult> {
  const result = await stella(args, { cwd: home, env: { HOME: home }, now });
  expect(result.status, `stella ${args.join(' ')}\n${result.stderr}`).toBe(0);
  return result;
}

const importInto = (home: string) => cpSync(join(base, 'imported'), home, { recursive: true });
const initIn = (home: string) => cpSync(join(base, 'followed'), home, { recursive: true });

function copied(home: string, ...names: string[]): void {
  for (const name of names) cpSync(inSite(name), join(home, name));
}

const repositoryIn = (home: string) => cpSync(inSite('repo'), join(home, 'repo'), { recursive: true });
const ADD = ['repo', 'add-target', 'attestor.pub'];
const ADD_MAP = ['repo', 'add-target', 'map.json', 'sigstore-services-v1.json', '--usage', 'service-map'];
const VERIFY = ['attest', 'verify', 'attestation.json', '--offline'];

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { entries: 20 });
  bundle = await site.seal('sealed');
  await site.run([
    'attest',
    'sign',
    'app.bin',
    '--key',
    'stranger.key',
    '--log',
    join(base, 'site', 'log'),
    '--out',
    'strange.json',
  ]);
  cpSync(inSite('.local'), join(base, 'followed', '.local'), { recursive: true });
  mkdirSync(join(base, 'imported'));
  await command(join(base, 'imported'), ['trust', 'import', bundle, '--root-fingerprint', site.fingerprint]);
  await site.run(['repo', 'init', 'encrypted', '--key-passphrase-file', passphrase()]);
  writeFileSync(
    inSite('policy.json'),
    JSON.stringify({ version: 1, rules: [{ artifacts: ['*.bin'], keys: ['other.pub'] }] }),
  );
  writeFileSync(inSite('fitting.json'), JSON.stringify({ version: 1, rules: [{ artifacts: ['*.bin'] }] }));
  mkdirSync(inSite('directory'));
  copied(inSite('directory'), 'attestation.json');
  writeFileSync(inSite('directory', 'notes.txt'), 'none');
});

function passphrase(): string {
  const file = inSite('passphrase');
  writeFileSync(file, 'correct horse battery staple', { mode: 0o600 });
  return file;
}

const MET: readonly Met[] = [
  {
    code: 'STORE_NOT_INITIALIZED',
    when: 'there is no trust store yet, behind the gap',
    args: () => ['trust', 'status'],
    choice: 1,
    values: { FILE: 'BUNDLE' },
    more: ['--root-fingerprint', 'FINGERPRINT'],
  },
  {
    code: 'STORE_NOT_INITIALIZED',
    when: 'there is no trust store yet, where there is a network',
    args: () => ['trust', 'status'],
    choice: 0,
    values: { URL: 'TUF' },
    more: ['--root-fingerprint', 'FINGERPRINT'],
  },
  {
    code: 'CONFIG_INVALID',
    when: 'no repository is named',
    args: () => ['trust', 'init', '--root', 'ROOT'],
    values: { URL: 'TUF' },
  },
  {
    code: 'PIN_REQUIRED',
    when: 'nobody vouches for the root, on import',
    args: () => ['trust', 'import', 'BUNDLE'],
    hint: 1,
    values: { 'sha256:…': 'FINGERPRINT' },
  },
  {
    code: 'STORE_EXISTS',
    when: 'the trust store is there already',
    prepare: initIn,
    args: () => ['trust', 'init', '--tuf-url', 'TUF', '--root', 'ROOT'],
    choice: 0,
    isLookUp: true,
  },
  {
    code: 'STORE_CORRUPT',
    when: 'a store that followed a repository was damaged',
    prepare: (home) => {
      initIn(home);
      damage(home);
    },
    args: () => ['trust', 'status'],
    choice: 0,
    more: ['--tuf-url', 'TUF', '--root', 'ROOT'],
  },
  {
    code: 'STORE_CORRUPT',
    when: 'a store behind the gap was damaged',
    prepare: (home) => {
      importInto(home);
      damage(home);
    },
    args: () => ['trust', 'status'],
    byHand: moveStoreAway,
    choice: 1,
    values: { FILE: 'BUNDLE' },
    more: ['--root-fingerprint', 'FINGERPRINT'],
  },
  {
    code: 'STORE_UNSAFE',
    when: 'others can write into the trust store',
    prepare: (home) => {
      importInto(home);
      chmodSync(storeIn(home), 0o777);
    },
    args: () => ['trust', 'sync', '--offline'],
    next: 'CONFIG_INVALID',
  },
  {
    code: 'OFFLINE',
    when: 'the network was forbidden by a flag',
    prepare: async () => {
      served = (await serveDirectory(join(base, 'site', 'tuf'))).url;
    },
    args: () => ['trust', 'init', '--offline', '--tuf-url', 'SERVED', '--root', 'ROOT'],
    option: true,
  },
  {
    code: 'TARGET_UNKNOWN',
    when: 'a key is pinned that the repository does not have',
    args: () => [
      'trust',
      'init',
      '--tuf-url',
      'TUF',
      '--root',
      'ROOT',
      '--pin',
      'rekor-key-v1',
      'rekor-key-v9',
    ],
    hint: -1,
    there: 'connected',
    values: { '/path/to/target': 'log.pub', 'target-name': 'rekor-key-v9.pub' },
    more: ['--usage', 'Rekor', '--repo', 'repo'],
    afterwards: publish,
  },
  {
    code: 'BUNDLE_SIGNER_UNTRUSTED',
    when: 'the key that sealed is not the one of the trust team',
    prepare: async () => site.seal('strange', ['--signing-key', 'stranger.key']),
    args: () => ['trust', 'import', inSite('strange.tar.zst'), '--root-fingerprint', 'FINGERPRINT'],
    option: true,
    values: { FILE: 'STRANGER' },
  },
  {
    code: 'BUNDLE_THRESHOLD',
    when: 'one signature is not enough',
    prepare: (home) => {
      cpSync(bundle, join(home, 'one.tar.zst'));
      writeFileSync(join(home, 'stella.yaml'), 'attestor:\n  trust_repo:\n    bundle_key_threshold: 2\n');
    },
    args: () => [
      'trust',
      'import',
      'one.tar.zst',
      '--root-fingerprint',
      'FINGERPRINT',
      '--bundle-key',
      'STRANGER',
      '--config',
      'stella.yaml',
    ],
    values: { FILE: 'one.tar.zst', KEY: 'STRANGER.key' },
  },
  {
    code: 'PIN_REQUIRED',
    when: 'nobody vouches for the root of a bundle that goes onto a medium',
    args: () => ['kit', '--out', 'medium', '--bundle', 'BUNDLE'],
    values: { FILE: 'ROOT' },
  },
  {
    code: 'SERVICE_MAP_NOT_FOUND',
    when: 'the service map has another name, before there is a trust store',
    args: () => ['trust', 'init', '--tuf-url', 'TUF', '--root', 'ROOT', '--service-map', 'other'],
    hint: -1,
    choice: 0,
    isLookUp: true,
  },
  {
    code: 'NOTHING_VERIFIED',
    when: 'there are no receipts',
    prepare: (home) => {
      mkdirSync(join(home, 'receipts'));
      importInto(home);
    },
    args: () => ['trust', 'receipts', 'receipts'],
    values: { BUNDLE: 'BUNDLE', FILE: 'receipts/here.json' },
  },
  {
    code: 'FILE_EXISTS',
    when: 'the bundle to make is there',
    home: 'connected',
    args: () => ['trust', 'snapshot', 'export', '--out', bundle, '--signing-key', 'bundle-signer.key'],
  },
  {
    code: 'SEALED_TIME',
    when: 'the clock was wrong for the last export',
    prepare: async (home) => {
      copied(home, 'bundle-signer.key');
      initIn(home);
      await command(
        home,
        ['trust', 'snapshot', 'export', '--out', 'a.tar.zst', '--signing-key', 'bundle-signer.key'],
        site.now + 3_600_000,
      );
    },
    args: () => ['trust', 'snapshot', 'export', '--out', 'b.tar.zst', '--signing-key', 'bundle-signer.key'],
    hint: 1,
  },
  {
    code: 'USAGE',
    when: 'a depth is no number',
    home: 'connected',
    args: (home) => [
      'trust',
      'snapshot',
      'export',
      '--out',
      join(home, 'deep.tar.zst'),
      '--signing-key',
      'bundle-signer.key',
      '--depth',
      'all',
      '--any-sealed-time',
    ],
  },
  {
    code: 'SIGNATURE_INVALID',
    when: 'another --key signed',
    home: 'connected',
    args: () => [...VERIFY, '--key', 'stranger.pub'],
    values: { FILE: 'attestor.pub' },
  },
  {
    code: 'SIGNER_UNTRUSTED',
    when: 'nobody distributes the key that signed',
    home: 'connected',
    args: () => ['attest', 'verify', 'strange.json'],
    values: { FILE: 'STRANGER' },
  },
  {
    code: 'SIGNER_UNTRUSTED',
    when: 'nobody distributes the key yet that signed',
    home: 'connected',
    args: () => ['attest', 'verify', 'strange.json'],
    hint: 1,
    values: { FILE: 'STRANGER', NAME: 'attestor-key-v2.pub' },
    more: ['--repo', 'repo'],
    afterwards: syncAt,
  },
  {
    code: 'POLICY_UNSATISFIED',
    when: 'another signer is required',
    home: 'connected',
    args: () => [...VERIFY, '--artifact', 'app.bin', '--policy', 'policy.json'],
    hint: -1,
    isLookUp: true,
  },
  {
    code: 'POLICY_UNSATISFIED',
    when: 'a policy goes by the name of the artifact',
    home: 'connected',
    args: () => [...VERIFY, '--policy', 'fitting.json'],
    values: { FILE: 'app.bin' },
  },
  {
    code: 'INPUT_SKIPPED',
    when: 'a directory holds something else, under --strict',
    home: 'connected',
    args: () => ['attest', 'verify', 'directory', '--strict'],
  },
  {
    code: 'USAGE',
    when: 'a shard is not one',
    home: 'connected',
    args: () => ['attest', 'verify', 'directory', '--shard', '3'],
  },
  {
    code: 'USAGE',
    when: 'an argument is missing',
    args: () => ['attest', 'verify'],
    hint: -1,
    isLookUp: true,
  },
  {
    code: 'KEY_PERMISSIONS',
    when: 'others can read the key that seals',
    prepare: (home) => {
      copied(home, 'attestor.key', 'app.bin');
      chmodSync(join(home, 'attestor.key'), 0o644);
    },
    args: () => [
      'attest',
      'sign',
      'app.bin',
      '--key',
      'attestor.key',
      '--log',
      join(base, 'site', 'log'),
      '--log-key',
      inSite('log.key'),
    ],
  },
  {
    code: 'LOG_UNKNOWN',
    when: 'there is no log to append to',
    prepare: (home) => writeFileSync(join(home, 'lines'), 'a\n'),
    args: () => ['log', 'append', 'log', '--lines', 'lines'],
    values: { ORIGIN: 'log.example.com/x' },
  },
  {
    code: 'USAGE',
    when: 'the key of a log would be served with it',
    args: () => ['log', 'init', 'log', '--origin', 'log.example.com/x', '--key', 'log/log.key'],
  },
  {
    code: 'REPO_NOT_FOUND',
    when: 'the directory that is named is no repository',
    prepare: (home) => mkdirSync(join(home, 'none')),
    args: () => ['repo', 'status', '--repo', 'none'],
    more: ['--no-passphrase'],
  },
  {
    code: 'REPO_NOT_FOUND',
    when: 'the repository is elsewhere',
    prepare: repositoryIn,
    args: () => ['repo', 'status'],
    option: true,
    values: { DIR: 'repo' },
  },
  {
    code: 'KEY_PASSPHRASE',
    when: 'new keys are encrypted',
    args: () => ['repo', 'init', 'new'],
    hint: 1,
  },
  {
    code: 'KEY_PASSPHRASE',
    when: 'a key that must sign is encrypted',
    home: 'connected',
    args: () => [...ADD, 'a.pub', '--repo', 'encrypted'],
    values: { FILE: 'passphrase' },
  },
  {
    code: 'TARGET_EXISTS',
    when: 'a target of that name is published',
    prepare: repositoryIn,
    args: () => [...ADD_MAP, '--repo', 'repo'],
  },
  {
    code: 'TARGET_UNKNOWN',
    when: 'a target to remove is not there',
    prepare: repositoryIn,
    args: () => ['repo', 'remove-target', 'none', '--repo', 'repo'],
    more: ['--repo', 'repo'],
    isLookUp: true,
  },
  {
    code: 'USAGE',
    when: 'a role to rotate is not there',
    prepare: repositoryIn,
    args: () => ['repo', 'rotate-key', 'none', '--no-passphrase', '--repo', 'repo'],
    more: ['--repo', 'repo'],
    isLookUp: true,
  },
  {
    code: 'USAGE',
    when: 'the timestamp is to be staged',
    prepare: repositoryIn,
    args: () => ['repo', 'stage', 'timestamp', '--repo', 'repo'],
    more: ['--repo', 'repo'],
    isLookUp: true,
  },
  {
    code: 'REPO_STAGE',
    when: 'nothing is staged to sign',
    prepare: repositoryIn,
    args: () => ['repo', 'sign', '--repo', 'repo'],
    values: { ROLE: 'targets' },
    more: ['--repo', 'repo'],
  },
  {
    code: 'REPO_STAGE',
    when: 'another change waits, and this is to be part of it',
    prepare: stagedIn,
    args: () => [...ADD, 'b.pub', '--repo', 'repo'],
    hint: 0,
  },
  {
    code: 'REPO_STAGE',
    when: 'another change waits, and is finished first',
    prepare: stagedIn,
    args: () => [...ADD, 'b.pub', '--repo', 'repo'],
    hint: 1,
    more: ['--repo', 'repo'],
  },
  {
    code: 'REPO_STAGE',
    when: 'another change waits, and is dropped first',
    prepare: stagedIn,
    args: () => [...ADD, 'b.pub', '--repo', 'repo'],
    hint: 2,
    more: ['--repo', 'repo'],
  },
  {
    code: 'FILE_UNREADABLE',
    when: 'a link is in the place of a file of a store that followed a repository',
    prepare: (home) => {
      initIn(home);
      linkState(home);
    },
    args: () => ['trust', 'status'],
    hint: 1,
    choice: 0,
    more: ['--tuf-url', 'TUF', '--root', 'ROOT'],
  },
  {
    code: 'USAGE',
    when: 'a role has two keys, of which one is to be rotated',
    prepare: async (home) => {
      repositoryIn(home);
      await command(home, ['repo', 'add-key', 'targets', '--no-passphrase', '--repo', 'repo']);
    },
    args: () => ['repo', 'rotate-key', 'targets', '--no-passphrase', '--repo', 'repo'],
    option: true,
    values: { NAME: 'targets-1' },
  },
  {
    code: 'USAGE',
    when: 'more keys must sign than there are',
    prepare: repositoryIn,
    args: () => ['repo', 'set-threshold', 'targets', '3', '--repo', 'repo'],
    values: { ROLE: 'targets', N: '1' },
    more: ['--repo', 'repo'],
    isLookUp: true,
  },
  {
    code: 'TUF_EXPIRED',
    when: 'the timestamp of the own repository has expired',
    prepare: repositoryIn,
    args: () => ['repo', 'verify', 'repo/public'],
    more: ['--repo', 'repo'],
    at: 3 * DAY,
  },
  {
    code: 'REPO_EXPIRING',
    when: 'a role of the own repository is about to expire',
    prepare: repositoryIn,
    args: () => ['repo', 'update-timestamp', '--repo', 'repo'],
    values: { 'ROLE...': 'snapshot' },
    more: ['--repo', 'repo'],
    at: 26 * DAY,
  },
  // It is eight days later from here on.
  {
    code: 'STORE_STALE',
    when: 'the trust store has become too old',
    prepare: async (home) => {
      copied(home, 'attestation.json');
      initIn(home);
      await command(site.home, ['repo', 'update-timestamp', '--force', '--repo', 'repo'], site.now + 8 * DAY);
      publish();
    },
    args: () => VERIFY,
    at: 8 * DAY,
  },
];

const storeIn = (home: string) => join(home, '.local', 'share', 'stella');

function linkState(home: string): void {
  const file = join(storeIn(home), 'generations', '1', 'state.json');
  renameSync(file, join(home, 'elsewhere.json'));
  symlinkSync(join(home, 'elsewhere.json'), file);
}

function moveStoreAway(home: string): void {
  renameSync(storeIn(home), `${storeIn(home)}.away`);
}

function damage(home: string): void {
  const file = join(storeIn(home), 'generations', '1', 'state.json');
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, -20));
}

async function stagedIn(home: string): Promise<void> {
  repositoryIn(home);
  copied(home, 'attestor.pub');
  await command(home, [...ADD, 'a.pub', '--repo', 'repo', '--stage']);
}

/** What a reader fills in. */
const KNOWN: Readonly<Record<string, () => string>> = {
  BUNDLE: () => bundle,
  FINGERPRINT: () => site.fingerprint,
  ROOT: rootFile,
  TUF: tufUrl,
  SERVED: () => served,
  STRANGER: () => inSite('stranger.pub'),
  'STRANGER.key': () => inSite('stranger.key'),
};

const known = (word: string) => (Object.hasOwn(KNOWN, word) ? KNOWN[word]!() : word);

function filled(words: readonly string[], values: Readonly<Record<string, string>> = {}): string[] {
  return words.map((word) => {
    const value = known(Object.hasOwn(values, word) ? values[word]! : word);
    if (/^[A-Z]{3,}$|…/.test(value)) throw new Error(`nothing says what ${word} stands for`);
    return value;
  });
}

const hintsOf = ({ stderr }: CliResult) =>
  stderr.split('\n').flatMap((line) => (line.startsWith('hint: ') ? [line.slice('hint: '.length)] : []));

/** The command line with the option that the hint says to give, or without the one that it says to leave out. */
function withOption(args: readonly string[], hint: string, { choice = 0, values }: Met): string[] {
  const [, out = ''] = /(?:without|leave out|leave) (--[a-z-]+)/.exec(hint) ?? [];
  if (args.includes(out)) {
    const at = args.indexOf(out);
    const takesValue =
      args[at + 1] !== undefined &&
      !args[at + 1]!.startsWith('--') &&
      out !== '--strict' &&
      out !== '--offline';
    return args.filter((_, i) => i !== at && !(takesValue && i === at + 1));
  }
  const rest = commandsIn(hint, groups).reduce((text, { line }) => text.replace(line, ''), hint);
  const given = [...rest.matchAll(/(--[a-z][a-z-]+)(?: ([A-Z]{2,}|sha256:\S+|\d\S*))?/g)][choice];
  if (!given) throw new Error(`no option in: ${hint}`);
  const [, flag, value] = given;
  const before =
    args.includes(flag!) && value !== undefined
      ? args.filter((each, i) => each !== flag && args[i - 1] !== flag)
      : args;
  return [...before, flag!, ...(value === undefined ? [] : filled([value], values))];
}

/** Does what the hint says, and returns the command line to try then. */
async function follow(
  hint: string,
  args: readonly string[],
  home: string,
  met: Met,
): Promise<readonly string[]> {
  const [, mode, file] = /^(?:run `)?chmod (?:-R )?(\S+) ([^`]+)`?$/.exec(hint) ?? [];
  if (mode !== undefined) {
    const ran = spawnSync('chmod', [...(hint.includes('-R') ? ['-R'] : []), mode, file!], { cwd: home });
    expect(ran.status).toBe(0);
    return args;
  }
  const named = commandsIn(hint, groups);
  if (met.option || named.length === 0) return withOption(args, hint, met);
  const chosen = met.choice === undefined ? named : [named[met.choice]!];
  const place = met.there === 'connected' ? site.home : home;
  for (const { words } of chosen)
    await command(place, [...filled(words, met.values), ...filled(met.more ?? [])], site.now + (met.at ?? 0));
  return args;
}

test.each(MET)('$code, $when: its hint helps', async (met) => {
  const home = met.home === 'connected' ? site.home : join(base, `home-${MET.indexOf(met)}`);
  if (met.home === undefined) mkdirSync(home);
  if (met.home === undefined) copied(home, 'attestor.pub', 'map.json');
  await met.prepare?.(home);
  const at = { cwd: home, env: { HOME: home }, now: site.now + (met.at ?? 0) };
  const args = filled(met.args(home));
  const refused = await stella(args, at);
  expect(refused.stderr).toContain(`[${met.code}]`);
  const hint = hintsOf(refused).at(met.hint ?? 0);
  for (const each of hintsOf(refused)) expect(await whyNoHelp(each, args, groups), each).toBeUndefined();
  if (hint === undefined) throw new Error(`no such hint:\n${refused.stderr}`);
  met.byHand?.(home);
  const next = await follow(hint, args, home, met);
  await met.afterwards?.(home);
  const result = await stella(next, at);
  if (met.isLookUp) {
    // Nothing says to do the same a second time.
    if (next !== args) expect(hintsOf(result)).not.toContain(hint);
    return;
  }
  expect(result.stderr).not.toContain(`[${met.code}]`);
  if (met.next === undefined) expect(result.status, result.stderr).toBe(0);
  else expect(result.stderr).toContain(`[${met.next}]`);
});

test('there are enough of them', () => {
  expect(MET.length).toBeGreaterThanOrEqual(30);
  expect(new Set(MET.map(({ code }) => code)).size).toBeGreaterThanOrEqual(20);
});
