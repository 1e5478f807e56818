import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeEntry } from '../../src/attest/log-search.ts';
import { signAttestation } from '../../src/attest/sign.ts';
import { instant, systemClock } from '../../src/base/clock.ts';
import { formatPublicKey, generateKey, signerOf } from '../../src/base/keys.ts';
import { appendEntries, initLog } from '../../src/logs/writer.ts';
import { stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';

interface Found {
  readonly searched: number;
  readonly found: { index: number; kind: string; digest: string; signers: Record<string, string>[] }[];
}

const IDENTITY =
  'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main';

/** The log entries in the real Sigstore bundles. */
function realEntries(): Uint8Array[] {
  return [
    'happy-path-v0.3-new-mediaType',
    'rekor2-happy-path',
    'rekor2-dsse-happy-path',
    'happy-path-intoto-in-dsse-v3',
  ].map((name) => {
    const json = readFileSync(`${real}attestations/${name}/bundle.sigstore.json`, 'utf8');
    const { verificationMaterial: material } = JSON.parse(json) as {
      verificationMaterial: { tlogEntries: [{ canonicalizedBody: string }] };
    };
    return Buffer.from(material.tlogEntries[0].canonicalizedBody, 'base64');
  });
}

async function logOf(entries: Uint8Array[]) {
  const directory = join(temporaryDirectory(), 'log');
  const signer = signerOf(generateKey());
  await initLog(directory, { origin: 'logs.example.com/search', signer });
  await appendEntries(directory, entries, signer);
  return { directory, signer };
}

const search = async (...args: string[]): Promise<Found> => {
  const result = await stella(['log', 'search', ...args, '--json']);
  expect(result.stderr).toBe('');
  return result.json() as Found;
};

test.runIf(realIsPresent)('real entries of every kind are found by identity, digest and time', async () => {
  const { directory } = await logOf([Buffer.from('not an entry of Rekor'), ...realEntries()]);
  const all = await search(directory);
  expect(all.searched).toBe(5);
  expect(all.found.map(({ kind }) => kind)).toEqual([
    'hashedrekord 0.0.1',
    'hashedrekord 0.0.2',
    'hashedrekord 0.0.2',
    'dsse 0.0.1',
  ]);
  expect((await search(directory, '--identity', IDENTITY)).found.length).toBeGreaterThan(0);
  expect((await search(directory, '--identity', 'somebody@example.com')).found).toEqual([]);
  const { digest, index, signers } = all.found[1]!;
  expect((await search(directory, '--digest', digest)).found.map((entry) => entry.index)).toContain(index);
  const since = signers[0]!['since']!;
  expect((await search(directory, '--since', since)).found.length).toBeLessThanOrEqual(4);
  expect((await search(directory, '--since', '2099-01-01T00:00:00Z')).found).toEqual([]);
  expect(
    (await search(directory, '--identity', IDENTITY, '--digest', `sha256:${'0'.repeat(64)}`)).found,
  ).toEqual([]);
});

test('attestations that were signed with a key are found by its id', async () => {
  const { directory, signer: logSigner } = await logOf([Buffer.from('{"kind":"x"}')]);
  const signer = signerOf(generateKey());
  const subjects = [{ name: 'a', sha256: '0'.repeat(64) }];
  await signAttestation({ subjects, signer, log: directory, logSigner, now: systemClock() });
  const { found } = await search(directory, '--identity', signer.publicKey.id);
  expect(found).toMatchObject([{ index: 1, kind: 'dsse 0.0.2', signers: [{ keyId: signer.publicKey.id }] }]);
  const text = await stella(['log', 'search', directory]);
  expect(text.stdout).toContain(signer.publicKey.id);
  expect(text.stdout).toContain('1 entry found among 2');
});

test('an entry that was altered on disk is refused, not searched', async () => {
  const { directory } = await logOf([Buffer.from('one'), Buffer.from('two')]);
  writeFileSync(join(directory, 'tile/entries/000.p/2'), Buffer.from('\0\x03one\0\x03twx'));
  const result = await stella(['log', 'search', directory]);
  expect(result).toMatchObject({ status: 2 });
  expect(result.stderr).toContain('[LOG_ENTRY_INVALID]');
});

test('what to search for must make sense', async () => {
  expect((await stella(['log', 'search', '--digest', 'abc'])).stderr).toContain('[USAGE]');
  expect((await stella(['log', 'search', '--since', 'yesterday'])).stderr).toContain('[USAGE]');
  expect((await stella(['log', 'search', join(temporaryDirectory(), 'none')])).stderr).toContain(
    '[LOG_UNKNOWN]',
  );
});

test('what is no entry of Rekor is passed over', () => {
  for (const text of [
    '',
    '{}',
    '[]',
    '{"kind":5,"apiVersion":"0.0.1"}',
    '{"kind":"hashedrekord","apiVersion":"0.0.1","spec":{}}',
  ])
    expect(describeEntry(Buffer.from(text))).toBeUndefined();
});

test('that an artifact is not found among envelopes is explained, not passed over', async () => {
  const made = temporaryDirectory();
  const log = join(made, 'log');
  const key = generateKey();
  const logSigner = signerOf(generateKey());
  await initLog(log, { origin: 'logs.example.com/envelopes', signer: logSigner });
  const sha256 = 'a'.repeat(64);
  const subjects = [{ name: 'app.bin', sha256 }];
  await signAttestation({ subjects, signer: signerOf(key), log, logSigner, now: instant(0) });
  const result = await stella(['log', 'search', log, '--digest', `sha256:${sha256}`]);
  expect(result.stdout).toContain('0 entries found among 1');
  expect(result.stderr).toContain(
    "1 entry is about DSSE envelopes, of which a log knows the payload's digest only",
  );
});

test('a log is verified with its public key in a PEM file, and not with another', async () => {
  const made = temporaryDirectory();
  const log = join(made, 'log');
  const logKey = generateKey('ecdsa-p256');
  await initLog(log, { origin: 'logs.example.com/pem', signer: signerOf(logKey) });
  writeFileSync(join(made, 'log.pub'), formatPublicKey(logKey.publicKey));
  writeFileSync(join(made, 'other.pub'), formatPublicKey(generateKey('ecdsa-p256').publicKey));
  expect(await stella(['log', 'verify', 'log', '--key', 'log.pub'], { cwd: made })).toMatchObject({
    status: 0,
  });
  const refused = await stella(['log', 'verify', 'log', '--key', 'other.pub'], { cwd: made });
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('[CHECKPOINT_SIGNATURE]') });
});
