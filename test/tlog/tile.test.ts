import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import { formatEntryBundle, parseEntryBundle } from '../../src/tlog/entry-bundle.ts';
import { entryBundlePath, parseTilePath, rightEdge, tilePath, tileWidth } from '../../src/tlog/tile.ts';
import { plannedTiles, planTiles } from '../../src/tlog/tile-plan.ts';
import { refusal } from '../support/errors.ts';

describe('paths', () => {
  test.each([
    [{ level: 0, index: 0n, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 1_234_067n, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 2, index: 1000n, width: 255 }, 'tile/2/x001/000.p/255'],
    [{ level: 63, index: 999n, width: 1 }, 'tile/63/999.p/1'],
    [{ level: 0, index: 2n ** 55n - 1n, width: 256 }, 'tile/0/x036/x028/x797/x018/x963/967'],
  ])('%o ↔ %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual({ kind: 'tile', ...tile });
    const bundle = { index: tile.index, width: tile.width };
    expect(parseTilePath(entryBundlePath(bundle))).toEqual({ kind: 'entries', ...bundle });
  });

  test.each([
    '', 'tile', 'tile/0', 'tile/0/', 'tile/0/00', 'tile/0/0000', 'tile/0/x000/000', 'tile/0/x000/x001/000', 'tile/00/000',
    'tile/64/000', 'tile/0/x018/x446/x744/x073/x709/x551/616', 'tile/0/x999/x999/x999/x999/x999/x999/999', 'tile/-1/000', 'tile/0/001/000', 'tile/0/x001', 'tile/0/000.p', 'tile/0/000.p/', 'tile/0/000.p/0',
    'tile/0/000.p/256', 'tile/0/000.p/257', 'tile/0/000.p/01', 'tile/0/000.p/1000', 'tile/data/000', '/tile/0/000',
    'tile/0/000/', '../tile/0/000', 'tile/0/000\n', 'tile/entries/000.P/1', 'tile/0/x001/x001/x001/x001/x001/x001/x001/x001',
  ])('%j is refused', async (path) => {
    await refusal('TILE_INVALID', () => parseTilePath(path));
  }); // biome-ignore format: a list

  test('any text gives a place that is spelled so, or TILE_INVALID', () => {
    const part = fc.constantFrom('tile', '/', '0', 'entries', '000', 'x001', '.p/', '7', '256', '999');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
        const path = parts.join('');
        try {
          const place = parseTilePath(path);
          expect(place.kind === 'tile' ? tilePath(place) : entryBundlePath(place)).toBe(path);
        } catch (error) {
          if (!isStellaError(error, 'TILE_INVALID')) throw error;
        }
      }),
    );
  });
});

test('a tree of 70,000 entries has the tiles that the C2SP document counts', () => {
  expect([tileWidth(0, 272n, 70_000n), tileWidth(0, 273n, 70_000n), tileWidth(0, 274n, 70_000n)]).toEqual([
    256, 112, 0,
  ]);
  expect(rightEdge(70_000n)).toEqual([
    { level: 0, index: 273n, width: 112 },
    { level: 1, index: 1n, width: 17 },
    { level: 2, index: 0n, width: 1 },
  ]);
  expect(rightEdge(256n)).toEqual([{ level: 1, index: 0n, width: 1 }]);
  expect(rightEdge(0n)).toEqual([]);
});

describe('entry bundles', () => {
  test('are read and written unchanged', () => {
    const entry = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 256 }), (entries) => {
        const read = parseEntryBundle(formatEntryBundle(entries), entries.length);
        expect(read.map((each) => [...each])).toEqual(entries.map((each) => [...each]));
      }),
    );
  });

  test('any bytes give exactly as many entries as wanted, or LOG_ENTRY_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 256 }), (bytes, width) => {
        try {
          expect(Buffer.from(formatEntryBundle(parseEntryBundle(bytes, width)))).toEqual(Buffer.from(bytes));
        } catch (error) {
          if (!isStellaError(error, 'LOG_ENTRY_INVALID')) throw error;
        }
      }),
    );
  });

  test.each([
    ['one entry too few', [0, 1, 7], 2],
    ['one entry too many', [0, 1, 7, 0, 0], 1],
    ['half a length', [0, 1, 7, 0], 2],
    ['a length beyond the end', [0, 9, 7], 1],
    ['nothing', [], 1],
  ])('%s is refused', async (_, bytes, width) => {
    await refusal('LOG_ENTRY_INVALID', () => parseEntryBundle(Uint8Array.from(bytes), width));
  });

  test('an entry of 65,536 bytes does not fit', async () => {
    expect(formatEntryBundle([new Uint8Array(65_535)])).toHaveLength(65_537);
    await refusal('LOG_ENTRY_INVALID', () => formatEntryBundle([new Uint8Array(65_536)]));
  });
});

describe('planning', () => {
  const count = (size: bigint, depth: bigint, from: bigint[] = []) => {
    const plan = planTiles(size, depth, from);
    const tiles = plan.levels.flatMap((level) => [...plannedTiles(plan, level)]);
    expect(BigInt(tiles.length)).toBe(plan.count);
    expect(new Set(tiles.map(tilePath)).size).toBe(tiles.length);
    return tiles.length;
  };

  test('10,000 of a billion entries take under 60 tiles', () => {
    for (const size of [10n ** 9n, 10n ** 9n + 1n, 2n ** 30n, 2n ** 30n - 1n, 999_999_744n])
      expect(count(size, 10_000n)).toBeLessThan(60);
  });

  test('each earlier size adds a few tiles at most for each level', () => {
    const size = 10n ** 9n;
    const base = count(size, 10_000n);
    for (const from of [1n, 255n, 256n, 123_456_789n, 2n ** 29n, size - 20_000n, size])
      expect(count(size, 10_000n, [from]) - base).toBeLessThanOrEqual(2 * 4);
  });

  test('a depth of nothing, of everything, and of more than there is', () => {
    expect(count(0n, 10n)).toBe(0);
    expect(count(1n, 0n)).toBe(1);
    expect(count(256n, 0n)).toBe(1);
    expect(count(70_000n, 70_000n)).toBe(count(70_000n, 10n ** 30n));
    expect(count(70_000n, 70_000n)).toBe(274 + 2 + 1);
    expect(planTiles(70_000n, 10_000n, []).firstIndex).toBe(59_904n);
    expect(planTiles(256n, 0n, []).firstIndex).toBe(256n);
  });
});
