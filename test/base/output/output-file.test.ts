import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  descriptorOf,
  outputPlace,
  publishOutput,
  streamFile,
  writeOutputFile,
} from '../../../src/base/output/output-file.ts';
import { refusal } from '../../support/errors.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const NEW = Buffer.from('new');
const replace = { replace: true };

describe('what is written over what', () => {
  test('a new file is made, with its directories, and nothing else is left', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'a', 'b.txt');
    await writeOutputFile(path, NEW, { mode: 0o600 });
    expect(readFileSync(path)).toEqual(NEW);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(lstatSync(path).nlink).toBe(1);
    expect(readdirSync(join(directory, 'a'))).toEqual(['b.txt']);
  });

  test('a regular file is replaced only where that is allowed', async () => {
    const path = join(temporaryDirectory(), 'private.key');
    writeFileSync(path, 'precious');
    await refusal('FILE_EXISTS', () => writeOutputFile(path, NEW));
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await writeOutputFile(path, NEW, replace);
    expect(readFileSync(path)).toEqual(NEW);
  });

  test('a link to a regular file is followed, and stays a link', async () => {
    const directory = temporaryDirectory();
    const [file, link] = [join(directory, 'file'), join(directory, 'link')];
    writeFileSync(file, 'old');
    symlinkSync('file', link);
    await refusal('FILE_EXISTS', () => writeOutputFile(link, NEW));
    await writeOutputFile(link, NEW, replace);
    expect(readlinkSync(link)).toBe('file');
    expect(readFileSync(file)).toEqual(NEW);
  });

  test('a link to a device, to a directory or to nothing is refused, and stays', async () => {
    const directory = temporaryDirectory();
    for (const target of ['/dev/null', '.', 'nowhere']) {
      const link = join(directory, `to-${target.replace(/\W/g, '')}`);
      symlinkSync(target, link);
      await refusal('WRITE_FAILED', () => writeOutputFile(link, NEW, replace));
      expect(readlinkSync(link)).toBe(target);
    }
    expect(existsSync(join(directory, 'nowhere'))).toBe(false);
  });

  test('a directory is refused', async () => {
    const path = join(temporaryDirectory(), 'dir');
    mkdirSync(path);
    await refusal('WRITE_FAILED', () => writeOutputFile(path, NEW, replace));
  });

  test('what came meanwhile is not replaced', async () => {
    const directory = temporaryDirectory();
    const [staged, path] = [join(directory, 'staged'), join(directory, 'out')];
    writeFileSync(staged, NEW);
    expect(outputPlace(path)).toEqual({ kind: 'new', path });
    symlinkSync('/dev/null', path);
    await refusal('WRITE_FAILED', () => publishOutput(staged, path, replace));
    expect(readlinkSync(path)).toBe('/dev/null');
  });

  test('a device is written through and stays a device', async () => {
    await writeOutputFile('/dev/null', NEW);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    const file = join(temporaryDirectory(), 'x');
    writeFileSync(file, NEW);
    await streamFile(file, '/dev/null');
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('a FIFO is written through', async () => {
    const fifo = join(temporaryDirectory(), 'fifo');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    const [content] = await Promise.all([readFile(fifo), writeOutputFile(fifo, NEW)]);
    expect(content).toEqual(NEW);
    expect(lstatSync(fifo).isFIFO()).toBe(true);
  });

  test('names of open files', () => {
    expect(
      ['/dev/stdout', '/dev/stderr', '/dev/fd/63', '/proc/self/fd/1', '/dev/fd/x'].map(descriptorOf),
    ).toEqual([1, 2, 63, 1, undefined]);
    expect(outputPlace('/dev/stdout').kind).toBe('stream');
  });
});
