import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { startFileDigest } from '../../src/base/file-digest.ts';
import { temporaryDirectory } from '../support/temp.ts';

test('a file is hashed beside other work', async () => {
  const bytes = Buffer.alloc(9 * 2 ** 20 + 1, 'x');
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, bytes);
  const digest = startFileDigest(path);
  expect(await digest.sha256).toBe(sha256Hex(bytes));
  await digest.stop();
});

test('a file that is not there, or a digest that is given up, is no digest', async () => {
  expect(await startFileDigest('/nowhere/at/all').sha256).toBeUndefined();
  const digest = startFileDigest('/dev/zero');
  await digest.stop();
  expect(await digest.sha256).toBeUndefined();
});
