import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { CONTENTS, forgeKey, framesOf, join as joinFrames, pack } from '../../bundles/hostile/forge.ts';
import { fuzzBundles } from '../../bundles/hostile/fuzz.ts';
import { filesBelow, judge } from '../../bundles/hostile/judge.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** `npm run fuzz:bundle` makes 100,000; `npm run test:altered-bundles` tries every byte here. */
const isLong = process.env['STELLA_LONG_TESTS'] !== undefined;
const COUNT = isLong ? 10_000 : 400;

test(`of ${COUNT} mutations of good bundles none is accepted altered, crashes, or leaves anything behind`, async () => {
  const { outcomes, count } = await fuzzBundles(COUNT, 424_242);
  expect(Object.values(outcomes).reduce((sum, n) => sum + n, 0)).toBe(count);
  expect(Object.keys(outcomes).length).toBeGreaterThan(5);
});

const frames = framesOf(CONTENTS);

const others = await pack(frames);

/** Where the fields of a tar header begin, and where the last one ends. */
const FIELDS = [0, 100, 108, 116, 124, 136, 156, 157, 257, 263, 265, 297, 329, 337, 345, 500, 512];
const BYTES = isLong
  ? Array.from({ length: 512 }, (_, i) => i)
  : [...new Set(FIELDS.flatMap((at) => [at - 1, at, at + 4]))].filter((at) => at >= 0 && at < 512);

/** The tar stream of one frame with one bit of it flipped, and the header's checksum made to fit again. */
async function flipped(section: number, block: number, bit: number): Promise<Buffer> {
  const tar = Buffer.from([frames.head, ...frames.sections][section]!);
  const header = tar.subarray(block, block + 512);
  header[bit >> 3]! ^= 1 << (bit & 7);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')} \0`, 148, 8, 'latin1');
  const packed = await pack({ head: tar, sections: [] });
  return joinFrames({
    frames: others.frames.with(section, packed.frames[0]!),
    table: others.table.with(section, packed.table[0]!),
  });
}

test.each([
  ['manifest.json', 0, 0],
  ['an attestation', 1, 0],
  ['a tile', 2, 1024],
])('a flipped bit in any field of the header of %s is refused', async (_, section, block) => {
  const directory = temporaryDirectory();
  // One bit of every byte, but for the checksum's, which is made to fit.
  for (const byte of BYTES) {
    if (byte >= 148 && byte < 156) continue;
    const bytes = await flipped(section, block, byte * 8 + (byte % 8));
    const inside = join(directory, `inside-${byte}`);
    mkdirSync(inside);
    expect(await judge(Readable.from([bytes]), inside, forgeKey), `byte ${byte}`).not.toBe('accepted');
  }
  expect(filesBelow(directory).size).toBe(0);
});

test('a flipped bit in any byte of the file is refused, or changes nothing', async () => {
  const good = joinFrames(await pack(frames));
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'good'));
  expect(await judge(Readable.from([good]), join(directory, 'good'), forgeKey)).toBe('accepted');
  const sealed = filesBelow(join(directory, 'good', 'out'));
  let accepted = 0;
  for (let byte = 0; byte < good.length; byte += isLong ? 1 : 5) {
    const bytes = Buffer.from(good);
    bytes[byte]! ^= 1 << (byte % 8);
    const inside = join(directory, `inside-${byte}`);
    mkdirSync(inside);
    if ((await judge(Readable.from([bytes]), inside, forgeKey)) !== 'accepted') continue;
    accepted += 1;
    expect(filesBelow(join(inside, 'out'))).toEqual(sealed);
  }
  // Window sizes, and bits that the compressed form does not use.
  expect(accepted).toBeLessThan(good.length * 0.02);
});
