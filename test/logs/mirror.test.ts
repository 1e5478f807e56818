import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StellaError } from '../../src/base/errors.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { mirrorLog } from '../../src/logs/mirror.ts';
import { checkCarriedLog, tileReader } from '../../src/logs/store.ts';
import { listTileFiles } from '../../src/logs/tile-directory.ts';
import { verifyLog } from '../../src/logs/verify-log.ts';
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts';
import { checkInclusion, proveInclusion } from '../../src/tlog/merkle.ts';
import { formatVerifierKey, signNote, witnessKeyOf } from '../../src/tlog/note.ts';
import { parseWitnessPolicy } from '../../src/tlog/witness-policy.ts';
import { refusal } from '../support/errors.ts';
import { type SyntheticSetting, syntheticSource } from '../support/synthetic-source.ts';
import { temporaryDirectory } from '../support/temp.ts';

const BILLION = 1_000_000_007n;
const key = generateKey();
const source = (size: bigint, setting: SyntheticSetting = {}) => syntheticSource(size, { key, ...setting });
const head = (made: ReturnType<typeof source>) => ({ size: made.tree.size, rootHash: made.tree.root() });

describe('what is fetched', () => {
  test('10,000 entries of a log of a billion take under 60 tiles, and all of them are provable', async () => {
    const log = source(BILLION);
    const into = temporaryDirectory();
    const mirrored = await mirrorLog({ source: log, keys: [log.key], into });
    expect(log.requests.length).toBeLessThan(60);
    expect(new Set(log.requests).size).toBe(log.requests.length);
    expect(mirrored.firstIndex).toBeLessThanOrEqual(BILLION - 10_000n);
    expect([...mirrored.files].sort()).toEqual(['checkpoint', ...log.requests].sort());
    const reader = tileReader(into, mirrored);
    for (const index of [mirrored.firstIndex, BILLION - 5000n, BILLION - 1n]) {
      const proof = await proveInclusion(reader, index, BILLION);
      checkInclusion({ index, size: BILLION, leafHash: log.tree.leaf, proof, rootHash: mirrored.rootHash });
    }
    await refusal('LOG_CONSISTENCY_UNPROVEN', () =>
      proveInclusion(reader, mirrored.firstIndex - 1n, BILLION),
    );
    expect(await checkCarriedLog(into, { keys: [log.key] })).toMatchObject({
      firstIndex: mirrored.firstIndex,
    });
  });

  test('growth from every earlier head is provable, each for a few tiles more', async () => {
    const earlier = [1n, 255n, 256n, 70_000n, 123_456_789n, 999_000_000n, BILLION].map((size) =>
      head(source(size)),
    );
    const log = source(BILLION);
    const into = temporaryDirectory();
    const mirrored = await mirrorLog({ source: log, keys: [log.key], into, consistentFrom: earlier });
    expect(mirrored.consistentFrom).toEqual(earlier.map(({ size }) => size));
    expect(log.requests.length).toBeLessThan(60 + 8 * earlier.length);
    for (const previous of earlier) await checkCarriedLog(into, { keys: [log.key], previous });
    const unknown = head(source(500_000_001n));
    await refusal('LOG_CONSISTENCY_UNPROVEN', () =>
      checkCarriedLog(into, { keys: [log.key], previous: unknown }),
    );
  });

  test('requests in flight are bounded', async () => {
    const log = source(100_000n);
    await mirrorLog({
      source: log,
      keys: [log.key],
      into: temporaryDirectory(),
      depth: 100_000n,
      inFlight: 5,
    });
    expect(log.mostInFlight).toBeLessThanOrEqual(5);
    expect(log.mostInFlight).toBeGreaterThan(1);
  });

  test('nothing is fetched twice: a second run, and a run after the log has grown', async () => {
    const into = temporaryDirectory();
    const log = source(300_000n);
    const first = await mirrorLog({ source: log, keys: [log.key], into });
    const again = source(300_000n);
    expect(await mirrorLog({ source: again, keys: [log.key], into })).toMatchObject({
      fetched: 0,
      files: first.files,
    });
    expect(again.requests).toEqual([]);
    const grown = source(300_500n);
    const later = await mirrorLog({ source: grown, keys: [log.key], into, consistentFrom: [first] });
    expect(later.consistentFrom).toEqual([300_000n]);
    expect(grown.requests.length).toBeLessThan(8);
    await checkCarriedLog(into, { keys: [log.key], previous: first });
  });

  test('a file on disk that is damaged, short or long is fetched again', async () => {
    const into = temporaryDirectory();
    const log = source(70_000n);
    const { files } = await mirrorLog({ source: log, keys: [log.key], into });
    const tiles = files.filter((path) => path !== 'checkpoint');
    for (const [i, path] of tiles.entries())
      writeFileSync(
        join(into, path),
        [Buffer.alloc(8192, 7), Buffer.alloc(3), Buffer.alloc(9000), ''][i % 4]!,
      );
    const again = source(70_000n);
    expect(await mirrorLog({ source: again, keys: [log.key], into })).toMatchObject({
      fetched: tiles.length,
    });
    await checkCarriedLog(into, { keys: [log.key] });
  });

  test('progress ends at its total', async () => {
    const log = source(70_000n);
    const seen: { done: number; total: number; bytes: number }[] = [];
    const onProgress = (step: { done: number; total: number; bytes: number }) => void seen.push(step);
    await mirrorLog({ source: log, keys: [log.key], into: temporaryDirectory(), entries: true, onProgress });
    expect(seen.at(-1)).toMatchObject({ done: seen.length, total: seen.length });
    expect(seen.at(-1)!.bytes).toBeGreaterThan(40 * 8192);
  });

  test('several logs are mirrored at once, each into its own directory', async () => {
    const root = temporaryDirectory();
    const logs = ['a', 'b', 'c'].map((name) => source(5000n, { origin: `logs.example.com/${name}` }));
    const done = await Promise.all(
      logs.map((log, i) => mirrorLog({ source: log, keys: [log.key], into: join(root, String(i)) })),
    );
    expect(done.map(({ origin }) => origin)).toEqual(
      ['a', 'b', 'c'].map((name) => `logs.example.com/${name}`),
    );
  });

  test('entry bundles come along when asked for', async () => {
    const into = temporaryDirectory();
    const log = source(70_000n, { odd: 69_000n });
    await mirrorLog({ source: log, keys: [log.key], into, depth: 2000n, entries: true });
    expect(await verifyLog(into, { keys: [log.key] })).toMatchObject({
      entries: 70_000n - 67_840n,
      firstIndex: 67_840n,
    });
  });

  test('an empty log has a checkpoint and nothing else', async () => {
    const log = source(0n);
    const into = temporaryDirectory();
    expect(await mirrorLog({ source: log, keys: [log.key], into })).toMatchObject({
      files: ['checkpoint'],
      firstIndex: 0n,
    });
    expect(await checkCarriedLog(into, { keys: [log.key] })).toMatchObject({ leaves: 0n, firstIndex: 0n });
  });
});

describe('pruned logs', () => {
  test('are mirrored as far as they go, and say so', async () => {
    const log = source(BILLION, { minimumIndex: BILLION - 3000n });
    const into = temporaryDirectory();
    const mirrored = await mirrorLog({
      source: log,
      keys: [log.key],
      into,
      consistentFrom: [head(source(1000n))],
    });
    expect(mirrored.firstIndex).toBeGreaterThan(BILLION - 3400n);
    expect(mirrored.firstIndex).toBeLessThanOrEqual(BILLION - 3000n);
    expect(mirrored.consistentFrom).toEqual([]);
    expect(await checkCarriedLog(into, { keys: [log.key] })).toMatchObject({
      firstIndex: mirrored.firstIndex,
    });
  });

  test('a log that lacks its own right edge is refused', async () => {
    const log = source(70_000n);
    const gone = {
      ...log,
      fetchTile: (tile: Parameters<typeof log.fetchTile>[0]) =>
        tile.width < 256 ? Promise.reject(new StellaError('FETCH_NOT_FOUND', 'gone')) : log.fetchTile(tile),
    };
    await refusal('FETCH_NOT_FOUND', () =>
      mirrorLog({ source: gone, keys: [log.key], into: temporaryDirectory() }),
    );
  });
});

describe('attacks: refused with a code, and nothing of it kept', () => {
  const flip = (bytes: Uint8Array, at: number) => {
    const copy = Uint8Array.from(bytes);
    copy[at]! ^= 1;
    return copy;
  };

  test.each([
    ['a tile that is too short', 'TILE_INVALID', 'tile/0/272', (b: Uint8Array) => b.subarray(32)],
    ['a tile that is too long', 'TILE_INVALID', 'tile/0/272', (b: Uint8Array) => Buffer.concat([b, b])],
    ['an empty tile', 'TILE_INVALID', 'tile/0/272', () => new Uint8Array()],
    [
      'a right edge of the wrong length',
      'TILE_INVALID',
      'tile/0/273.p/112',
      (b: Uint8Array) => b.subarray(1),
    ],
    ['a wrong hash at level 0', 'ROOT_MISMATCH', 'tile/0/272', (b: Uint8Array) => flip(b, 4000)],
    ['a wrong hash deep in a level', 'ROOT_MISMATCH', 'tile/1/000', (b: Uint8Array) => flip(b, 8191)],
    ['a wrong hash at the right edge', 'ROOT_MISMATCH', 'tile/1/001.p/17', (b: Uint8Array) => flip(b, 0)],
    ['a wrong hash at the top', 'ROOT_MISMATCH', 'tile/2/000.p/1', (b: Uint8Array) => flip(b, 31)],
  ] as const)('%s', async (_, code, victim, change) => {
    const tamper = (bytes: Uint8Array, path: string) => (path === victim ? change(bytes) : bytes);
    const log = source(70_000n, { tamper });
    const into = temporaryDirectory();
    await refusal(code, () => mirrorLog({ source: log, keys: [log.key], into, depth: 70_000n }));
    expect(log.requests).toContain(victim);
    expect(existsSync(join(into, 'checkpoint'))).toBe(false);
    expect([...listTileFiles(into)]).not.toContain(victim);
    // What was kept before the refusal is good: an honest server completes it.
    const honest = source(70_000n);
    await mirrorLog({ source: honest, keys: [log.key], into, depth: 70_000n });
    await checkCarriedLog(into, { keys: [log.key] });
  });

  test('a server that mixes two logs', async () => {
    const one = source(70_000n);
    const two = source(70_000n, { odd: 66_000n });
    let n = 0;
    const mixed = {
      ...one,
      fetchTile: (tile: Parameters<typeof one.fetchTile>[0]) => (n++ % 2 ? two : one).fetchTile(tile),
    };
    await refusal('ROOT_MISMATCH', () =>
      mirrorLog({ source: mixed, keys: [one.key], into: temporaryDirectory() }),
    );
  });

  test('a checkpoint by another key, of another origin, or malformed', async () => {
    const log = source(5000n);
    const into = temporaryDirectory();
    const stranger = syntheticSource(5000n);
    await refusal('CHECKPOINT_SIGNATURE', () => mirrorLog({ source: stranger, keys: [log.key], into }));
    const elsewhere = source(5000n, { origin: 'logs.example.com/other' });
    await refusal('CHECKPOINT_ORIGIN', () =>
      mirrorLog({ source: elsewhere, keys: [elsewhere.key], origin: 'logs.example.com/synthetic', into }),
    );
    const huge = {
      ...log,
      fetchCheckpoint: async () => Buffer.from(`o\n${2n ** 63n}\nAAAA\n\n— o AAAAAAAA\n`),
    };
    await refusal('CHECKPOINT_INVALID', () => mirrorLog({ source: huge, keys: [log.key], into }));
    expect(readdirSync(into)).toEqual([]);
  });

  test('a log that became smaller', async () => {
    const log = source(5000n);
    const into = temporaryDirectory();
    for (const earlier of [head(source(5001n)), 5001n]) {
      const error = await refusal('LOG_ROLLBACK', () =>
        mirrorLog({ source: log, keys: [log.key], into, consistentFrom: [earlier] }),
      );
      expect(error.details).toMatchObject({ previous: { size: '5001' }, current: { size: '5000' } });
      expect(error.details).toMatchObject({
        current: { checkpoint: expect.stringContaining('synthetic\n5000\n') },
      });
    }
  });

  test.each([[4000n], [5000n]])('a log rewritten since size %d: both heads are shown', async (size) => {
    const log = source(5000n, { odd: 17n });
    const into = temporaryDirectory();
    const earlier = head(source(size));
    const error = await refusal('LOG_FORK', () =>
      mirrorLog({ source: log, keys: [log.key], into, consistentFrom: [earlier] }),
    );
    expect(error.details).toMatchObject({
      previous: { size: String(size), root_hash: Buffer.from(earlier.rootHash).toString('hex') },
      current: { size: '5000', root_hash: Buffer.from(log.tree.root()).toString('hex') },
    });
    expect(existsSync(join(into, 'checkpoint'))).toBe(false);
  });

  test('entry bundles that do not hash to their tile, or hold too few or too many', async () => {
    const log = source(5000n);
    const other = source(5000n, { odd: 4242n });
    const into = temporaryDirectory();
    const wrong = { ...log, fetchEntryBundle: other.fetchEntryBundle.bind(other) };
    await refusal('LOG_ENTRY_INVALID', () =>
      mirrorLog({ source: wrong, keys: [log.key], into, entries: true }),
    );
    const short = { ...log, fetchEntryBundle: async () => new Uint8Array(4) };
    await refusal('LOG_ENTRY_INVALID', () =>
      mirrorLog({ source: short, keys: [log.key], into, entries: true }),
    );
    expect(existsSync(join(into, 'checkpoint'))).toBe(false);
  });

  test('a signed size near 2^63 with nothing behind it', async () => {
    const log = source(2n ** 63n - 1n);
    const empty = { ...log, fetchTile: async () => new Uint8Array() };
    await refusal('TILE_INVALID', () =>
      mirrorLog({ source: empty, keys: [log.key], into: temporaryDirectory() }),
    );
    // An honest log of that size is mirrored like any other.
    const mirrored = await mirrorLog({ source: log, keys: [log.key], into: temporaryDirectory() });
    expect(mirrored.files.length).toBeLessThan(60);
  });

  test('a checkpoint without its quorum of witnesses, on both sides', async () => {
    const log = source(500n);
    const witness = formatVerifierKey(witnessKeyOf('witness.example', generateKey().publicKey));
    const policy = parseWitnessPolicy(Buffer.from(`witness w ${witness}\nquorum w\n`));
    const into = temporaryDirectory();
    await refusal('WITNESS_QUORUM', () => mirrorLog({ source: log, keys: [log.key], into, policy }));
    expect(readdirSync(into)).toEqual([]);
    await mirrorLog({ source: log, keys: [log.key], into });
    await refusal('WITNESS_QUORUM', () => checkCarriedLog(into, { keys: [log.key], policy }));
  });
});

describe('a carried directory', () => {
  async function carried(size = 70_000n) {
    const into = temporaryDirectory();
    const log = source(size);
    const mirrored = await mirrorLog({ source: log, keys: [log.key], into, depth: 10_000n });
    return { into, log, mirrored };
  }

  test('with an altered tile is refused, whichever it is', async () => {
    const { into, log, mirrored } = await carried(3000n);
    for (const path of mirrored.files.slice(1)) {
      const good = log.tree.tile({
        level: Number(path[5]),
        index: BigInt(path.slice(7, 10)),
        width: Number(path.split('.p/')[1] ?? 256),
      });
      const bad = Uint8Array.from(good);
      bad[7]! ^= 1;
      writeFileSync(join(into, path), bad);
      await refusal('ROOT_MISMATCH', () => checkCarriedLog(into, { keys: [log.key] }));
      writeFileSync(join(into, path), good.subarray(0, 32 * 3 + 1));
      await refusal('TILE_INVALID', () => checkCarriedLog(into, { keys: [log.key] }));
      writeFileSync(join(into, path), good);
    }
    await checkCarriedLog(into, { keys: [log.key] });
  });

  test('without its right edge, or with a file that is no tile, is refused', async () => {
    const { into, log } = await carried();
    writeFileSync(join(into, 'tile/0/notes.txt'), 'x');
    await refusal('TILE_INVALID', () => checkCarriedLog(into, { keys: [log.key] }));
    rmSync(join(into, 'tile'), { recursive: true });
    await refusal('TILE_INVALID', () => checkCarriedLog(into, { keys: [log.key] }));
  });

  test('with the checkpoint of a fork is refused, signed though it is', async () => {
    const { into, log, mirrored } = await carried();
    const rootHash = source(70_000n, { odd: 5n }).tree.root();
    const forged = formatCheckpoint({ origin: log.key.name, size: 70_000n, rootHash, extensions: [] });
    writeFileSync(join(into, 'checkpoint'), await signNote(forged, log.key.name, signerOf(key)));
    await refusal('ROOT_MISMATCH', () => checkCarriedLog(into, { keys: [log.key], previous: mirrored }));
  });

  test('that is smaller than, or contradicts, what is held is refused', async () => {
    const { into, log } = await carried();
    const larger = head(source(70_001n));
    await refusal('LOG_ROLLBACK', () => checkCarriedLog(into, { keys: [log.key], previous: larger }));
    const fork = head(source(69_000n, { odd: 5n }));
    await refusal('LOG_FORK', () => checkCarriedLog(into, { keys: [log.key], previous: fork }));
  });
});
