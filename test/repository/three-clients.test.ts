import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { TestRepository } from './repository.ts';

/** What a client holds: the root's version and the state of each key. */
async function heldBy(client: Enclave, now: number): Promise<{ root: number; keys: Record<string, string> }> {
  const status = (
    await client.run(['trust', 'status', '--json', '--show-keys'], { now, expect: 0 })
  ).json() as {
    roles: { name: string; version: number }[];
    keys: { target: string; state: string }[];
  };
  return {
    root: status.roles.find(({ name }) => name === 'root')!.version,
    keys: Object.fromEntries(status.keys.map(({ target, state }) => [target, state])),
  };
}

test('a full rotation: one client syncs every time, one only at the end, one sees nothing but sealed bundles', async () => {
  const base = new TestRepository().area;
  mkdirSync(join(base, 'all'));
  const begin = Date.parse('2026-01-10T08:00:00Z');
  const site: Site = await makeSite(join(base, 'all'), { now: begin });
  let now = begin;
  const repo = async (...args: string[]) => {
    await site.run(['repo', ...args, '--repo', 'repo'], { now });
    await site.run(['repo', 'update-timestamp', '--force', '--repo', 'repo'], { now });
    site.publish();
  };
  const [often, late, enclave] = ['often', 'late', 'behind'].map((name) => makeEnclave(base, name)) as [
    Enclave,
    Enclave,
    Enclave,
  ];
  const url = `file://${join(base, 'all/site/tuf')}/`;
  const root = join(base, 'first-root.json');
  cpSync(join(site.home, 'repo/public/1.root.json'), root);
  for (const client of [often, late])
    await client.run(['trust', 'init', '--tuf-url', url, '--root', root], { now, expect: 0 });
  const sync = (client: Enclave) => client.run(['trust', 'sync', '--force'], { now, expect: 0 });
  let bundles = 0;
  const carry = async () => {
    bundles += 1;
    await site.run(['trust', 'sync', '--force'], { now });
    const file = await site.seal(`bundle-${bundles}`, [], { now });
    const vouch = bundles === 1 ? ['--root', root] : [];
    await enclave.run(['trust', 'import', file, '--verify-manifest', '--reject-if-stale', '7d', ...vouch], {
      now: now + HOUR,
      expect: 0,
    });
  };
  const attestation = join(site.home, 'attestation.json');
  const verdict = async (client: Enclave) =>
    (
      await client.run(
        ['attest', 'verify', attestation, '--artifact', join(site.home, 'app.bin'), '--offline'],
        { now: now + HOUR },
      )
    ).status;
  await carry();

  // Day 1: the new attestor key, beside the old.
  now += DAY;
  const next = join(base, 'attestor-v2.pub');
  cpSync(new TestRepository().file('k.pub', formatPublicKey(generateKey().publicKey)), next);
  await repo('add-target', next, 'attestor-key-v2.pub');
  await sync(often);

  // Day 2: every key of the repository changes, and the bundle that says so is on its way.
  now += DAY;
  for (const role of ['root', 'targets', 'snapshot', 'timestamp', 'root'])
    await repo('rotate-key', role, '--no-passphrase');
  await sync(often);
  await carry();
  for (const client of [often, enclave]) {
    const held = await heldBy(client, now + HOUR);
    expect(held.root).toBe(6);
    expect(held.keys).toMatchObject({ 'attestor-key-v1.pub': 'grace', 'attestor-key-v2.pub': 'active' });
    expect(await verdict(client)).toBe(0);
  }

  // Day 3: the old key is retired. The late client goes from root 1 to root 6 in one step.
  now += DAY;
  await repo('retire-target', 'attestor-key-v1.pub', '--valid-until', new Date(now - HOUR).toISOString());
  await sync(late);
  await sync(often);
  await carry();
  for (const client of [often, late, enclave]) {
    const held = await heldBy(client, now + HOUR);
    expect(held.root).toBe(6);
    expect(held.keys).toMatchObject({ 'attestor-key-v1.pub': 'retired', 'attestor-key-v2.pub': 'active' });
    // It was signed before that day.
    expect(await verdict(client)).toBe(0);
  }

  // Day 4: the old key is revoked after all.
  now += DAY;
  await repo('remove-target', 'attestor-key-v1.pub');
  for (const client of [late, often]) await sync(client);
  await carry();
  for (const client of [often, late, enclave]) {
    expect((await heldBy(client, now + HOUR)).keys).toMatchObject({ 'attestor-key-v1.pub': 'revoked' });
    expect(await verdict(client)).toBe(2);
  }
}, 60_000);
