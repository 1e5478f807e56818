import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseShard, shardOf } from '../../../src/attest/batch/shard.ts';
import type { ErrorCode } from '../../../src/base/codes.ts';
import { stella } from '../../support/cli.ts';
import { refusal } from '../../support/errors.ts';
import { makeSite, type Site } from '../../support/site.ts';
import { temporaryTree } from '../../support/temp.ts';

/** `npm run test:scale` asks for 100,000. */
const COUNT = Number(process.env['STELLA_TEST_ATTESTATIONS'] ?? 400);
const SHARDS = 4;
const TIMEOUT = COUNT > 1000 ? 3_600_000 : 60_000;

let site: Site;
let base: string;
beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
  const directory = join(site.home, 'many');
  mkdirSync(directory);
  // One file system takes so many links of one file.
  const [most, text] = [30_000, readFileSync(join(site.home, 'attestation.json'))];
  let origin = '';
  for (let i = 0; i < COUNT; i += 1) {
    const path = join(directory, `${String(i).padStart(6, '0')}.json`);
    if (i % most === 0) {
      origin = path;
      writeFileSync(path, text);
    } else linkSync(origin, path);
  }
}, TIMEOUT);

/** Runs one shard and returns the file that its output is in. */
async function runShard(
  index: number,
  options: {
    name?: string;
    paths?: string[];
    expect?: number;
    flags?: readonly string[];
    env?: Record<string, string>;
    now?: number;
  } = {},
) {
  const { paths = ['many'], flags = [], env = {}, now = site.now } = options;
  const shard = ['--shard', `${index}/${SHARDS}`, '--json', '--jobs', '2'];
  const result = await stella(['attest', 'verify', ...paths, ...shard, ...flags], {
    env: { HOME: site.home, ...env },
    cwd: site.home,
    now,
  });
  expect(result.status, result.stderr).toBe(options.expect ?? 0);
  const file = join(base, options.name ?? `shard-${index}.jsonl`);
  writeFileSync(file, result.stdout);
  return file;
}

const merge = (files: readonly string[], ...flags: string[]) =>
  stella(['attest', 'merge', ...files, ...flags]);
const linesOf = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');

describe('shards of one verification', () => {
  let files: string[];
  beforeAll(async () => {
    files = [];
    for (let i = 1; i <= SHARDS; i += 1) files.push(await runShard(i));
  }, TIMEOUT);

  test('every attestation is in one shard, and the shards are of about the same size', async () => {
    const sources = files.flatMap((file) =>
      linesOf(file)
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { source: string }).source),
    );
    expect(new Set(sources).size).toBe(COUNT);
    expect(sources).toHaveLength(COUNT);
    for (const file of files) {
      const share = (linesOf(file).length - 1) / COUNT;
      expect(Math.abs(share - 1 / SHARDS)).toBeLessThan(COUNT > 1000 ? 0.02 : 0.1);
    }
  });

  test(
    'merged they give the answer of a single run',
    async () => {
      const merged = await merge(files);
      expect(merged).toMatchObject({ status: 0 });
      expect(merged.stdout).toBe(
        `${COUNT.toLocaleString('en-US')} attestations verified, 0 not, in 4 shards\n`,
      );
      const lines = (await merge(files.toReversed(), '--json')).stdout.trimEnd().split('\n');
      expect(lines).toHaveLength(COUNT);
      expect(JSON.parse(lines[0]!)).toMatchObject({ verified: true });
    },
    TIMEOUT,
  );

  test(
    'run again, a shard is the same',
    async () => {
      expect(readFileSync(await runShard(2, { name: 'again.jsonl' }))).toEqual(readFileSync(files[1]!));
    },
    TIMEOUT,
  );

  test.each<[string, (files: string[]) => string[], string]>([
    ['missing', (all) => all.filter((_, i) => i !== 2), '1 of 4 shards are missing: 3'],
    ['there twice', (all) => [...all, all[0]!], 'are both shard 1'],
    ['cut off', (all) => altered(all, (lines) => lines.slice(0, -1)), 'does not end as'],
    ['without a verdict', (all) => altered(all, (lines) => lines.slice(1)), 'its last line speaks of'],
    [
      'with a verdict twice',
      (all) => altered(all, (lines) => [lines[0]!, ...lines]),
      'its last line speaks of',
    ],
    ['no JSON', (all) => altered(all, (lines) => ['nonsense', ...lines]), 'is not JSON'],
    [
      'something else',
      (all) => altered(all, (lines) => ['{"a":1}', ...lines]),
      'must have required property',
    ],
    ['going on', (all) => altered(all, (lines) => [...lines, lines[0]!]), 'goes on after its last line'],
    [
      'with a verdict that contradicts itself',
      (all) =>
        altered(all, (lines) => [
          lines[0]!.replace('"verified":true', '"verified":false'),
          ...lines.slice(1),
        ]),
      'contradicts itself',
    ],
    [
      'of another number of shards',
      (all) =>
        altered(all, (lines) => [...lines.slice(0, -1), lines.at(-1)!.replace('"count":4', '"count":5')]),
      'one of 4 shards',
    ],
    [
      'of other inputs',
      (all) =>
        altered(all, (lines) => [
          ...lines.slice(0, -1),
          lines.at(-1)!.replace(/(?<="inputs_sha256":")[0-9a-f]{64}/, 'a'.repeat(64)),
        ]),
      'shards of different inputs',
    ],
  ])('a shard that is %s is refused', async (_, change, message) => {
    const merged = await merge(change([...files]));
    expect(merged).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('[SHARDS_INCOMPLETE]'),
    });
    expect(merged.stderr).toContain(message);
  });

  function altered(all: string[], change: (lines: string[]) => string[]): string[] {
    const file = join(base, 'altered.jsonl');
    writeFileSync(file, `${change(linesOf(all[1]!)).join('\n')}\n`);
    return [all[0]!, file, all[2]!, all[3]!];
  }
});

describe('shards of different runs', () => {
  let strict: string[];
  beforeAll(async () => {
    const directory = join(site.home, 'few');
    mkdirSync(directory);
    linkSync(join(site.home, 'attestation.json'), join(directory, '1.json'));
    strict = [];
    for (let i = 1; i <= SHARDS; i += 1)
      strict.push(await runShard(i, { paths: ['few'], name: `strict-${i}.jsonl`, flags: TYPE }));
  }, TIMEOUT);
  const TYPE = ['--artifact', 'app.bin'];

  test.each<[string, () => Promise<Parameters<typeof runShard>[1]>]>([
    ['other rules', () => Promise.resolve({ flags: [] })],
    ['an identity that is not asked for', () => Promise.resolve({ flags: [...TYPE, '--any-identity'] })],
    [
      'other settings',
      () => {
        const file = join(base, 'lax.yaml');
        writeFileSync(file, 'attestor:\n  trust_repo:\n    freshness_threshold_days: 300\n');
        return Promise.resolve({ flags: TYPE, env: { STELLA_CONFIG: file } });
      },
    ],
    ['a wider window', () => Promise.resolve({ flags: [...TYPE, '--max-age', '300d'] })],
    ['another day', () => Promise.resolve({ flags: TYPE, now: site.now + 86_400_001 })],
  ])('do not complete each other: %s', async (_name, optionsOf) => {
    const options = await optionsOf();
    const other = await runShard(2, { paths: ['few'], name: 'lax.jsonl', ...options });
    const merged = await merge([strict[0]!, other, ...strict.slice(2)]);
    expect(merged).toMatchObject({ status: 2, stdout: '' });
    expect(merged.stderr).toContain('[SHARDS_DIFFER]');
  });

  test('do, when they are of one run, made within a day on machines where files lie elsewhere', async () => {
    const later = await runShard(2, {
      paths: ['few'],
      name: 'later.jsonl',
      flags: ['--artifact', join(site.home, 'app.bin')],
      now: site.now + 3_600_000,
    });
    expect(await merge([strict[0]!, later, ...strict.slice(2)])).toMatchObject({ status: 0 });
  });

  test('that do not say what they were judged by are refused', async () => {
    const file = join(base, 'old.jsonl');
    const lines = linesOf(strict[1]!);
    writeFileSync(file, `${[...lines.slice(0, -1), lines.at(-1)!.replace('"version":3,', '')].join('\n')}\n`);
    const merged = await merge([strict[0]!, file, ...strict.slice(2)]);
    expect(merged).toMatchObject({ status: 2, stderr: expect.stringContaining('[SHARDS_DIFFER]') });
    expect(merged.stderr).toContain('another version');
  });
});

test('one failure anywhere fails the whole, and is told', async () => {
  const directory = join(site.home, 'some');
  mkdirSync(directory);
  const text = readFileSync(join(site.home, 'attestation.json'), 'utf8');
  for (let i = 0; i < 8; i += 1) writeFileSync(join(directory, `${i}.json`), text);
  const forged = text.replace(/("sig": ?")..../, '$1AAAA');
  expect(forged).not.toBe(text);
  writeFileSync(join(directory, 'forged.json'), forged);
  const owner = shardOf('some/forged.json', SHARDS);
  const files: string[] = [];
  for (let i = 1; i <= SHARDS; i += 1)
    files.push(await runShard(i, { paths: ['some'], name: `some-${i}.jsonl`, expect: i === owner ? 2 : 0 }));
  const merged = await merge(files);
  expect(merged).toMatchObject({ status: 2, stderr: expect.stringContaining('some/forged.json') });
  expect(merged.stdout).toContain('8 attestations verified, 1 not, in 4 shards');
  rmSync(directory, { recursive: true });
});

test('lines of a long file are shared, too', async () => {
  const text = JSON.stringify(JSON.parse(readFileSync(join(site.home, 'attestation.json'), 'utf8')));
  // Longer than one document may be, with few attestations.
  const padded = text.replace(/}$/, `${' '.repeat(1_000_000)}}`);
  const count = Math.ceil((17 * 1024 * 1024) / padded.length) + 130;
  writeFileSync(join(site.home, 'long.jsonl'), `${padded}\n`.repeat(20) + `${text}\n`.repeat(count - 20));
  const files: string[] = [];
  for (let i = 1; i <= SHARDS; i += 1)
    files.push(await runShard(i, { paths: ['long.jsonl'], name: `long-${i}.jsonl` }));
  const merged = await merge(files);
  expect(merged.stdout).toBe(`${count} attestations verified, 0 not, in 4 shards\n`);
  rmSync(join(site.home, 'long.jsonl'));
});

test.each([
  [['--shard', '0/4']],
  [['--shard', '5/4']],
  [['--shard', '1']],
  [['--shard', '1/4', '--fail-fast']],
])('%j is refused', async (flags) => {
  const refused = await stella(['attest', 'verify', 'many', ...flags], {
    env: { HOME: site.home },
    cwd: site.home,
  });
  expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('[USAGE]') });
});

test('shards share fairly, whatever the names are', async () => {
  await refusal('USAGE' satisfies ErrorCode, () => parseShard('1/1000000'));
  expect(parseShard('completion/8', '7')).toEqual({ index: 8, count: 8 });
  for (const wrong of [undefined, '', '8', '-1', 'x'])
    await refusal('USAGE', () => parseShard('completion/8', wrong));
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 1000 }), (name, count) => {
      const shard = shardOf(name, count);
      expect(shard).toBeGreaterThanOrEqual(1);
      expect(shard).toBeLessThanOrEqual(count);
    }),
  );
  expect(readdirSync(join(site.home, 'many'))).toHaveLength(COUNT);
});
