import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/base/codes.ts';
import { StellaError } from '../../../src/base/errors.ts';
import { withoutCircularHints } from '../../../src/cli/frame/circular-hints.ts';
import { stella } from '../../support/cli.ts';
import { temporaryDirectory } from '../../support/temp.ts';

/** What is left of the hints after `stella sync` (in a group `trust`) was run with these flags. */
function left(code: ErrorCode, flags: readonly string[], hint?: string | string[]): readonly string[] {
  const command = new Command('sync').option('--force').option('--verbose').option('--explain');
  command.parse([...flags], { from: 'user' });
  const error = new StellaError(code, 'x', hint === undefined ? {} : { hint });
  return withoutCircularHints(error, command, 'trust sync').hints;
}

test('a hint to run what was just run is not given', () => {
  const sync = 'keys may have rotated: run `stella trust sync --force`';
  expect(left('TUF_SIGNATURE', ['--force'], sync)).toEqual([expect.stringContaining('tell whoever runs it')]);
  expect(left('TUF_SIGNATURE', ['--force'], [sync, 'ask'])).toEqual(['ask']);
  // With another flag it is another command.
  expect(left('TUF_SIGNATURE', [], sync)).toEqual([sync]);
});

test.each([
  'the mirror may be mid-update or under attack: run `stella trust sync --force` later',
  'on the TUF repository, sign it again; then `stella trust sync --force`',
  'run `stella trust sync --force`; if that finds nothing newer, ask',
  'run `stella trust status`',
  'run `stella trust sync-all`',
])('a hint that changes something is given: %s', (hint) => {
  expect(left('TUF_MISMATCH', ['--force'], hint)).toEqual([hint]);
});

test('a hint to give a flag that was given is not given', () => {
  expect(left('INTERNAL', ['--verbose'])).toEqual(['report the output']);
  expect(left('INTERNAL', [])[0]).toContain('run again with --verbose');
  expect(left('POLICY_UNSATISFIED', ['--explain'], 'run again with --explain to see more')).toEqual([]);
});

test('nothing else of the refusal changes', () => {
  const error = new StellaError('INTERNAL', 'x', { cause: new Error('why'), file: 'f' });
  const command = new Command('x').option('--verbose').parse(['--verbose'], { from: 'user' });
  const less = withoutCircularHints(error, command, 'x');
  expect(less).toMatchObject({ code: 'INTERNAL', message: 'x', file: 'f', cause: error.cause });
  expect(less.details).toBeUndefined();
});

test('config check does not send to config check', async () => {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'c.yaml'), 'attestor:\n  trust_repo:\n    tuf_url: nothing\n');
  const { status, stderr } = await stella(['config', 'check', 'c.yaml'], { cwd, env: { HOME: cwd } });
  expect(status).toBe(4);
  expect(stderr).not.toContain('stella config check');
  expect(stderr).toContain('hint: ');
});
