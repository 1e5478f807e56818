import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { ATTESTATION_CHECKS } from '../../src/attest/verdict/check-list.ts';
import { instant } from '../../src/base/clock.ts';
import { HELP } from '../../src/cli/commands/help.ts';
import { DOCTOR_CHECKS } from '../../src/cli/commands/own/doctor-checks.ts';
import { Cli, commandPath } from '../../src/cli/frame/cli.ts';
import { commandTree } from '../../src/cli/tree.ts';
import { SOURCES } from '../../src/config/sources.ts';
import { BUNDLE_CHECKS } from '../../src/consumer/check-list.ts';
import { stella } from '../support/cli.ts';

const io = {
  env: {},
  cwd: '/',
  clock: () => instant(0),
  stdin: process.stdin,
  stdout: () => {},
  stderr: () => {},
  terminal: false,
};

/** Parses as ever, and then does nothing. */
class IdleCli extends Cli {
  override action(command: Command): Command {
    return command.action(() => {});
  }
}

function commandsOf(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...commandsOf(child)]);
}

const isHidden = (command: Command) => command.name() === 'complete';
const tree = () => commandTree(new IdleCli(io));
const commands = commandsOf(tree()).filter((command) => command.commands.length === 0 && !isHidden(command));
const paths = commands.map(commandPath);

/** The words of an example as a shell has them; what is redirected belongs to the shell. */
function words(example: string): string[] {
  return [...example.replace(/ >.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain!,
  );
}

test('there are commands', () => {
  expect(paths).toContain('trust snapshot export');
});

test('the help table speaks of commands that exist', () => {
  expect(Object.keys(HELP).filter((path) => !paths.includes(path))).toEqual([]);
});

test.each([
  ['trust import', BUNDLE_CHECKS],
  ['attest verify', ATTESTATION_CHECKS],
  ['doctor', DOCTOR_CHECKS],
  ['config show', SOURCES],
] as const)('the help of %s lists what the code lists, in its order', (path, list) => {
  expect(HELP[path]!.purpose).toContain(`: ${list.join(', ')}`);
});

describe.each(paths)('%s', (path) => {
  const help = HELP[path];

  test('has a purpose, two examples and related commands that exist', () => {
    expect(help, `no entry for ${path} in the help.ts of its group`).toBeDefined();
    expect(help!.purpose).toMatch(/\.$/);
    expect(help!.examples.length).toBeGreaterThanOrEqual(2);
    expect(help!.related.length).toBeGreaterThan(0);
    for (const related of help!.related) expect(paths).toContain(related);
    expect(help!.related).not.toContain(path);
  });

  test.each(help?.examples ?? [])('example: %s', async (example) => {
    expect(words(example)[0]).toBe('stella');
    await tree().parseAsync(words(example).slice(1), { from: 'user' });
  });

  test('an example is of this command', () => {
    expect(help?.examples.some(([example]) => example.startsWith(`stella ${path}`))).toBe(true);
  });

  test('every flag is described', () => {
    for (const option of commands[paths.indexOf(path)]!.options)
      expect(option.description, option.flags).not.toBe('');
  });

  test('its help shows all of it', async () => {
    const { status, stdout } = await stella([...path.split(' '), '--help']);
    expect(status).toBe(0);
    for (const part of ['Examples:', 'Exit status:', 'Related: stella ', 'Common options:', '--log-file'])
      expect(stdout).toContain(part);
  });
});

test.each([
  [['trsut'], 'did you mean `stella trust`?'],
  [['trust', 'imprt', 'x'], 'did you mean `stella trust import`?'],
  [['trust', 'import', 'x', '--reject-stale', '7d'], 'did you mean --reject-if-stale?'],
  [['attest', 'verify', 'x', '--artefact', 'y'], 'did you mean --artifact?'],
])('a mistyped word is answered with the nearest one: %j', async (args, hint) => {
  const { status, stderr } = await stella(args);
  expect(status).toBe(4);
  expect(stderr).toContain(`[USAGE]\nhint: ${hint}\n`);
});
