import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { instant, parseInstant } from '../../src/base/clock.ts';
import { appendAudit, loadAudit } from '../../src/store/audit.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const NOW = parseInstant('2026-01-25T00:00:00Z');
let store: string;
let path: string;
const lines = () => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const rewrite = (change: (lines: string[]) => string[]) =>
  writeFileSync(
    path,
    change(lines())
      .map((line) => `${line}\n`)
      .join(''),
  );

beforeEach(() => {
  store = temporaryDirectory();
  path = join(store, 'audit.jsonl');
  appendAudit(store, NOW, 'init', { url: 'https://trust.example/tuf/' });
  appendAudit(store, instant(NOW + 1000), 'import', { sequence: 1 });
  appendAudit(store, instant(NOW + 2000), 'refusal', { code: 'BUNDLE_STALE' });
});

test('every line carries the digest of the line before it', () => {
  const audit = loadAudit(store);
  expect(audit.map((line) => line.event)).toEqual(['init', 'import', 'refusal']);
  expect(audit[0]!.previous).toBe('0'.repeat(64));
  expect(new Set(audit.map((line) => line.previous)).size).toBe(3);
});

test('there is nothing wrong with no audit log', () => {
  expect(loadAudit(temporaryDirectory())).toEqual([]);
});

describe('an altered log is found', () => {
  test.each<[string, (lines: string[]) => string[], number]>([
    ['an edited line', ([a, b, c]) => [a!, b!.replace('"sequence":1', '"sequence":2'), c!], 3],
    ['an edited last line', ([a, b, c]) => [a!, b!, c!.replace('STALE', 'FRESH')], 4],
    ['a removed first line', ([, b, c]) => [b!, c!], 1],
    ['a removed middle line', ([a, , c]) => [a!, c!], 2],
    ['a removed last line', ([a, b]) => [a!, b!], 3],
    ['reordered lines', ([a, b, c]) => [a!, c!, b!], 2],
    ['a line twice', ([a, b, c]) => [a!, b!, b!, c!], 3],
    ['a line that is no JSON', ([a, b]) => [a!, b!, 'x'], 3],
    ['nothing left', () => [], 1],
  ])('%s', async (_, change, line) => {
    rewrite(change);
    const error = await refusal('AUDIT_BROKEN', () => loadAudit(store));
    expect(error.details).toEqual({ line });
  });

  test('a torn last line', async () => {
    appendFileSync(path, '{"half');
    await refusal('AUDIT_BROKEN', () => loadAudit(store));
  });
});

describe('after a crash in the middle of an append', () => {
  test('the next append completes the line that was announced', () => {
    const whole = readFileSync(path, 'utf8');
    for (let keep = whole.length - 1; keep > whole.length - 60; keep -= 7) {
      writeFileSync(path, whole.slice(0, keep));
      appendAudit(store, instant(NOW + 3000), 'sync', {});
      expect(loadAudit(store).map((line) => line.event)).toContain('refusal');
      expect(loadAudit(store).at(-1)!.event).toBe('sync');
      writeFileSync(path, whole);
      writeFileSync(join(store, 'audit.head'), `${whole.trimEnd().split('\n').at(-1)}\n`);
    }
  });
});

test('a line that is longer than any is not read to its end', async () => {
  appendFileSync(path, 'x'.repeat(5 << 20));
  const error = await refusal('AUDIT_BROKEN', () => loadAudit(store));
  expect(error.message).toContain('line 4: it is too long');
});

test('the last lines of a log are those of the whole log', () => {
  for (const last of [1, 2, 3, 4]) expect(loadAudit(store, last)).toEqual(loadAudit(store).slice(-last));
});
