import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { instant } from '../../../src/base/clock.ts';
import { StellaError } from '../../../src/base/errors.ts';
import { openRunLog } from '../../../src/cli/terminal/run-log.ts';
import { temporaryDirectory } from '../../support/temp.ts';

test('lines of a log file show what is unseen, and mean the same', async () => {
  const file = join(temporaryDirectory(), 'run.log');
  const hostile = 'gpj\u202e.exe \u200b\u2066\u009b31m\u007f\u{e0041}\ufeff\u2028 \u001b[2J é';
  const log = await openRunLog(file, 'attest verify', () => instant(0));
  log.know({ name: hostile });
  log.info(hostile);
  log.error(new StellaError('USAGE', hostile, { hint: hostile }));
  log.close();
  const text = readFileSync(file, 'utf8');
  expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
  expect(text).toContain('é');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject([
    { msg: hostile, name: hostile },
    { msg: hostile, name: hostile, hints: [hostile] },
  ]);
});
