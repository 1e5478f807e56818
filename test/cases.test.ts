import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ExitStatus } from '../src/base/codes.ts';
import { type CliResult, stella } from './support/cli.ts';
import { real, realIsPresent } from './support/real.ts';
import { temporaryDirectory } from './support/temp.ts';

/** Cases that went wrong once, kept next to the project: a folder each, with the command and what it must come to. */
const cases = fileURLToPath(new URL('../../shared/cases/', import.meta.url));
const isPresent = existsSync(join(cases, 'README.md'));
if (!isPresent) console.warn('skipping the cases that went wrong: ../shared/cases is not here');

/** What `expected.txt` says in words, for each command of a case in order, or for all of them. */
interface Expected {
  readonly exits: readonly ExitStatus[];
  readonly output?: RegExp;
  readonly check?: (result: CliResult) => void;
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  '01-timestamp-hash-oid': {
    exits: [2, 2],
    output: /TIMESTAMP_INVALID/,
    check: (result) => expect(result.stdout).toMatch(/good\.json.*VERIFIED|VERIFIED.*good\.json/s),
  },
  '05-policy-names': { exits: [2, 2, 2, 2], output: /POLICY_UNSATISFIED/ },
  '17-shards-of-different-rules': { exits: [2], output: /different runs|other rules|SHARD/ },
  '20-json-with-bundle-field': { exits: [0, 4], output: /skipped|PARSE_FAILED/ },
  '30-note-unknown-twice': { exits: [0] },
  '31-delegated-role-anchor': {
    exits: [0, 0, 0, 0],
    check: ({ stdout, stderr }) => {
      expect(stdout).not.toMatch(/^zz\/.*(?:active|grace)/m);
      expect(stderr).not.toContain('trusted by');
    },
  },
  '32-broken-role-not-needed': { exits: [0, 0, 0, 0], output: /warning: .*(?:left out|no trust rests)/ },
  '33-ambiguous-by-delegated-role': { exits: [0] },
  '34-repacked-skippable': { exits: [0], output: /^verified$/m },
};

interface Typed {
  readonly args: readonly string[];
  readonly now: string | undefined;
  readonly stdin: string | undefined;
}

/** The commands of a case: `;` separates, `faketime` gives the time, `(X likewise)` repeats with another name. */
function commandsOf(folder: string): Typed[] {
  const lines = readFileSync(join(cases, folder, 'command.txt'), 'utf8').split('\n');
  const typed: Typed[] = [];
  let line = '';
  let now: string | undefined;
  const type = (text: string) => {
    for (const part of text.split(';')) {
      const [, at, command = ''] = /^\s*(?:faketime -f "@([^"]+)" )?(.*)$/.exec(part) ?? [];
      if (at !== undefined) now = `${at.replace(' ', 'T')}Z`;
      const [, words = '', , stdin] = /^stella (.*?)( < (\S+))?$/.exec(command) ?? [];
      const args = words
        .replaceAll('$PWD', () => '{cwd}')
        .replaceAll('"', '')
        .replace('$(cat vkey)', () => readFileSync(join(cases, folder, 'vkey'), 'utf8').trim())
        .replace('TRUSTED_ROOT_OF_PUBLIC_GOOD', () => join(real, 'attestations/trusted_root.json'))
        .split(/ +/);
      typed.push({ args, now, stdin });
    }
  };
  for (const next of lines.filter((each) => each.trim() !== '')) {
    const likewise = /^\((.+) likewise\)$/.exec(next)?.[1];
    if (likewise === undefined) {
      line = next;
      now = undefined;
      type(line);
    } else {
      const first = /file:\/\/\$PWD\/([^/]+)\//.exec(line)![1]!;
      for (const name of likewise.split(', ')) type(line.replaceAll(first, name));
    }
  }
  return typed;
}

describe.skipIf(!isPresent || !realIsPresent)('cases that went wrong', () => {
  const folders = isPresent
    ? readdirSync(cases, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    : [];

  test('each has its expectation here', () => {
    expect(Object.keys(EXPECTED).sort()).toEqual(folders.sort());
  });

  test.each(folders)('%s', async (folder) => {
    const { exits, output, check } = EXPECTED[folder]!;
    const base = temporaryDirectory();
    const cwd = join(base, 'case');
    cpSync(join(cases, folder), cwd, { recursive: true });
    let home = '';
    const results: CliResult[] = [];
    for (const [i, { args, now, stdin }] of commandsOf(folder).entries()) {
      // What is typed in one line is typed by one person; each line begins with an empty home.
      if (args[1] !== 'status') {
        home = join(base, `home-${i}`);
        mkdirSync(home);
      }
      results.push(
        await stella(
          args.map((arg) => arg.replaceAll('{cwd}', cwd)),
          {
            cwd,
            env: { HOME: home },
            ...(now === undefined ? {} : { now }),
            ...(stdin === undefined ? {} : { stdin: readFileSync(resolve(cwd, stdin)) }),
          },
        ),
      );
    }
    expect(results.map(({ status, stderr }, i) => (status === exits[i] ? status : stderr))).toEqual(exits);
    for (const result of results) {
      const printed = `${result.stdout}${result.stderr}`;
      expect(printed).not.toContain('INTERNAL');
      if (output) expect(printed).toMatch(output);
      check?.(result);
    }
  });
});
