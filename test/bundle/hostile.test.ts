import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { HostileArchive } from '../../bundles/hostile/archive.ts';
import { forgeKey, hostileArchives } from '../../bundles/hostile/archives.ts';
import { CONTENTS, framesOf, join as joinFrames, pack } from '../../bundles/hostile/forge.ts';
import { filesBelow, judge } from '../../bundles/hostile/judge.ts';
import { processorTime } from '../support/processor-time.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** Slowest that any of them may be, in milliseconds. */
const MOST_TIME = 2000;

test('the forge makes good archives where nothing is wrong', async () => {
  const directory = temporaryDirectory();
  const bytes = joinFrames(await pack(framesOf(CONTENTS)));
  writeFileSync(join(directory, 'good'), bytes);
  expect(await judge(join(directory, 'good'), directory, forgeKey)).toBe('accepted');
  const other = temporaryDirectory();
  expect(await judge(Readable.from([bytes]), other, forgeKey)).toBe('accepted');
});

const archives: HostileArchive[] = [];
for await (const archive of hostileArchives()) archives.push(archive);

test('there are many, and no two of one name', () => {
  expect(archives.length).toBeGreaterThan(150);
  expect(new Set(archives.map(({ name }) => name)).size).toBe(archives.length);
});

test.each(archives)('$name: $code', async ({ bytes, code, pipeCode }) => {
  const directory = temporaryDirectory();
  const file = join(directory, 'bundle.tar.zst');
  writeFileSync(file, bytes);
  const inside = join(directory, 'inside');
  for (const [input, expected] of [
    [file, code],
    [Readable.from(pieces(bytes)), pipeCode ?? code],
  ] as const) {
    mkdirSync(inside, { recursive: true });
    const spent = processorTime();
    expect(await judge(input, inside, forgeKey)).toBe(expected);
    expect(spent()).toBeLessThan(MOST_TIME);
    expect([...filesBelow(inside).keys()]).toEqual([]);
  }
  expect([...filesBelow(directory).keys()]).toEqual(['bundle.tar.zst']);
});

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
  if (bytes.length === 0) yield bytes;
}
