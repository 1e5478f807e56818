import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { HostileArchive } from '../../bundles/hostile/archive.ts';
import { hostileArchives } from '../../bundles/hostile/archives.ts';
import { type Enclave, makeEnclave, makeSite } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { fingerprintStore, fingerprintTree } from '../support/tree.ts';

let base: string;
let holding: Enclave;
let empty: Enclave;
const archives: HostileArchive[] = [];
for await (const archive of hostileArchives()) archives.push(archive);

beforeAll(async () => {
  base = temporaryTree();
  const site = await makeSite(base);
  holding = makeEnclave(base, 'holding');
  empty = makeEnclave(base, 'none');
  await holding.run(['trust', 'import', await site.seal('good'), '--root-fingerprint', site.fingerprint], {
    expect: 0,
  });
  mkdirSync(join(base, 'hostile'));
});

/**
 * The archives of `bundles/hostile/` once more, through the whole of import. Some are refused later than where the
 * container is looked at alone: they carry no real trust. What counts here is that every one of them is, and that the
 * store is byte for byte what it was.
 */
test('every hostile archive is refused by import, and the store is byte for byte what it was', async () => {
  const before = fingerprintStore(holding.store);
  const refused = new Map<string, string>();
  for (const [i, { name, bytes }] of archives.entries()) {
    const file = join(base, 'hostile', `${i}.tar.zst`);
    writeFileSync(file, bytes);
    // From a file and from a pipe in turn; test/bundle/hostile.test.ts reads every one both ways.
    const input = i % 2 === 0 ? { args: [file] } : { args: ['-'], stdin: bytes };
    const result = await holding.run(['trust', 'import', ...input.args], input);
    const code = /^error: .+ \[([A-Z_]+)\]\nhint: .+/m.exec(result.stderr)?.[1];
    expect(code, `${name}: ${result.stderr}`).toBeDefined();
    expect(code, name).not.toBe('INTERNAL');
    expect(result.status, `${name}: ${code}`).toBe(2);
    refused.set(name, code!);
  }
  expect(refused.size).toBe(archives.length);
  expect(fingerprintStore(holding.store)).toEqual(before);
  expect(readdirSync(holding.store).filter((name) => name.startsWith('.'))).toEqual([]);
  await holding.run(['audit', 'verify'], { expect: 0 });
}, 120_000);

test('and an empty home stays empty', async () => {
  for (const { name, bytes } of archives.filter((_, i) => i % 10 === 0)) {
    const result = await empty.run(['trust', 'import', '-', '--trust-on-first-use'], { stdin: bytes });
    expect(result.status, name).toBe(2);
  }
  expect(fingerprintTree(empty.home)).toEqual({});
  expect(readdirSync(empty.home)).toEqual([]);
});
