import { expect, test } from 'vitest';
import { StellaError } from '../../src/base/errors.ts';
import { CheckList } from '../../src/consumer/check-list.ts';
import { refusal } from '../support/errors.ts';

test('a failure shows which checks passed before it', async () => {
  const seen: string[] = [];
  const checks = new CheckList((result) => seen.push(`${result.check} ${result.status}`));
  expect(await checks.run('container', () => ({ detail: 'one frame', value: 7 }))).toBe(7);
  const error = await refusal('PIN_MISMATCH', () =>
    checks.run('pin', () => {
      throw new StellaError('PIN_MISMATCH', 'another root', { hint: 'compare', details: { extra: 1 } });
    }),
  );
  expect(seen).toEqual(['container passed', 'pin failed']);
  expect(error.hints).toEqual(['compare']);
  expect(error.details).toMatchObject({
    extra: 1,
    failed_check: 'pin',
    checks: [
      { check: 'container', status: 'passed' },
      { check: 'pin', status: 'failed', code: 'PIN_MISMATCH' },
    ],
  });
});

test('checks cannot run out of order', async () => {
  const checks = new CheckList();
  await checks.run('signature', () => ({ detail: '', value: 0 }));
  await expect(checks.run('tuf', () => ({ detail: '', value: 0 }))).rejects.toThrow('ran after');
});

test('what is done early for a later check fails as that check, and does not pass it', async () => {
  const checks = new CheckList();
  await checks.run('container', () => ({ detail: '', value: 0 }));
  expect(await checks.failAs('digests', () => 5)).toBe(5);
  await checks.run('pin', () => ({ detail: '', value: 0 }));
  expect(checks.results.map(({ check }) => check)).toEqual(['container', 'pin']);
  const error = await refusal('ENTRY_DIGEST', () =>
    checks.failAs('digests', () => {
      throw new StellaError('ENTRY_DIGEST', 'another file');
    }),
  );
  expect(error.details).toMatchObject({ failed_check: 'digests' });
  expect(checks.results.at(-1)).toMatchObject({ check: 'digests', status: 'failed' });
});
