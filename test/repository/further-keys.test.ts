import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freeTargetName } from '../../src/repository/directory/target-name.ts';
import { TestRepository } from './repository.ts';

const LOG_ID = 'c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d';

/** A repository with this service map. */
async function withMap(map: object): Promise<{ repository: TestRepository; current: () => unknown }> {
  const repository = await new TestRepository().init();
  const name = 'sigstore-services-v1.json';
  await repository.ok(['repo', 'add-target', repository.file('m.json', JSON.stringify(map)), name]);
  const current = () => {
    const { signed } = repository.published(`${Object.keys(versions(repository)).length}.targets.json`);
    const { hashes } = signed.targets[name] as unknown as { hashes: { sha256: string } };
    return JSON.parse(
      readFileSync(join(repository.public, 'targets', `${hashes.sha256}.${name}`), 'utf8'),
    ) as unknown;
  };
  return { repository, current };
}

function versions(repository: TestRepository): Record<string, true> {
  const { signed } = repository.published('timestamp.json') as unknown as {
    signed: { meta: Record<string, { version: number }> };
  };
  const snapshot = repository.published(
    `${signed.meta['snapshot.json']!.version}.snapshot.json`,
  ) as unknown as {
    signed: { meta: Record<string, { version: number }> };
  };
  const count = snapshot.signed.meta['targets.json']!.version;
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i + 1), true]));
}

describe('a log at another address', () => {
  const map = {
    version: 1,
    rekor: {
      url: 'https://old.test',
      log_id: LOG_ID,
      origin: 'old',
      api: 'tiles',
      public_key_target: 'rekor-key-v1',
    },
    ctlog: { url: 'https://ct.test', log_id: LOG_ID },
    overrides: { staging: { rekor_url: 'https://s.test', rekor_log_id: LOG_ID, rekor_origin: 's' } },
  };

  test('keeps nothing of what described the log before, and says how to say it again', async () => {
    const { repository, current } = await withMap(map);
    const swapped = await repository.ok(['repo', 'swap-endpoint', 'rekor', 'https://new.test']);
    expect(swapped.stderr).toContain(`--log-id ${LOG_ID} --origin old --api tiles`);
    await repository.ok(['repo', 'swap-endpoint', 'ctlog', 'https://ct2.test']);
    await repository.ok(['repo', 'swap-endpoint', 'rekor', 'https://s2.test', '--environment', 'staging']);
    expect(current()).toEqual({
      version: 1,
      rekor: { url: 'https://new.test', public_key_target: 'rekor-key-v1' },
      ctlog: { url: 'https://ct2.test' },
      overrides: { staging: { rekor_url: 'https://s2.test' } },
    });
    const again = swapped.stderr.split('stella ')[1]!.trim().split(' ');
    await repository.ok(again);
    expect(current()).toMatchObject({ rekor: { ...map.rekor, url: 'https://new.test' } });
  });

  test('keeps it where the log is the same, and takes what is said of a new one', async () => {
    const { repository, current } = await withMap(map);
    const same = await repository.ok(['repo', 'swap-endpoint', 'rekor', 'https://new.test', '--same-log']);
    expect(same.stderr).not.toContain('warning');
    expect(current()).toMatchObject({ rekor: { ...map.rekor, url: 'https://new.test' } });
    const id = 'ab'.repeat(32);
    await repository.ok([
      'repo',
      'swap-endpoint',
      'rekor',
      'https://n.test',
      '--log-id',
      id,
      '--public-key-target',
      'k',
    ]);
    expect(current()).toMatchObject({ rekor: { url: 'https://n.test', log_id: id, public_key_target: 'k' } });
  });

  test.each([
    ['--same-log and a fact', ['rekor', 'https://n.test', '--same-log', '--origin', 'x']],
    ['a fact of a service that is no log', ['fulcio', 'https://n.test', '--log-id', LOG_ID]],
    ['a CT log with an origin', ['ctlog', 'https://n.test', '--origin', 'x']],
    ['a log id that is none', ['rekor', 'https://n.test', '--log-id', LOG_ID.toUpperCase()]],
  ])('%s: USAGE', async (_, args) => {
    const { repository } = await withMap(map);
    const result = await repository.run(['repo', 'swap-endpoint', ...args]);
    expect([result.status, result.stderr]).toEqual([4, expect.stringContaining('[USAGE]')]);
  });
});

describe('a further key', () => {
  test('of a repository without passphrases needs none', async () => {
    const repository = await new TestRepository().init();
    const rotated = await repository.ok(['repo', 'rotate-key', 'timestamp']);
    expect(rotated.stderr).toContain('not encrypted');
    expect(readFileSync(join(repository.path, 'keys/timestamp-2.pem'), 'utf8')).toContain(
      'BEGIN PRIVATE KEY',
    );
    await repository.ok(['repo', 'add-key', 'timestamp']);
    await repository.ok(['repo', 'delegate', 'team', '--paths', 'team/*']);
  });

  test('is encrypted where a passphrase is given', async () => {
    const repository = await new TestRepository().init();
    const file = repository.file('passphrase', 'x\n');
    await repository.ok(['repo', 'rotate-key', 'timestamp', '--key-passphrase-file', file]);
    expect(readFileSync(join(repository.path, 'keys/timestamp-2.pem'), 'utf8')).toContain('ENCRYPTED');
  });

  test('is asked for where one key of the repository is encrypted', async () => {
    const repository = await new TestRepository().init();
    const file = repository.file('passphrase', 'x\n');
    await repository.ok(['repo', 'rotate-key', 'timestamp', '--key-passphrase-file', file]);
    const result = await repository.run(['repo', 'rotate-key', 'snapshot']);
    expect([result.status, result.stderr]).toEqual([4, expect.stringContaining('[KEY_PASSPHRASE]')]);
  });
});

describe('a key target of a name that is taken', () => {
  test('is refused with a name that is free', async () => {
    const repository = await new TestRepository().init();
    const first = repository.publicKey('a.pub');
    await repository.ok(['repo', 'add-target', first, 'bundle-signer-v1.pub']);
    const second = repository.publicKey('b.pub');
    const taken = await repository.run(['repo', 'add-target', second, 'bundle-signer-v1.pub']);
    expect([taken.status, taken.stderr]).toEqual([4, expect.stringContaining('[TARGET_EXISTS]')]);
    expect(taken.stderr).toContain('bundle-signer-v2.pub');
    expect(taken.stderr).toContain('would revoke');
    await repository.ok(['repo', 'add-target', second, 'bundle-signer-v2.pub']);
    const third = await repository.run(['repo', 'add-target', second, 'bundle-signer-v1.pub']);
    expect(third.stderr).toContain('bundle-signer-v3.pub');
    const replaced = await repository.ok(['repo', 'add-target', second, 'bundle-signer-v1.pub', '--replace']);
    expect(replaced.stderr).toContain('counts as revoked');
    const same = await repository.ok(['repo', 'add-target', second, 'bundle-signer-v1.pub', '--replace']);
    expect(same.stderr).toBe('');
  });

  test.each([
    ['bundle-signer-v1.pub', 'bundle-signer-v2.pub'],
    ['rekor-3.pub', 'rekor-v3.pub'],
    ['team/key', 'team/key-v1'],
    ['attestor.pub', 'attestor-v1.pub'],
  ])('%s: %s', (name, free) => {
    expect(freeTargetName(name, (candidate) => candidate === name)).toBe(free);
  });

  test('the export names one as well', async () => {
    const repository = await new TestRepository().init();
    await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'bundle-signer-v1.pub']);
    const trust = (...args: string[]) =>
      repository.ok(['trust', ...args], { env: { HOME: repository.area } });
    const root = join(repository.public, '1.root.json');
    await trust('init', '--tuf-url', `file://${repository.public}/`, '--root', root);
    const out = join(repository.area, 'x.tar.zst');
    const exported = await trust('snapshot', 'export', '--out', out);
    expect(exported.stderr).toContain('bundle-signer-v2.pub --usage bundle-signer');
  });
});
