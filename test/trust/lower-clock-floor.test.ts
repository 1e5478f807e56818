import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DAY } from '../../src/base/clock.ts';
import { BEGIN, TestRepository } from '../repository/repository.ts';

test('a clock that was ahead once is set right by name only, and the age is counted from then', async () => {
  const repository = await new TestRepository().init();
  const trust = (args: string[], now: number) =>
    repository.run(['trust', ...args], { env: { HOME: repository.area }, now });
  const root = join(repository.public, '1.root.json');
  await trust(['init', '--tuf-url', `file://${repository.public}/`, '--root', root], BEGIN);
  // Not so far ahead that the metadata would have expired.
  const ahead = BEGIN + DAY / 2;
  expect((await trust(['sync', '--force'], ahead)).status).toBe(0);
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'attestor-v1.pub']);
  expect((await trust(['sync', '--force'], ahead)).status).toBe(0);

  const later = BEGIN + DAY / 4;
  const refused = await trust(['sync'], later);
  expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining('[CLOCK_BEHIND]')]);
  expect(refused.stderr).toContain('stella trust sync --lower-clock-floor');
  expect((await trust(['sync', '--force'], later)).status).toBe(5);

  const lowered = await trust(['sync', '--lower-clock-floor'], later);
  expect(lowered.status, lowered.stderr).toBe(0);
  expect(lowered.stderr).toContain(
    'lowered the clock floor from 2026-01-10T20:00:00Z to 2026-01-10T14:00:00Z',
  );
  const status = JSON.parse((await trust(['status', '--json'], later)).stdout) as Record<string, unknown>;
  expect(status).toMatchObject({ clock_floor: '2026-01-10T14:00:00Z' });
  expect((await trust(['status'], later)).stdout).toContain('fresh');
  const audit = await trust(['sync', '--lower-clock-floor'], later);
  expect(audit.stderr).not.toContain('lowered');
  const shown = await repository.run(['audit', 'show', '--json'], { env: { HOME: repository.area } });
  expect(shown.stdout).toContain('"clock_floor_before": "2026-01-10T20:00:00Z"');
  expect((await trust(['sync', '--lower-clock-floor', '--watch'], later)).stderr).toContain('[USAGE]');
});
