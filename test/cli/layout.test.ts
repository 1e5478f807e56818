import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { Cli, commandPath, type Io } from '../../src/cli/frame/cli.ts';
import { run } from '../../src/cli/main.ts';
import { commandTree } from '../../src/cli/tree.ts';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

const COLUMNS = 60;
const ESCAPE = '\u001b[';

let site: Site;
let bundle: string;

beforeAll(async () => {
  site = await makeSite(temporaryTree(), { entries: 20 });
  bundle = await site.seal('laid-out');
});

async function shown(args: readonly string[], setting: Partial<Io> = {}) {
  let text = '';
  const status = await run(args, {
    env: { HOME: site.home },
    cwd: site.home,
    clock: () => site.now,
    stdin: process.stdin,
    stdout: (more) => {
      text += more;
    },
    stderr: (more) => {
      text += more;
    },
    terminal: true,
    stdoutTerminal: true,
    columns: COLUMNS,
    ...setting,
  });
  return { status, text };
}

/** Lines that a terminal would have to break: right only where they are one word, which nothing may break. */
function tooWide(text: string): string[] {
  return stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.length > COLUMNS && /\S\s+[^\s\\]/.test(line));
}

/** What is said, without where its lines end, and without what marks commands and comments that go on. */
const words = (text: string) =>
  stripVTControlCharacters(text)
    .replace(/ \\$/gm, '')
    .replace(/^ *# /gm, '')
    .split(/\s+/)
    .filter(Boolean)
    .join(' ');

function pathsBelow(command: Command): string[] {
  return command.commands
    .filter((child) => child.name() !== 'complete')
    .flatMap((child) => [commandPath(child), ...pathsBelow(child)]);
}

test.each(['', ...pathsBelow(commandTree(new Cli({ env: {} } as Io)))])(
  'help at 60 columns: stella %s',
  async (path) => {
    const args = [...path.split(' ').filter(Boolean), '--help'];
    const { text, status } = await shown(args);
    expect(status).toBe(0);
    expect(tooWide(text)).toEqual([]);
    expect(words(text)).toBe(words((await shown(args, { columns: 1000 })).text));
    expect((await shown(args, { columns: 20 })).text).toContain('Usage:');
  },
);

/** What nothing is coloured in: plain tables. */
const PLAIN = new Set(['the tables of a bundle', 'the audit log']);

describe.each([
  ['trust status', ['trust', 'status', '--show-keys', '--show-endpoints']],
  ['a verdict', ['attest', 'verify', 'attestation.json', '--artifact', 'app.bin', '--explain']],
  ['a verdict that refuses', ['attest', 'verify', 'attestation.json', '--artifact', 'map.json', '--explain']],
  ['the tables of a bundle', ['trust', 'snapshot', 'inspect', 'BUNDLE']],
  ['checks', ['trust', 'snapshot', 'verify', 'BUNDLE']],
  ['the audit log', ['audit', 'show']],
  ['the configuration', ['config', 'show']],
  ['a repository', ['repo', 'status', 'repo']],
  ['doctor', ['doctor']],
  ['an error with hints', ['trust', 'snapshot', 'verify', 'there is no such file with that name.tar.zst']],
  ['an unknown command', ['verify', 'x']],
])('%s', (name, given) => {
  const args = () => given.map((word) => (word === 'BUNDLE' ? bundle : word));

  test('at 60 columns no line has to be broken inside a word, and nothing is lost', async () => {
    const { text } = await shown(args());
    expect(text.includes(ESCAPE)).toBe(!PLAIN.has(name));
    expect(tooWide(text)).toEqual([]);
    const wide = await shown(args(), { columns: 100_000 });
    expect(words(text)).toBe(words(wide.text));
  });

  test('NO_COLOR takes the colour and nothing else', async () => {
    const { text } = await shown(args(), { env: { HOME: site.home, NO_COLOR: '1' } });
    expect(text).not.toContain(ESCAPE);
    expect(text).toBe(stripVTControlCharacters((await shown(args())).text));
    const both = { HOME: site.home, NO_COLOR: '1', FORCE_COLOR: '1' };
    expect((await shown(args(), { env: both })).text).toBe(text);
    expect((await shown(args(), { env: { HOME: site.home, FORCE_COLOR: '0' } })).text).toBe(text);
  });

  test('in a pipe and on a dumb terminal lines stay whole; FORCE_COLOR colours them', async () => {
    const pipe = { terminal: false, stdoutTerminal: false };
    const plain = await shown(args(), pipe);
    expect(plain.text).not.toContain(ESCAPE);
    const forced = await shown(args(), { ...pipe, env: { HOME: site.home, FORCE_COLOR: '1' } });
    expect(forced.text.includes(ESCAPE)).toBe(!PLAIN.has(name));
    expect(stripVTControlCharacters(forced.text)).toBe(plain.text);
  });
});

test('FORCE_COLOR never colours JSON, nor a script for a shell', async () => {
  const pipe = { terminal: false, stdoutTerminal: false, env: { HOME: site.home, FORCE_COLOR: '1' } };
  for (const args of [
    ['trust', 'status', '--json'],
    ['completion', 'bash'],
    ['help', 'trust', 'import'],
  ])
    expect((await shown(args, pipe)).text).not.toContain(ESCAPE);
});

test('a question is broken at spaces, too', async () => {
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    return 'no';
  };
  const { status } = await shown(['trust', 'import', bundle], {
    env: { HOME: join(site.home, 'elsewhere') },
    ask,
  });
  expect(status).toBe(4);
  expect(questions.join('\n')).toContain('[yes/no]');
  expect(tooWide(questions.join('\n'))).toEqual([]);
});

test('what is broken off a line gets no colour of its own', async () => {
  const name = `${'x'.repeat(40)} ok FAILED warning problem`;
  const { text } = await shown(['trust', 'snapshot', 'verify', name]);
  const broken = text.split('\n').filter((line) => line.includes('ok FAILED'));
  expect(broken.length).toBeGreaterThan(0);
  for (const line of broken) expect(line).not.toContain(ESCAPE);
});

describe('without a home directory', () => {
  const homeless = { env: {} };

  test.each([
    [['trust', 'status']],
    [['config', 'show']],
    [['doctor']],
    [['attest', 'verify', 'attestation.json']],
    [['trust', 'import', 'laid-out.tar.zst', '--dry-run']],
    [['--json', 'audit', 'show']],
    [['help', 'trust', 'init']],
  ])('%j ends in an answer or a coded refusal', async (args) => {
    const { text } = await shown(args, homeless);
    expect(text).not.toContain('INTERNAL');
    expect(text).toMatch(/\[[A-Z_]+\]|"code": "[A-Z_]+"|Usage:|default/);
    if (!args.includes('--json')) expect(tooWide(text)).toEqual([]);
  });
});
