import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { instant, parseInstant } from '../../src/base/clock.ts';
import { offlineFetcher } from '../../src/net/offline.ts';
import { loadTuf } from '../../src/tuf/load.ts';
import { refreshTuf } from '../../src/tuf/refresh.ts';
import { refusal } from '../support/errors.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, REPOSITORY_URL, TufRepository } from '../support/tuf-repository.ts';

async function refresh(repository: TufRepository, held?: string, now = NOW) {
  const directory = join(temporaryDirectory(), 'tuf');
  const view = await refreshTuf({
    url: REPOSITORY_URL,
    fetcher: repository,
    directory,
    now,
    trustedRoot: repository.firstRoot,
    held,
  });
  return { view, directory };
}

describe('a refreshed repository', () => {
  test('is held as published, every root included', async () => {
    const repository = new TufRepository();
    repository.addTarget('rekor-key-v1.pub', 'key');
    repository.addTarget('deep/down/a b.txt', 'text');
    repository.rotate('timestamp');
    repository.publish();
    const { view, directory } = await refresh(repository);
    const held = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
    expect(held.sort()).toEqual([...repository.files.keys()].sort());
    for (const path of held)
      expect(readFileSync(join(directory, path))).toEqual(Buffer.from(repository.files.get(path)!));
    expect(view.rootVersions).toEqual([1, 2]);
    expect(view.changed).toBe(true);
    expect(view.roles.map(({ name, version }) => [name, version])).toEqual([
      ['root', 2],
      ['timestamp', 1],
      ['snapshot', 1],
      ['targets', 1],
    ]);
    expect(Buffer.from(await view.readTarget('deep/down/a b.txt')).toString()).toBe('text');
  });

  test('can be refreshed from as a file:// repository, and loaded without any fetcher', async () => {
    const repository = new TufRepository();
    repository.addTarget('x.txt', 'x');
    repository.publish();
    const { directory } = await refresh(repository);
    const again = join(temporaryDirectory(), 'again');
    const view = await refreshTuf({
      url: pathToFileURL(directory).href,
      fetcher: offlineFetcher(),
      directory: again,
      now: NOW,
      trustedRoot: repository.firstRoot,
    });
    expect(view.targetNames()).toEqual(['x.txt']);
    const loaded = await loadTuf({
      url: 'u',
      directory: again,
      trustedRoot: repository.firstRoot,
      asOf: NOW,
    });
    expect(loaded.roles).toEqual(view.roles);
  });

  test('that has not changed costs two requests', async () => {
    const repository = new TufRepository();
    repository.addTarget('x.txt', 'x');
    repository.publish();
    const { directory } = await refresh(repository);
    repository.requests.length = 0;
    const { view } = await refresh(repository, directory);
    expect(view.changed).toBe(false);
    expect(repository.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  test('without consistent snapshots has plain file names', async () => {
    const repository = new TufRepository(NOW, false);
    repository.addTarget('x.txt', 'x');
    repository.publish();
    const { view, directory } = await refresh(repository);
    expect(existsSync(join(directory, 'snapshot.json'))).toBe(true);
    expect(existsSync(join(directory, 'targets/x.txt'))).toBe(true);
    expect((await refresh(repository, directory)).view.changed).toBe(false);
    expect(Buffer.from(await view.readTarget('x.txt')).toString()).toBe('x');
  });
});

describe('loading as of an instant', () => {
  test('expiry is judged then, not now', async () => {
    const repository = new TufRepository();
    repository.publish();
    const { directory } = await refresh(repository);
    const load = (asOf: number) =>
      loadTuf({ url: 'u', directory, trustedRoot: repository.firstRoot, asOf: instant(asOf) });
    await load(NOW);
    await refusal('TUF_EXPIRED', () => load(NOW + 3 * 86_400_000));
  });

  test('a target that was changed on disk is refused when it is read', async () => {
    const repository = new TufRepository();
    repository.addTarget('x.txt', 'x');
    repository.publish();
    const { directory } = await refresh(repository);
    writeFileSync(join(directory, 'targets', `${sha256Hex(Buffer.from('x'))}.x.txt`), 'y');
    const view = await loadTuf({ url: 'u', directory, trustedRoot: repository.firstRoot, asOf: NOW });
    await refusal('TUF_MISMATCH', () => view.readTarget('x.txt'));
    await refusal('TARGET_UNKNOWN', () => view.readTarget('constructor'));
  });
});

describe.skipIf(!realIsPresent)('the Sigstore public-good repository', () => {
  test.each([1, 2, 5, 10, 15])('is reached from root %i, with its delegated keys.json', async (version) => {
    const directory = temporaryDirectory();
    execFileSync('tar', ['--zstd', '-xf', join(real, 'sigstore-tuf.tar.zst'), '-C', directory]);
    const source = join(directory, 'sigstore-tuf');
    const trustedRoot = readFileSync(join(source, `${version}.root.json`));
    const refreshAt = (now: number) =>
      refreshTuf({
        url: pathToFileURL(source).href,
        fetcher: offlineFetcher(),
        directory: join(temporaryDirectory(), 'tuf'),
        now: instant(now),
        trustedRoot,
      });
    const view = await refreshAt(parseInstant('2026-08-22T00:00:00Z'));
    expect(view.rootVersions.at(-1)).toBe(15);
    expect((await view.readTarget('trusted_root.json')).length).toBe(6787);
    expect(view.target('registry.npmjs.org/keys.json')?.role).toBe('registry.npmjs.org');
    expect((await view.readTarget('registry.npmjs.org/keys.json')).length).toBe(2121);
    await refusal('TUF_EXPIRED', () => refreshAt(Date.now()));
  });
});
