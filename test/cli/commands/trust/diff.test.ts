import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOUR } from '../../../../src/base/clock.ts';
import { formatPublicKey, generateKey } from '../../../../src/base/keys.ts';
import { openStore } from '../../../../src/store/store.ts';
import { makeEnclave, makeSite } from '../../../support/site.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

test('behind the gap, diff names the attestations that no longer pass, and why', async () => {
  const base = temporaryDirectory();
  const site = await makeSite(base);
  const enclave = makeEnclave(base);
  const first = await site.seal('first');
  const now = site.now + HOUR;
  await enclave.run(['trust', 'import', first, '--root-fingerprint', site.fingerprint], { now, expect: 0 });

  await site.run(['repo', 'remove-target', 'attestor-key-v1.pub', '--repo', 'repo']);
  site.publish();
  await site.run(['trust', 'sync', '--force'], { now: site.now + 60_000 });
  const out = join(site.home, 'second.tar.zst');
  const seal = ['trust', 'snapshot', 'export', '--out', out, '--signing-key', 'bundle-signer.key'];
  await site.run(seal, { now: site.now + 120_000 });
  await enclave.run(['trust', 'import', out], { now, expect: 0 });

  const result = await enclave.run(['trust', 'diff', '--json'], { now, expect: 0 });
  expect(result.json()).toMatchObject({
    from: 1,
    to: 2,
    attestations_lost: [{ code: 'KEY_REVOKED' }],
  });
  const text = (await enclave.run(['trust', 'diff'], { now })).stdout;
  expect(text).toMatch(/^! attestation \S*attestation\.json no longer passes: .*revoked.* \[KEY_REVOKED\]$/m);
  expect(text).toMatch(/^-\s+key\s+attestor attestor-key-v1\.pub/m);
  const keys = (await enclave.run(['trust', 'status', '--show-keys'], { now })).stdout;
  expect(keys).toMatch(/attestor-key-v1\.pub\s+attestor\s+revoked/);
});

test('what a revoked log key vouched for is refused as such', async () => {
  const base = temporaryDirectory();
  const site = await makeSite(base);
  const enclave = makeEnclave(base);
  const now = site.now + HOUR;
  const verify = ['attest', 'verify', join(site.home, 'attestation.json')];
  const refusal = /\bthe key rekor-key-v1\.pub was revoked.* \[KEY_REVOKED\]/;
  const first = await site.seal('first');
  await enclave.run(['trust', 'import', first, '--root-fingerprint', site.fingerprint], { now, expect: 0 });
  await enclave.run(verify, { now, expect: 0 });
  // What an import remembers is what a sync remembers.
  const imported = openStore(enclave.store).require().state.known_keys;
  expect(imported?.find(({ usage }) => usage === 'Rekor')?.log_ids?.[0]).toMatch(/^[0-9a-f]{64}$/);
  await site.run(verify, { now: site.now + 60_000, expect: 0 });

  const other = join(base, 'other.pub');
  writeFileSync(other, formatPublicKey(generateKey('ed25519').publicKey));
  await site.run(['repo', 'remove-target', 'rekor-key-v1.pub', '--repo', 'repo']);
  await site.run(['repo', 'add-target', other, 'rekor-key-v2.pub', '--usage', 'Rekor', '--repo', 'repo']);
  site.publish();
  await site.run(['trust', 'sync', '--force'], { now: site.now + 120_000 });
  expect((await site.run(verify, { now: site.now + 120_000, expect: 2 })).stderr).toMatch(refusal);
});
