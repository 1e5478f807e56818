import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { sealBundle } from '../../src/bundle/seal.ts';
import { networkFetcher } from '../../src/net/fetcher.ts';
import { collectTuf } from '../../src/producer/collect.ts';
import { exportGeneration } from '../../src/store/export.ts';
import { loadTuf } from '../../src/tuf/load.ts';
import { refreshTuf } from '../../src/tuf/refresh.ts';
import { manifestFacts } from '../support/bundle.ts';
import { serveDirectory } from '../support/static-server.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { TrustClient } from '../support/trust-client.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';

/** Names of delegated roles that are files on every system, if in directories. */
const SERVED = [
  'a b',
  'ä',
  '🍺',
  '🍺/30',
  'a+b',
  "it's",
  'a/b',
  'x.json',
  'constructor',
  '1',
  '~',
  'a&b=c',
  '日本/語',
];
/** Names that no server can have as a file of that name; a store holds them percent-encoded. */
const ENCODED = ['100%', 'a%2Fb', '%41', 'c:d', 'back\\slash', '../up', 'nul', 'dot.', ' lead'];

/** A repository with a role of each name, followed and exported again. */
async function exportedRepository(): Promise<{ exported: string; trustedRoot: Uint8Array }> {
  const repository = new TufRepository();
  [...SERVED, ...ENCODED].forEach((name, i) => {
    repository.delegate(name, { paths: [`target-${i}`] });
    repository.addTarget(`target-${i}`, name, undefined, name);
  });
  const client = new TrustClient(repository.publish());
  const { generation } = await client.init();
  expect(client.warnings).toEqual([expect.stringContaining('no Rekor key')]);
  const exported = join(temporaryDirectory(), 'export');
  await exportGeneration(generation, client.store, exported);
  return { exported, trustedRoot: repository.firstRoot };
}

const held = (view: {
  targetNames(): readonly string[];
  target(name: string): { role: string } | undefined;
}) =>
  view
    .targetNames()
    .map((name) => view.target(name)!.role)
    .sort();

test('over file:// every role of an export is found', async () => {
  const { exported, trustedRoot } = await exportedRepository();
  const view = await refreshTuf({
    url: pathToFileURL(exported).href,
    fetcher: fetcher(),
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot,
  });
  expect(view.omittedRoles).toEqual([]);
  expect(held(view)).toEqual([...SERVED, ...ENCODED].sort());
});

test('a server that has the export as files has every role whose name can be a file; the others are left out', async () => {
  const { exported, trustedRoot } = await exportedRepository();
  const { url } = await serveDirectory(exported);
  const view = await refreshTuf({
    url,
    fetcher: fetcher(),
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot,
  });
  expect(held(view)).toEqual(expect.arrayContaining(SERVED));
  for (const { role, error } of view.omittedRoles) {
    expect(ENCODED).toContain(role);
    expect(error.code).toBe('FETCH_NOT_FOUND');
  }
});

test('a bundle carries every role', async () => {
  const { exported, trustedRoot } = await exportedRepository();
  const directory = temporaryDirectory();
  const file = join(directory, 'odd.tar.zst');
  await sealBundle({
    out: file,
    signers: [signerOf(generateKey())],
    manifest: { ...manifestFacts, sequence: 1 },
    entries: collectTuf(exported).entries,
  });
  const bundle = await openBundle(file, { staging: join(directory, 'staging') });
  await bundle.extract(join(directory, 'content'), { select: ({ path }) => path.startsWith('tuf/') });
  await bundle.close();
  const view = await loadTuf({
    url: 'the bundle',
    directory: join(directory, 'content', 'tuf'),
    trustedRoot,
    asOf: NOW,
  });
  expect(view.omittedRoles).toEqual([]);
  expect(held(view)).toEqual([...SERVED, ...ENCODED].sort());
});

test.each([
  ['roles that differ in case only', ['team', 'Team'], 'Team'],
  ['a role that a file system without cases takes for the snapshot', ['SNAPSHOT'], 'SNAPSHOT'],
  ['a role whose name is too long for a file', ['x'.repeat(300)], 'x'.repeat(300)],
])('%s: the later one is left out, and the rest can be sealed', async (_, names, omitted) => {
  const odd = new TufRepository();
  for (const name of names) odd.delegate(name, {});
  const view = await refreshTuf({
    url: 'http://tuf.test/',
    fetcher: odd.publish(),
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot: odd.firstRoot,
  });
  expect(view.omittedRoles).toMatchObject([{ role: omitted, error: { code: 'TUF_INVALID' } }]);
  expect(view.roles).toHaveLength(4 + names.length - 1);
});

test('targets that differ in case only, or are too long for a file, are left out with a reason', async () => {
  const odd = new TufRepository();
  for (const name of ['a/File', 'a/file', 'y'.repeat(250)]) odd.addTarget(name, name);
  const view = await refreshTuf({
    url: 'http://tuf.test/',
    fetcher: odd.publish(),
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot: odd.firstRoot,
  });
  expect(view.missingTargets.map(({ name }) => name)).toEqual(['y'.repeat(250)]);
  expect(view.isHeld('a/File')).toBe(true);
  expect(view.isHeld('a/file')).toBe(true);
});

function fetcher() {
  return networkFetcher({
    userAgent: 'test',
    retries: 0,
    requestTimeout: milliseconds(10_000),
    stallTimeout: milliseconds(5000),
  });
}
