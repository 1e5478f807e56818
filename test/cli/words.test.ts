import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { commitOf } from '../../scripts/commit.ts';
import { COMPRESSOR_VERSION } from '../../src/archive/zstd.ts';
import { SCHEMAS } from '../../src/base/schemas.ts';
import { stella } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const env = { HOME: '/nonexistent' };

test.each([
  ['--json trust status', 'trust status --json'],
  ['trust --json status', 'trust status --json'],
  ['--json doctor', 'doctor --json'],
  ['-q doctor', 'doctor -q'],
  ['-qv doctor', 'doctor -qv'],
  ['--verbose --quiet doctor', 'doctor --verbose --quiet'],
  ['--no-color config show', 'config show --no-color'],
  ['--config=/nowhere.yaml --json config show', 'config show --config /nowhere.yaml --json'],
  ['--config /nowhere.yaml config --json show', 'config show --config=/nowhere.yaml --json'],
  ['--config /a config show --config /b', 'config show --config /a --config /b'],
  ['-v trust snapshot --json inspect --help', 'trust snapshot inspect --help'],
])('common flags may stand before the command: %s', async (before, after) => {
  const run = async (words: string) => {
    const { status, stdout, stderr } = await stella(words.split(' '), {
      env,
      cwd: '/',
      now: '2026-02-01T00:00:00Z',
    });
    return { status, stdout, stderr };
  };
  const found = await run(before);
  expect(found.stdout + found.stderr).not.toContain('unknown option');
  expect(found).toEqual(await run(after));
});

test('--log-file before the command is written, with its value in either form', async () => {
  const directory = temporaryDirectory();
  for (const [i, flag] of [
    ['--log-file', join(directory, '0')],
    [`--log-file=${join(directory, '1')}`],
  ].entries()) {
    await stella([...flag, 'config', 'show'], { env, cwd: directory });
    expect(readFileSync(join(directory, String(i)), 'utf8')).toContain('"command":"config show"');
  }
});

test.each([
  [['--config'], '--config takes a value'],
  [['trust', '--log-file'], '--log-file takes a value'],
  [['--nope', 'trust', 'status'], "unknown option '--nope'"],
  [['--json=1', 'trust', 'status'], "unknown option '--json=1'"],
])('what cannot be a common flag is refused: %j', async (args, says) => {
  const { status, stderr } = await stella(args, { env });
  expect(status).toBe(4);
  expect(stderr).toContain(`error: ${says} [USAGE]\n`);
});

test.each([
  ['help trust init', 'trust init --help'],
  ['help trust snapshot export', 'trust snapshot export --help'],
  ['help doctor', 'doctor --help'],
  ['help trust', 'trust --help'],
  ['trust help init', 'trust init --help'],
  ['trust snapshot help', 'trust snapshot --help'],
  ['--json help trust init', 'trust init --help'],
  ['--help trust init', 'trust init --help'],
  ['help', '--help'],
])('stella %s is stella %s', async (asked, same) => {
  const { status, stdout, stderr } = await stella(asked.split(' '), { env });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toContain(`Usage: stella ${same.replace(/ ?--help/, '')}`.trimEnd());
  expect(stdout).toBe((await stella(same.split(' '), { env })).stdout);
});

test.each([
  ['verify x', 'stella verify', '`stella attest verify`, `stella repo verify`, `stella log verify`, '],
  ['trust verify x', 'stella trust verify', '`stella attest verify`, '],
  ['import x', 'stella import', '`stella trust import`?'],
  ['snapshot export --out x', 'stella snapshot', '`stella trust snapshot export`?'],
  ['snapshot x', 'stella snapshot', '`stella trust snapshot`?'],
  ['help verfy', 'stella verfy', '`stella trust snapshot verify`, '],
  ['help trust imprt', 'stella trust imprt', '`stella trust import`?'],
  ['help trust init now', 'stella trust init now', undefined],
  ['help trust init foobar', 'stella trust init foobar', undefined],
  ['help qqqqqqqq', 'stella qqqqqqqq', undefined],
  ['constructor', 'stella constructor', undefined],
])('an unknown command is a coded error with what was meant: %s', async (words, command, meant) => {
  const { status, stdout, stderr } = await stella(words.split(' '), { env });
  expect(status).toBe(4);
  expect(stdout).toBe('');
  const [first, hint] = stderr.split('\n');
  expect(first).toBe(`error: unknown command: ${command} [USAGE]`);
  if (meant === undefined) expect(stderr).not.toContain('did you mean');
  else expect(hint).toContain(`hint: did you mean ${meant}`);
  const json = await stella(['--json', ...words.split(' ')], { env });
  expect(json.json()).toMatchObject({ error: { code: 'USAGE' } });
});

test('--version is one line; with --json it says what stella is made of', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  for (const flag of ['--version', '-V']) expect((await stella([flag])).stdout).toBe(`${version}\n`);
  for (const args of [
    ['--version', '--json'],
    ['--json', '-V'],
  ]) {
    const found = (await stella(args)).json() as { formats: string[] };
    expect(found).toMatchObject({
      ...{ name: 'stella', version, commit: null, node: process.versions.node },
      zstd: { compressor: COMPRESSOR_VERSION, decompressor: process.versions['zstd'] },
    });
    const consts = JSON.stringify(SCHEMAS).match(/"stella-[a-z-]+\/v\d+"/g) ?? [];
    expect(found.formats).toContain('stella-bundle/v1');
    expect(found.formats).toEqual([...new Set(consts.map((text) => JSON.parse(text) as string))].toSorted());
  }
  expect((await stella(['--version', '-v'])).stdout).toMatch(/^\S+\ncommit +not known\nnode +/);
});

test('the compressor is the one that --version names', () => {
  const name = `@mongodb-js/zstd-${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;
  const library = createRequire(import.meta.url).resolve(name);
  expect(readFileSync(library).includes(`+zstd.${COMPRESSOR_VERSION}/`)).toBe(true);
});

test('the built command knows its commit where there is one', () => {
  const { stdout } = spawnSync(process.execPath, ['bin/stella.js', '--version', '--json'], {
    encoding: 'utf8',
  });
  const { commit } = JSON.parse(stdout) as { commit: string | null };
  expect(commit?.replace('-modified', '')).toBe(commitOf(resolve('.'))?.replace('-modified', ''));
});

test('sources inside the checkout of another project have no commit', () => {
  expect(commitOf(resolve('src'))).toBeNull();
  expect(commitOf(temporaryDirectory())).toBeNull();
});

test('a checkout that is not built says how to build it', () => {
  const directory = temporaryDirectory();
  cpSync('bin', join(directory, 'bin'), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [join(directory, 'bin', 'stella.js'), '--version'], {
    encoding: 'utf8',
  });
  expect(stderr).toMatch(
    /^error: this checkout of stella is not built: .* \[USAGE\]\nhint: run `npm ci && npm run build` in /,
  );
  expect(status).toBe(4);
  mkdirSync(join(directory, 'dist', 'cli'), { recursive: true });
  writeFileSync(join(directory, 'dist', 'cli', 'stella.cjs'), 'console.log("built")');
  const built = spawnSync(process.execPath, [join(directory, 'bin', 'stella.js')], { encoding: 'utf8' });
  expect(built.stdout).toBe('built\n');
});
