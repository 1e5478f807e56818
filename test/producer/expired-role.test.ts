import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { makeEnclave } from '../support/site.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';

test('a delegated role that expires, and that nothing depends on, keeps nobody from carrying the rest', async () => {
  const base = temporaryDirectory();
  const repository = new TufRepository();
  const key = formatPublicKey(generateKey().publicKey);
  for (const name of ['rekor-key-v1', 'bundle-signer-v1']) repository.addTarget(`${name}.pub`, key);
  repository.addTarget('sigstore-services-v1.json', '{"version": 1}');
  const { role } = repository.delegate('team', { paths: ['team/*'] });
  repository.addTarget('team/x.txt', 'x', undefined, 'team');
  role.expires = new Date(NOW + HOUR).toISOString();
  repository.timestamp.expires = new Date(NOW + 6 * DAY).toISOString();
  const served = repository.publish().writeTo(join(base, 'served'));
  const connected = makeEnclave(base, 'connected');
  const url = pathToFileURL(served).href;
  const root = join(served, '1.root.json');
  await connected.run(['trust', 'init', '--tuf-url', url, '--root', root], { now: NOW, expect: 0 });

  const now = NOW + DAY;
  const out = join(base, 'x.tar.zst');
  await connected.run(['trust', 'snapshot', 'export', '--out', out], { now, expect: 0 });
  const pem = join(connected.home, '.local/share/stella/producer/bundle-signer.pub');
  const held = makeEnclave(base, 'held');
  await held.run(['trust', 'import', out, '--root', root, '--bundle-key', pem], { now, expect: 0 });
  const status = await held.run(['trust', 'status'], { now, expect: 0 });
  expect(status.stdout).toMatch(/^team .* EXPIRED 23h ago$/m);
  const expiring = await held.run(['trust', 'status', '--expires-within', '1h'], { now, expect: 5 });
  expect(expiring.stderr).toContain('warning: TUF role team expires');

  role.version += 1;
  repository.addTarget('team/services.json', '{}', { stella: { usage: 'service-map' } }, 'team');
  repository.publish().writeTo(served);
  const synced = await connected.run(['trust', 'sync', '--force'], { now, expect: 0 });
  expect(synced.stderr).toMatch(/^warning: TUF metadata expired: team\.json .* left out$/m);
});

test('one that trust_roles names is not worth sealing', async () => {
  const base = temporaryDirectory();
  const repository = new TufRepository();
  const { role } = repository.delegate('team', {});
  const key = formatPublicKey(generateKey().publicKey);
  repository.addTarget('rekor-key-v1.pub', key, undefined, 'team');
  role.expires = new Date(NOW + HOUR).toISOString();
  repository.timestamp.expires = new Date(NOW + 6 * DAY).toISOString();
  const served = repository.publish().writeTo(join(base, 'served'));
  const connected = makeEnclave(base, 'connected');
  const url = pathToFileURL(served).href;
  const root = join(served, '1.root.json');
  const file = join(base, 'roles.yaml');
  writeFileSync(file, 'attestor:\n  trust_repo:\n    trust_roles: [team]\n');
  const config = ['--config', file];
  await connected.run(['trust', 'init', '--tuf-url', url, '--root', root, ...config], {
    now: NOW,
    expect: 0,
  });
  const out = join(base, 'x.tar.zst');
  const refused = await connected.run(['trust', 'snapshot', 'export', '--out', out, ...config], {
    now: NOW + DAY,
    expect: 5,
  });
  expect(refused.stderr).toMatch(/^error: TUF metadata expired: team\.json .*\[TUF_EXPIRED\]\nhint: /);
});
