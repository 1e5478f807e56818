import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { Cli, type Io } from '../../src/cli/frame/cli.ts';
import { commandTree } from '../../src/cli/tree.ts';
import { stella } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** A command line that must be refused, for its usage, with what it must say. */
async function refuse(args: readonly string[], says: string, cwd?: string): Promise<void> {
  const { status, stderr } = await stella(args, cwd === undefined ? {} : { cwd });
  expect({ status, stderr }).toMatchObject({ status: 4 });
  expect(stderr).toContain('[USAGE]');
  expect(stderr).toContain(says);
}

function* optionsOf(command: Command): Generator<[Command, Option]> {
  for (const option of command.options) yield [command, option];
  for (const child of command.commands) yield* optionsOf(child);
}

test('no option takes several words but the one that the guide has', () => {
  const tree = commandTree(new Cli({ env: {} } as Io));
  const greedy = [...optionsOf(tree)].filter(([, option]) => option.variadic);
  expect(greedy.map(([command, option]) => `${command.name()} ${option.flags}`)).toEqual([
    'init --pin <name...>',
  ]);
});

test('an attestation after --type is verified, not taken for a second type', async () => {
  const type = 'https://slsa.dev/provenance/v1';
  const args = ['attest', 'verify', 'good.json', '--trusted-root', 'r', '--type', type, 'bad.json'];
  const { stderr } = await stella(args, { cwd: temporaryDirectory() });
  // Both are arguments now: the first thing missing is the trusted root.
  expect(stderr).toContain('no such file');
  await refuse(['attest', 'verify', '--type', './bad.json'], '--type takes a URI');
});

test('--type takes a URI or a shorthand, and nothing else', async () => {
  for (const type of ['', 'slsa', 'bad.json', '/tmp/x', 'C:\\x', 'https://a b'])
    await refuse(['attest', 'verify', 'x', '--type', type], '--type takes a URI');
  for (const type of ['slsaprovenance1', 'https://example.com/x', 'urn:x:y']) {
    const { stderr } = await stella(['attest', 'verify', 'x', '--trusted-root', 'r', '--type', type], {
      cwd: temporaryDirectory(),
    });
    expect(stderr).toContain('[FILE_NOT_FOUND]');
  }
});

test('an argument that is missing: which options took words', async () => {
  await refuse(
    ['attest', 'verify', '--key', 'k.pub', '--type', 'urn:x:y'],
    '--type took "urn:x:y" as its value\nhint: --key took "k.pub" as its value',
  );
});

test('words that are left over: which option is to be repeated', async () => {
  await refuse(
    ['trust', 'receipts', 'dir', '--holding', 'a', 'b'],
    '--holding takes one value each time it is given: --holding A --holding B',
  );
});

test('a fingerprint in groups without quotes: how to give it', async () => {
  await refuse(
    ['trust', 'import', 'x.tar.zst', '--root-fingerprint', 'sha256:3f5d', '06a8', 'b2a5'],
    "a fingerprint in groups is one word: --root-fingerprint 'sha256:3f5d 06a8 …'",
  );
});

test('an option does not take another option for its value', async () => {
  await refuse(['trust', 'snapshot', 'export', '--out', '--depth', '3'], 'too many arguments');
  await refuse(
    ['trust', 'snapshot', 'export', '--out', '--entries'],
    '--out takes a value, and took the option --entries',
  );
});

test('--pin takes the names of the guide, and no path', async () => {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'root.json'), '{}');
  const init = ['trust', 'init', '--tuf-url', 'file:///nowhere/'];
  await refuse([...init, '--pin', 'rekor-key-v1', './x'], '--pin takes the names of targets', cwd);
  await refuse([...init, '--pin', 'rekor-key-v1', 'root.json'], '--pin takes the names of targets', cwd);
  await refuse([...init, '--pin=rekor-key-v1', 'root.json'], 'no instance is built in by the name', cwd);
  const env = { STELLA_STATE_DIR: cwd, XDG_CONFIG_HOME: cwd, HOME: cwd };
  for (const pins of [
    ['--pin', 'rekor-key-v1', 'rekor-key-v2'],
    ['--pin', 'a', '--pin', 'root.json'],
  ]) {
    const { stderr } = await stella([...init, ...pins], { cwd, env });
    expect(stderr).not.toContain('[USAGE]');
  }
});
