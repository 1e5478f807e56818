import { join } from 'node:path';
import { Targets } from '@tufjs/models';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { formatPublicKey, generateKey, type PrivateKey } from '../../src/base/keys.ts';
import { distributedKeys } from '../../src/trust/key-list.ts';
import { trustTargets } from '../../src/trust/targets.ts';
import { refreshTuf } from '../../src/tuf/view.ts';
import { refusal } from '../support/errors.ts';
import { processorTime } from '../support/processor-time.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { TrustClient } from '../support/trust-client.ts';
import { NOW, REPOSITORY_URL, signAnything, TufRepository, tufKey } from '../support/tuf-repository.ts';

const refresh = async (repository: TufRepository, wanted: string[] = []) =>
  await refreshTuf({
    url: REPOSITORY_URL,
    fetcher: repository,
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot: repository.firstRoot,
    wanted,
  });
const roleOf = async (repository: TufRepository, name: string) =>
  (await refresh(repository.publish())).target(name)?.role;

test('nested delegations are followed', async () => {
  const repository = new TufRepository();
  repository.delegate('a', { paths: ['a/*/*'] });
  repository.delegate('b', { parent: 'a', paths: ['a/b/*'] });
  repository.addTarget('a/b/x', 'x', undefined, 'b');
  expect(await roleOf(repository, 'a/b/x')).toBe('b');
});

test('the role that comes first is the more trusted', async () => {
  const repository = new TufRepository();
  repository.delegate('first', {});
  repository.delegate('second', {});
  repository.addTarget('x', 'from first', undefined, 'first');
  repository.addTarget('x', 'from second', undefined, 'second');
  expect(await roleOf(repository, 'x')).toBe('first');
});

test('a role deeper below an earlier one comes before a later one', async () => {
  const repository = new TufRepository();
  repository.delegate('first', {});
  repository.delegate('second', {});
  repository.delegate('below', { parent: 'first' });
  repository.addTarget('x', 'below', undefined, 'below');
  repository.addTarget('x', 'second', undefined, 'second');
  expect(await roleOf(repository, 'x')).toBe('below');
});

test('after a terminating delegation nobody else is asked', async () => {
  const repository = new TufRepository();
  repository.delegate('first', { paths: ['x'], terminating: true });
  repository.delegate('second', {});
  repository.addTarget('x', 'from second', undefined, 'second');
  repository.addTarget('y', 'from second', undefined, 'second');
  expect(await roleOf(repository, 'x')).toBeUndefined();
  expect(await roleOf(repository, 'y')).toBe('second');
});

test('what a role lists outside of its paths does not count', async () => {
  const repository = new TufRepository();
  repository.delegate('team', { paths: ['team/*'] });
  repository.addTarget('rekor-key-v1.pub', 'evil', undefined, 'team');
  repository.addTarget('team/x', 'x', undefined, 'team');
  const view = await refresh(repository.publish());
  expect(view.targetNames()).toEqual(['team/x']);
});

test('a star does not reach across a slash', async () => {
  const repository = new TufRepository();
  repository.delegate('team', { paths: ['*'] });
  repository.addTarget('a/b', 'x', undefined, 'team');
  expect(await roleOf(repository, 'a/b')).toBeUndefined();
});

test('hash prefixes decide which bin a target is in', async () => {
  const repository = new TufRepository();
  const name = 'some/target';
  const prefix = sha256Hex(Buffer.from(name)).slice(0, 2);
  const other = prefix === '00' ? '01' : '00';
  repository.delegate('wrong', { pathHashPrefixes: [other] });
  repository.delegate('right', { pathHashPrefixes: [prefix] });
  repository.addTarget(name, 'wrong', undefined, 'wrong');
  repository.addTarget(name, 'right', undefined, 'right');
  expect(await roleOf(repository, name)).toBe('right');
});

test('succinct hash bins (TAP 15) are followed', async () => {
  const repository = new TufRepository();
  repository.delegateToBins('bin', 3);
  for (const role of repository.delegated.keys()) repository.addTarget('x', role, undefined, role);
  const role = await roleOf(repository, 'x');
  const bin = (Number.parseInt(sha256Hex(Buffer.from('x')).slice(0, 8), 16) >>> 29).toString(16);
  expect(role).toBe(`bin-${bin}`);
});

test('of more bins than are worth loading, only those of wanted targets are asked for', async () => {
  const repository = new TufRepository();
  repository.delegateToBins('bin', 9);
  for (const role of repository.delegated.keys()) repository.addTarget('x', role, undefined, role);
  repository.publish();
  repository.requests.length = 0;
  const view = await refresh(repository, ['x']);
  expect(view.target('x')?.role).toMatch(/^bin-/);
  expect(repository.requests.filter((path) => path.includes('bin-'))).toHaveLength(1);
});

test('a circle of delegations ends', async () => {
  const repository = new TufRepository();
  repository.delegate('a', {});
  repository.delegate('b', { parent: 'a' });
  repository.delegate('a', { parent: 'b' });
  repository.addTarget('x', 'x', undefined, 'b');
  expect(await roleOf(repository, 'x')).toBe('b');
});

test('a role that two others delegate to must satisfy both', async () => {
  const repository = new TufRepository();
  repository.delegate('a', { paths: ['none'] });
  repository.delegate('shared', {});
  repository.delegate('shared', { parent: 'a', threshold: 2 });
  await refusal('TUF_SIGNATURE', () => refresh(repository.publish()));
});

test('a role that the snapshot does not list is refused', async () => {
  const repository = new TufRepository();
  repository.publish();
  repository.delegate('team', {});
  repository.publish();
  delete repository.snapshot.meta['team.json'];
  repository.publishSnapshot();
  await refusal('TUF_INVALID', () => refresh(repository));
});

test.each(['a b', 'ä', 'q?', 'h#', '100%', 'a/b', '../up'])(
  'a role called %j is found, and kept in its place',
  async (name) => {
    const repository = new TufRepository();
    repository.delegate(name, {});
    repository.addTarget('x', 'x', undefined, name);
    const view = await refresh(repository.publish());
    expect(view.target('x')?.role).toBe(name);
  },
);

test('what a role or a snapshot lists is read in linear time', async () => {
  const repository = new TufRepository();
  const target = repository.addTarget('t9999', 't');
  repository.withHashes = false;
  repository.publish();
  const many = (n: number, name: string, value: unknown) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [name.replace('N', `${i}`), value]));
  const change = (file: string, key: PrivateKey | undefined, fields: object) => {
    const { signed } = JSON.parse(Buffer.from(repository.files.get(file)!).toString()) as { signed: object };
    repository.files.set(file, signAnything({ ...signed, ...fields }, key!));
  };
  const [roleKey] = repository.keys.root;
  const keys = many(10_000, 'keyN', tufKey(roleKey!).toJSON());
  const roles = Array.from({ length: 10_000 }, (_, i) => ({
    name: `r${i}`,
    keyids: ['key1'],
    threshold: 1,
    terminating: false,
    paths: ['none'],
  }));
  change('1.targets.json', repository.keys.targets[0], {
    // Too large to be held whole.
    targets: { ...many(10_000, 'tN', { ...target.toJSON(), length: 10_000_000 }), t9999: target.toJSON() },
    delegations: { keys, roles },
  });
  change('1.snapshot.json', repository.keys.snapshot[0], {
    meta: { 'targets.json': { version: 1 }, ...many(50_000, 'rN.json', { version: 1 }) },
  });
  const spent = processorTime();
  const view = await refresh(repository, ['t9999']);
  expect(view.target('t9999')?.role).toBe('targets');
  expect(spent()).toBeLessThan(10_000);
});

test('targets metadata is read whatever the names in it', () => {
  const targets =
    '{"__proto__": {"length": 1, "hashes": {}}, "constructor": {"length": 2, "hashes": {"sha256": "x"}, "custom": {"a": 1}}}';
  const text = `{"_type": "targets", "spec_version": "1.0.31", "version": 1, "expires": "2030-01-01T00:00:00Z", "x": 1, "targets": ${targets}}`;
  const read = Targets.fromJSON(JSON.parse(text) as ReturnType<Targets['toJSON']>);
  expect(Object.keys(read.targets)).toEqual(['__proto__', 'constructor']);
  expect(read.targets['constructor']).toMatchObject({ length: 2, hashes: { sha256: 'x' }, custom: { a: 1 } });
  expect(read.unrecognizedFields).toMatchObject({ x: 1 });
  for (const wrong of ['7', '{"a": 1}', '{"a": {"length": 1}}'])
    expect(() => Targets.fromJSON(JSON.parse(text.replace(targets, wrong)) as never)).toThrow();
});

test.each([
  ['twice', [{ name: 'a' }, { name: 'a' }]],
  ['like a top-level role', [{ name: 'snapshot' }]],
  ['nothing', [{ name: null }]],
])('delegated roles called %s are refused', async (_, named) => {
  const repository = new TufRepository();
  repository.withHashes = false;
  repository.delegate('a', {});
  repository.publish();
  const { signed } = JSON.parse(Buffer.from(repository.files.get('1.targets.json')!).toString()) as {
    signed: { delegations: { roles: object[] } };
  };
  const [role] = signed.delegations.roles;
  signed.delegations.roles = named.map((name) => ({ ...role, ...name }));
  repository.files.set('1.targets.json', signAnything(signed, repository.keys.targets[0]!));
  await refusal('TUF_INVALID', () => refresh(repository));
});

test('a store follows a repository with more roles than are worth loading', async () => {
  const repository = new TufRepository();
  repository.delegateToBins('bin', 9);
  repository.addTarget('top.txt', 'x');
  for (const role of repository.delegated.keys())
    repository.addTarget('sigstore-services-v1', '{}', undefined, role);
  const pem = formatPublicKey(generateKey().publicKey);
  repository.addTarget('rekor-key-v1.pub', pem, { sigstore: { usage: 'Rekor' } });
  repository.withHashes = false;
  repository.publish();
  const client = new TrustClient(repository);
  await refusal('SERVICE_MAP_INVALID', () => client.init());
  const map = '{"version": 1, "rekor": {"url": "https://log.test", "public_key_target": "rekor-key-v1"}}';
  for (const role of repository.delegated.keys())
    repository.addTarget('sigstore-services-v1', map, undefined, role);
  repository.publish();
  await client.init();
  const view = await client.view();
  expect([...view.targetNames()].sort()).toEqual(['rekor-key-v1.pub', 'sigstore-services-v1', 'top.txt']);
  expect(view.roles.filter(({ name }) => name.startsWith('bin-'))).toHaveLength(3);
  expect(distributedKeys(await trustTargets(view))).toMatchObject([{ target: 'rekor-key-v1.pub' }]);
  expect((await client.sync()).changed).toBe(false);
});

test.each([
  ['1.root', false],
  ['a%2Fb', true],
])('a role called %j that another file would replace is refused', async (name, consistent) => {
  const repository = new TufRepository(NOW, consistent);
  const trustedRoot = repository.firstRoot;
  repository.delegate('a/b', {});
  repository.delegate(name, {});
  repository.publish();
  const error = await refusal('TUF_INVALID', () =>
    refreshTuf({
      url: REPOSITORY_URL,
      fetcher: repository,
      directory: join(temporaryDirectory(), 'tuf'),
      now: NOW,
      trustedRoot,
    }),
  );
  expect(error.message).toContain('two roles that are published as');
});
