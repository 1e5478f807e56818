import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { unannounced } from '../../src/base/lock.ts';

const announcement = 'SQLite is an experimental feature and might change at any time';

afterEach(() => {
  vi.restoreAllMocks();
});

test('of what Node says while SQLite is loaded only the announcement is held back', () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const during = process.emitWarning.bind(process);
  during(announcement, 'ExperimentalWarning');
  expect(emitWarning).toHaveBeenCalledTimes(1);
  const answer = unannounced(() => {
    process.emitWarning(announcement, 'ExperimentalWarning');
    process.emitWarning('another is an experimental feature', 'ExperimentalWarning');
    return 'loaded';
  });
  expect(answer).toBe('loaded');
  process.emitWarning(announcement, 'ExperimentalWarning');
  expect(emitWarning.mock.calls.map(([text]) => text)).toEqual([
    announcement,
    'another is an experimental feature',
    announcement,
  ]);
});

test('what Node has is put back, also when loading fails', () => {
  const { value } = Object.getOwnPropertyDescriptor(process, 'emitWarning')!;
  expect(() =>
    unannounced(() => {
      throw new Error('cannot be loaded');
    }),
  ).toThrow('cannot be loaded');
  expect(Object.getOwnPropertyDescriptor(process, 'emitWarning')!.value).toBe(value);
});

test('importing the library loads no SQLite, and the warnings of others are printed', () => {
  const script = `
    const before = process.emitWarning;
    await import(${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)});
    if (process.moduleLoadList.some((name) => /sqlite/i.test(name))) throw new Error('SQLite is loaded');
    if (process.emitWarning !== before) throw new Error('emitWarning is not what it was');
    process.emitWarning('of another', 'ExperimentalWarning');`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect(stderr).toContain('ExperimentalWarning: of another');
  expect(status).toBe(0);
});
