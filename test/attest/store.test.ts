import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { storeTrustInputs } from '../../src/attest/authority/store-trust.ts';
import { DAY } from '../../src/base/clock.ts';
import { checkSchema } from '../../src/base/schema.ts';
import { loadConfig } from '../../src/config/config.ts';
import { TrustStore } from '../../src/store/store.ts';
import { makeEnclave, makeSite, ORIGIN } from '../support/site.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW } from './signed.ts';

const canUnshare = spawnSync('unshare', ['-rn', 'true'], { stdio: 'ignore' }).status === 0;
if (!canUnshare) console.warn('skipping the run without network: unshare -rn is not allowed here');
const COMMAND = fileURLToPath(new URL('../../bin/stella.js', import.meta.url));

/** A store behind the gap, filled from a sealed bundle, with an attestation and its artifact. */
async function imported(now: number = NOW) {
  const base = temporaryDirectory();
  const site = await makeSite(base, { now, entries: 300 });
  const bundle = await site.seal('x');
  const enclave = makeEnclave(base);
  await enclave.run(['trust', 'import', bundle, '--root-fingerprint', site.fingerprint, '--offline'], {
    now,
    expect: 0,
  });
  for (const name of ['attestation.json', 'app.bin'])
    copyFileSync(join(site.home, name), join(enclave.home, name));
  const verify = (more: readonly string[] = [], at = now) =>
    enclave.run(['attest', 'verify', './attestation.json', '--offline', ...more], { now: at });
  return { site, enclave, verify };
}

test('an attestation verifies with the keys of the store, and is part of the sealed log', async () => {
  const { verify, enclave } = await imported();
  const result = await verify(['--artifact', 'app.bin', '--json']);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(checkSchema('verdict', result.json(), 'the verdict')).toMatchObject({
    verified: true,
    signer: { kind: 'key', name: 'attestor-key-v1.pub' },
    logs: [
      { origin: ORIGIN, index: '300', tree_size: '301', shown_by: 'inclusion proof', consistency: 'shown' },
    ],
    artifact_checked: true,
    trust: { kind: 'store', generation: 1, sealed_at: '2026-08-22T00:00:00Z', freshness: { state: 'fresh' } },
  });
  writeFileSync(join(enclave.home, 'other.bin'), 'another artifact');
  const other = await verify(['--artifact', 'other.bin']);
  expect(other.status).toBe(2);
  expect(other.stderr).toContain('[ARTIFACT_MISMATCH]');
  const plain = await verify();
  expect(plain.stdout).toContain('artifact  not checked: none was given');
  expect(plain.stdout).toContain('fresh: sealed 0s ago (2026-08-22T00:00:00Z)');

  // The age of the store is judged at the time of the verification.
  const stale = await verify([], NOW + 5 * DAY);
  expect(stale.status).toBe(0);
  expect(stale.stderr).toContain('warning: the trust store is stale');
  const blocked = await verify([], NOW + 8 * DAY);
  expect(blocked.status).toBe(5);
  expect(blocked.stderr).toContain('[STORE_STALE]');
  const widened = await verify(['--max-age', '9d', '--json'], NOW + 8 * DAY);
  expect(widened).toMatchObject({ status: 0 });
  expect(widened.json()).toMatchObject({ trust: { freshness: { widened_by_seconds: (2 * DAY) / 1000 } } });
});

test('a store that the built-in root vouched for is a public instance’s: who signed must be demanded', async () => {
  const { enclave, verify } = await imported();
  const builtIn = async () => {
    const store = new TrustStore(enclave.store);
    const config = loadConfig({ env: { HOME: enclave.home }, cwd: enclave.home });
    return (await storeTrustInputs({ store, config, now: NOW })).instances?.map((each) => each.builtIn);
  };
  expect(await builtIn()).toEqual([undefined]);
  const file = join(enclave.store, 'generations', '1', 'state.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"fingerprint"', '"sigstore"'));
  expect(await builtIn()).toEqual(['sigstore']);
  // What is signed with a key of the store is not concerned.
  expect(await verify()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^verified {2}/) });
});

test.skipIf(!canUnshare)('the built command verifies in an empty network namespace', async () => {
  const { enclave } = await imported(Date.now());
  const { status, stdout } = spawnSync(
    'unshare',
    ['-rn', process.execPath, COMMAND, 'attest', 'verify', './attestation.json', '--artifact', 'app.bin'],
    { cwd: enclave.home, env: { HOME: enclave.home }, encoding: 'utf8' },
  );
  expect(stdout).toContain('verified  ./attestation.json');
  expect(status).toBe(0);
});
