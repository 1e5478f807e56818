import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { adviceInSource, commandsIn, idleTree, whyNotParsed } from './support/advice.ts';
import { sourceFiles } from './support/open-lookups.ts';

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

describe('every hint', () => {
  test('names options that some command has', () => {
    const options = new Set(['--help', ...optionsOf(tree)]);
    const foreign = /^(?:tar|gh|openssl) /;
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
        ([name]) => [each, schemas.includes(`"${name}"`) ? undefined : `no document has ${name}`] as const,
      ),
    ]);
    expect(problems.length).toBeGreaterThan(20);
    expect(told(problems)).toEqual([]);
  });

  test('that names a command of the TUF repository says so, elsewhere than in the repository’s own commands', () => {
    const problems = hints
      .filter(
        ({ at, code = '' }) =>
          !/^src\/(?:repository|cli\/commands\/repo)\//.test(at) && !code.startsWith('REPO_'),
      )
      .map((each) => {
        const isRepositorys = commandsIn(each.text, groups).some(({ words }) => words[0] === 'repo');
        const says = /TUF repository|its maintainers|connected side/.test(each.text);
        return [each, isRepositorys && !says ? 'does not say where' : undefined] as const;
      });
    expect(told(problems)).toEqual([]);
  });
});
