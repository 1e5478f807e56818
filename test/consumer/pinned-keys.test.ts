import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parsePublicKey } from '../../src/base/keys.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

const T0 = Date.UTC(2026, 0, 25, 12);
let site: Site;
let enclave: Enclave;
let fingerprint: string;
let first: string;
let second: string;

beforeAll(async () => {
  const base = temporaryTree();
  site = await makeSite(base, { now: T0, entries: 300 });
  enclave = makeEnclave(base);
  const stranger = ['--signing-key', 'stranger.key'];
  first = await site.seal('first', stranger);
  second = await site.seal('second', stranger);
  fingerprint = `sha256:${parsePublicKey(readFileSync(join(site.home, 'stranger.pub'))).id}`;
});

const run = (args: readonly string[], expected = 0) => enclave.run(args, { now: T0, expect: expected });
const auditOf = async () =>
  ((await run(['audit', 'show', '--json'])).json() as { lines: { event: string; key?: string }[] }).lines;

test('a key that --bundle-key pins is said, shown, audited, and can be taken back', async () => {
  const key = join(site.home, 'stranger.pub');
  const imported = await run([
    'trust',
    'import',
    first,
    '--root-fingerprint',
    site.fingerprint,
    '--bundle-key',
    key,
  ]);
  expect(imported.stderr).toContain(`warning: pinned the bundle key ${fingerprint}`);
  expect(imported.stderr).toContain(`stella trust unpin ${fingerprint}`);
  expect(imported.stdout).toContain(`pinned bundle keys: ${fingerprint}`);

  expect((await run(['trust', 'status'])).stdout).toContain(`pinned bundle keys  ${fingerprint}`);
  expect((await run(['trust', 'status', '--json'])).json()).toMatchObject({
    pinned_bundle_keys: [{ id: fingerprint.slice(7), algorithm: 'ed25519' }],
  });
  expect((await run(['doctor'])).stdout).toContain(fingerprint);
  expect((await auditOf()).at(-1)).toMatchObject({ event: 'pin', key: fingerprint });

  const unknown = await run(['trust', 'unpin', `sha256:${'0'.repeat(64)}`], 4);
  expect(unknown.stderr).toContain('[PIN_UNKNOWN]');
  expect(unknown.stderr).toContain(fingerprint);

  const before = (await run(['trust', 'status', '--json'])).json() as { freshness: unknown; roles: unknown };
  const unpinned = await run(['trust', 'unpin', fingerprint]);
  expect(unpinned.stdout).toContain('still pinned: none');
  expect(unpinned.stderr).toContain('this key sealed the bundle that the store holds');
  expect((await run(['trust', 'status'])).stdout).toContain('pinned bundle keys  none');
  const after = (await run(['trust', 'status', '--json'])).json() as typeof before;
  expect(after).toMatchObject({ freshness: before.freshness, roles: before.roles });
  expect((await auditOf()).at(-1)).toMatchObject({ event: 'unpin', key: fingerprint });
  await run(['audit', 'verify']);
  const diff = await run(['trust', 'diff', '1']);
  expect(diff.stdout).toContain(`-  bundle key  ${fingerprint}`);

  const refused = await run(['trust', 'import', second], 2);
  expect(refused.stderr).toContain('[BUNDLE_SIGNER_UNTRUSTED]');
});

test('the connected side pins, shows and takes back likewise', async () => {
  const root = join(site.home, 'repo', 'public', '1.root.json');
  const { url } = (await site.run(['trust', 'status', '--json'])).json() as { url: string };
  const args = [
    'trust',
    'init',
    '--replace',
    '--tuf-url',
    url,
    '--root',
    root,
    '--bundle-key',
    'stranger.pub',
  ];
  expect((await site.run(args)).stdout).toContain(`pinned bundle keys: ${fingerprint}`);
  await site.run(['trust', 'sync', '--force'], { now: T0 + 3_600_000 });
  const before = (await site.run(['trust', 'status', '--json'], { now: T0 + 3_600_000 })).json();
  await site.run(['trust', 'unpin', fingerprint], { now: T0 + 3_600_000 });
  const after = (await site.run(['trust', 'status', '--json'], { now: T0 + 3_600_000 })).json();
  const { freshness } = before as { freshness: unknown };
  expect(after).toMatchObject({ freshness, pinned_bundle_keys: [] });
});
