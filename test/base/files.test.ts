import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  makeDirectory,
  readBounded,
  readBoundedIfPresent,
  removeLeftovers,
  replaceFile,
  withStaging,
  writeNewFile,
} from '../../src/base/files.ts';
import { withLock } from '../../src/base/lock.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

test('a file is read up to the bound and not beyond', async () => {
  const path = join(temporaryDirectory(), 'f');
  for (const size of [0, 1, 4096, 100_000]) {
    writeFileSync(path, Buffer.alloc(size, 1));
    expect(readBounded(path, size).length).toBe(size);
    if (size > 0) await refusal('FILE_TOO_LARGE', () => readBounded(path, size - 1));
  }
});

test('an endless device is not read to its end', async () => {
  await refusal('FILE_TOO_LARGE', () => readBounded('/dev/zero', 10_000));
});

test('what cannot be read is named with its reason', async () => {
  const directory = temporaryDirectory();
  await refusal('FILE_NOT_FOUND', () => readBounded(join(directory, 'none'), 1));
  await refusal('FILE_UNREADABLE', () => readBounded(directory, 1));
  writeFileSync(join(directory, 'file'), '');
  await refusal('FILE_NOT_FOUND', () => readBounded(join(directory, 'file', 'below'), 1));
  expect(readBoundedIfPresent(join(directory, 'none'), 1)).toBeUndefined();
});

test('a new file never overwrites', async () => {
  const path = join(temporaryDirectory(), 'a', 'b');
  writeNewFile(path, Buffer.from('one'), { mode: 0o600 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await refusal('FILE_EXISTS', () => writeNewFile(path, Buffer.from('two')));
  expect(readFileSync(path, 'utf8')).toBe('one');
});

test('a file where a directory is needed is named, and is not what exists already', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  for (const path of ['file/new', 'file/deeper/new']) {
    const error = await refusal('WRITE_FAILED', () => writeNewFile(join(directory, path), Buffer.from('x')));
    expect(error.message).toBe(`${join(directory, 'file')} is in the way: a directory is needed there`);
  }
});

test('directories are made with their parents, and the first of them is told', () => {
  const directory = temporaryDirectory();
  expect(makeDirectory(join(directory, 'a', 'b', 'c'), 0o700)).toBe(join(directory, 'a'));
  expect(statSync(join(directory, 'a', 'b')).mode & 0o777).toBe(0o700);
  expect(makeDirectory(join(directory, 'a', 'd'))).toBe(join(directory, 'a', 'd'));
  expect(makeDirectory(join(directory, 'a'))).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')(
  'below /proc nothing can be made, and that comes to an end',
  async () => {
    await refusal('WRITE_FAILED', () => writeNewFile('/proc/none/report.html', Buffer.from('x')));
  },
);

test('replacing leaves one file, whole', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'f');
  replaceFile(path, Buffer.from('one'));
  replaceFile(path, Buffer.from('two'));
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(readdirSync(directory)).toEqual(['f']);
});

test('replacing a directory by a file is refused', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'd', 'x'), { recursive: true });
  await refusal('WRITE_FAILED', () => replaceFile(join(directory, 'd'), Buffer.from('')));
  expect(readdirSync(directory)).toEqual(['d']);
});

test('a staging directory goes away when the work throws, and leftovers of a killed process are removed', () => {
  const parent = temporaryDirectory();
  expect(() =>
    withStaging(parent, '.staging-', (staging) => {
      writeFileSync(join(staging, 'x'), '');
      throw new Error('work');
    }),
  ).toThrow('work');
  mkdirSync(join(parent, '.staging-dead', 'deep'), { recursive: true });
  mkdirSync(join(parent, 'kept'));
  removeLeftovers(parent);
  expect(readdirSync(parent)).toEqual(['kept']);
});

test('the lock excludes, and ends with its holder', async () => {
  const directory = temporaryDirectory();
  await withLock(directory, () => refusal('LOCKED', () => withLock(directory, () => {})));
  expect(await withLock(directory, () => 7)).toBe(7);
  await expect(
    withLock(directory, () => {
      throw new Error('work');
    }),
  ).rejects.toThrow('work');
  expect(await withLock(directory, () => 8)).toBe(8);
});

test('a lock that cannot be made is a write error', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'lock'));
  await refusal('WRITE_FAILED', () => withLock(directory, () => {}));
  chmodSync(directory, 0o755);
});
