import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  addDuration,
  DAY,
  days,
  HOUR,
  type Instant,
  instant,
  minutes,
  SECOND,
} from '../../src/base/clock.ts';
import type { ExportLedger } from '../../src/base/schema-types.ts';
import { checkCosignedTimes, checkSealedTime } from '../../src/producer/sealed-time.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

const T0 = instant(Date.UTC(2026, 0, 25, 12));

describe('a bundle is sealed at a time that can be', () => {
  const ledger = (sealedAt?: string): ExportLedger => ({
    format: 'stella-exports/v1',
    last_sequence: 1,
    exports:
      sealedAt === undefined
        ? []
        : [{ sequence: 1, manifest_sha256: repeatedDigest('00'), sealed_at: sealedAt, logs: [] }],
  });
  const known = { now: T0, trustAsOf: instant(T0 - HOUR), ledger: ledger(), window: days(7) };
  const refuse = (sealedAt: Instant, more: Partial<typeof known> = {}) =>
    refusal('SEALED_TIME', () => checkSealedTime(sealedAt, { ...known, ...more }));

  test('now, and again at the time of the last one', () => {
    checkSealedTime(T0, known);
    checkSealedTime(T0, { ...known, ledger: ledger('2026-01-25T12:00:00Z') });
  });

  test('1980, the future, the day before the trust was fetched', async () => {
    expect((await refuse(instant(315_532_800_000))).message).toContain('staleness window');
    expect((await refuse(addDuration(T0, DAY))).message).toContain('ahead of the clock');
    expect((await refuse(instant(T0 - DAY))).message).toContain('was fetched later');
  });

  test('before the last bundle, whose clock was fast', async () => {
    const error = await refuse(T0, { ledger: ledger('2027-01-25T12:00:00Z') });
    expect(error.message).toContain('before number 1 (2027-01-25T12:00:00Z)');
    expect(error.hints.join()).toContain('--any-sealed-time');
  });

  test('before every witness signed the checkpoint; one whose clock is fast stops nothing', async () => {
    const late = addDuration(T0, minutes(6));
    checkCosignedTimes(T0, 'log.example.com', [late, T0]);
    checkCosignedTimes(T0, 'log.example.com', [addDuration(T0, SECOND)]);
    checkCosignedTimes(T0, 'log.example.com', []);
    await refusal('SEALED_TIME', () => checkCosignedTimes(T0, 'log.example.com', [late]));
  });
});

describe('export', () => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(temporaryTree(), { now: T0, entries: 300 });
  });
  const seal = (out: string, more: readonly string[], setting: Parameters<Site['run']>[1]) =>
    site.run(
      ['trust', 'snapshot', 'export', '--out', out, '--signing-key', 'bundle-signer.key', ...more],
      setting,
    );

  test('a SOURCE_DATE_EPOCH that leaked from a shell seals nothing', async () => {
    const env = { HOME: site.home, SOURCE_DATE_EPOCH: '315532800' };
    const refused = await seal('leaked.tar.zst', [], { env, expect: 4 });
    expect(refused.stderr).toContain('[SEALED_TIME]');
    expect(refused.stderr).toContain('unset SOURCE_DATE_EPOCH');
    expect(existsSync(join(site.home, 'leaked.tar.zst'))).toBe(false);
  });

  test('after an export with a fast clock, the next is refused, with the way out', async () => {
    await seal('fast.tar.zst', [], { now: T0 + 6 * HOUR });
    const refused = await seal('next.tar.zst', [], { now: T0, expect: 4 });
    expect(refused.stderr).toContain('[SEALED_TIME]');
    await seal('next.tar.zst', ['--any-sealed-time'], { now: T0 });
    await seal('after.tar.zst', [], { now: T0 + HOUR });
  });
});
