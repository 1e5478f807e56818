/**
 * Mutates good bundles and watches what becomes of them: `node bundles/hostile/fuzz.ts [COUNT] [SEED]`. Nothing altered
 * may be accepted, nothing may crash, be left behind, or take more than 2 s or 300 MB.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { noise } from '../../test/support/bundle.ts';
import { CONTENTS, forgeKey, framesOf, join as joinFrames, pack, repack } from './forge.ts';
import { filesBelow, judge } from './judge.ts';
import { mutate, randomOf } from './mutate.ts';

export interface FuzzSummary {
  readonly count: number;
  /** Refusals by code; `accepted` counts those that came to exactly what was sealed. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowest: number;
  /** The most resident memory of the process, in bytes. */
  readonly memory: number;
}

const MOST_TIME = 2000;
const MOST_MEMORY = 300e6;

/** Bundles to start from: with every folder, with larger content, with a long path, and packed again by another tar. */
async function goodBundles(): Promise<Buffer[]> {
  const larger = CONTENTS.map((one, i) => (i === 2 ? { ...one, content: noise(20_000) } : one));
  const long = { path: `tuf/targets/${'n'.repeat(120)}`, content: Buffer.from('long') };
  const contents = [
    CONTENTS,
    larger,
    [...CONTENTS.slice(0, 4), long, CONTENTS[4]!].sort((a, b) => (a.path < b.path ? -1 : 1)),
  ];
  const sealed = await Promise.all(contents.map(async (one) => joinFrames(await pack(framesOf(one)))));
  const { head, sections } = framesOf(CONTENTS);
  return [...sealed, repack(head, ...sections)];
}

/** @throws Error that names the seed of a mutation with which something is wrong */
export async function fuzzBundles(
  count: number,
  seed: number,
  onProgress?: (done: number) => void,
): Promise<FuzzSummary> {
  const root = mkdtempSync(join(tmpdir(), 'stella-fuzz-'));
  const good = await goodBundles();
  const outcomes: Record<string, number> = {};
  let slowest = 0;
  try {
    const sealed = await Promise.all(good.map((bytes, i) => contentOf(bytes, join(root, `good-${i}`))));
    for (let i = 0; i < count; i += 1) {
      const random = randomOf(seed + i);
      const chosen = random(good.length);
      const bytes = await mutate(good[chosen]!, good[random(good.length)]!, random);
      const directory = join(root, 'case');
      const inside = join(directory, 'inside');
      mkdirSync(inside, { recursive: true });
      const input = i % 2 === 0 ? join(directory, 'x') : Readable.from([bytes]);
      if (typeof input === 'string') writeFileSync(input, bytes);
      const start = performance.now();
      const outcome = await judge(input, inside, forgeKey).catch((error: unknown) => {
        throw new Error(`seed ${seed + i}: crashed`, { cause: error });
      });
      const time = performance.now() - start;
      slowest = Math.max(slowest, time);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      const left = filesBelow(directory);
      left.delete('x');
      if (outcome === 'accepted' && !sealed.some((content) => isSame(content, left)))
        throw new Error(`seed ${seed + i}: something altered was accepted`);
      if (outcome !== 'accepted' && left.size > 0)
        throw new Error(`seed ${seed + i}: left behind: ${[...left.keys()].join(', ')}`);
      if (time > MOST_TIME) throw new Error(`seed ${seed + i}: took ${Math.round(time)} ms`);
      if (process.memoryUsage.rss() > MOST_MEMORY) throw new Error(`seed ${seed + i}: took more than 300 MB`);
      rmSync(directory, { recursive: true });
      onProgress?.(i + 1);
    }
    return { count, outcomes, slowest, memory: process.resourceUsage().maxRSS * 1024 };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function contentOf(bytes: Buffer, directory: string): Promise<Map<string, string>> {
  mkdirSync(join(directory, 'inside'), { recursive: true });
  const outcome = await judge(Readable.from([bytes]), join(directory, 'inside'), forgeKey);
  if (outcome !== 'accepted') throw new Error(`a good bundle was refused: ${outcome}`);
  const files = filesBelow(directory);
  rmSync(directory, { recursive: true });
  return files;
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, content]) => b.get(path) === content);
}

if (import.meta.main) {
  const [count = 100_000, seed = 1] = process.argv.slice(2).map(Number);
  const start = performance.now();
  const summary = await fuzzBundles(count, seed, (done) => {
    if (done % 10_000 === 0) console.error(`${done} of ${count}`);
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(
    JSON.stringify(
      {
        ...summary,
        slowest: `${Math.round(summary.slowest)} ms`,
        memory: `${Math.round(summary.memory / 1e6)} MB`,
        seconds,
      },
      null,
      2,
    ),
  );
}
