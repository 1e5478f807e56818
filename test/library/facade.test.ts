import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { artifactOf } from '../../src/attest/document/artifact.ts';
import { addDuration, type Instant, MINUTE, SECOND } from '../../src/base/clock.ts';
import {
  initTrust,
  loadArtifact,
  loadPublicKey,
  openTrust,
  parseDigest,
  parsePolicyFile,
  syncTrust,
  type TrustPlace,
  trustedRootVerifier,
  type Verifier,
  type VerifyRules,
} from '../../src/index.ts';
import { refusal } from '../support/errors.ts';
import { extension } from '../support/sigstore/certificates.ts';
import { utf8 } from '../support/sigstore/der.ts';
import { ARTIFACT, make } from '../support/sigstore/scenario.ts';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

let base: string;
let site: Site;
let url: string;
let root: Uint8Array;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { entries: 20 });
  url = pathToFileURL(join(base, 'site', 'tuf')).href;
  root = readFileSync(join(site.home, 'repo', 'public', '1.root.json'));
});

describe('initTrust and syncTrust', () => {
  let place: TrustPlace & { readonly now: Instant; readonly tufUrls: readonly string[] };

  beforeEach(() => {
    const home = temporaryDirectory();
    place = { env: { HOME: home }, cwd: home, now: site.now, tufUrls: [url] };
  });

  test('a store is made from a root that is vouched for, and followed', async () => {
    const made = await initTrust({ ...place, root });
    expect(made).toMatchObject({
      generation: 1,
      changed: true,
      skipped: false,
      checkedAt: site.now,
      asOf: site.now,
      pin: { how: 'root-file', version: 1, sha256: site.fingerprint.slice('sha256:'.length) },
    });
    expect(made.url).toContain(url);
    expect(made.roles.map(({ role }) => role).toSorted()).toEqual([
      'root',
      'snapshot',
      'targets',
      'timestamp',
    ]);
    for (const { expires } of made.roles) expect(expires).toBeGreaterThan(site.now);
    expect(made.store).toBe(openTrust(place).store);
    const { tufUrls: _, ...remembered } = place;
    expect(await syncTrust(remembered)).toMatchObject({ changed: false, skipped: true, generation: 1 });
    const later = addDuration(site.now, MINUTE);
    expect(await syncTrust({ ...remembered, now: later, force: true })).toMatchObject({
      changed: false,
      skipped: false,
      checkedAt: later,
    });
  });

  test('a changed repository makes a new generation', async () => {
    await initTrust({ ...place, rootFingerprint: site.fingerprint });
    writeFileSync(join(site.home, 'notes.txt'), 'notes');
    await site.run(['repo', 'add-target', 'notes.txt', '--usage', 'other', '--repo', 'repo']);
    site.publish();
    expect(await syncTrust({ ...place, now: addDuration(site.now, SECOND), force: true })).toMatchObject({
      changed: true,
      generation: 2,
      pin: { how: 'fingerprint' },
    });
  });

  test('without a voucher only a built-in root would do', async () => {
    await refusal('PIN_REQUIRED', () => initTrust(place));
    expect(await initTrust({ ...place, trustOnFirstUse: true })).toMatchObject({ pin: { how: 'first-use' } });
  });

  test('vouchers that are wrong, contradict each other or are no root are refused', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`;
    await refusal('PIN_MISMATCH', () => initTrust({ ...place, rootFingerprint: wrong }));
    await refusal('USAGE', () => initTrust({ ...place, root, rootFingerprint: wrong }));
    await refusal('FILE_TOO_LARGE', () => initTrust({ ...place, root: new Uint8Array(600_000) }));
    await refusal('TUF_INVALID', () => initTrust({ ...place, root: Buffer.from('{}') }));
  });

  test('a store that is there is kept, unless it is to be replaced', async () => {
    await initTrust({ ...place, root });
    await refusal('STORE_EXISTS', () => initTrust({ ...place, root }));
    expect(await initTrust({ ...place, root, replace: true })).toMatchObject({ changed: true });
  });

  test('a store that is not there cannot be synced', async () => {
    await refusal('STORE_NOT_INITIALIZED', () => syncTrust(place));
  });

  test('offline means no network, and files all the same', async () => {
    const web = { ...place, tufUrls: ['http://127.0.0.1:9/tuf/'], root, offline: true };
    await refusal('OFFLINE', () => initTrust(web));
    expect(await initTrust({ ...place, root, offline: true })).toMatchObject({ generation: 1 });
  });

  test('another mirror is asked when one fails, and a warning says so', async () => {
    const warnings: string[] = [];
    mkdirSync(join(place.cwd, 'empty'));
    const empty = pathToFileURL(join(place.cwd, 'empty')).href;
    const onWarning = (text: string) => warnings.push(text);
    await initTrust({ ...place, tufUrls: [empty, url], root, onWarning });
    expect(warnings.join('\n')).toContain(`trying ${url}`);
    expect(warnings.filter((text) => text.startsWith('warning'))).toEqual([]);
  });
});

describe('a verifier of the store', () => {
  let verifier: Verifier;
  const file = (name: string) => join(site.home, name);
  const attestation = () => ({ name: 'attestation.json', bytes: readFileSync(file('attestation.json')) });
  const policyOf = (...rules: object[]) =>
    parsePolicyFile(Buffer.from(JSON.stringify({ version: 1, rules })), { name: 'policy.json' });

  beforeAll(async () => {
    verifier = await openTrust({ env: { HOME: site.home }, cwd: site.home }).verifier({ now: site.now });
  });

  test('judges as of the instant that it was made with', async () => {
    expect(verifier.now).toBe(site.now);
    const { verified, error, verdicts } = await verifier.verify(attestation());
    expect(error).toBeUndefined();
    expect(verified).toBe(true);
    expect(verdicts).toMatchObject([{ source: 'attestation.json', verified: true, artifact_checked: false }]);
  });

  test('is not content with nothing', async () => {
    const { verified, error } = await verifier.verify([]);
    expect(verified).toBe(false);
    expect(error?.code).toBe('NOTHING_VERIFIED');
  });

  test('one bad document spoils the answer, and the verdicts say which', async () => {
    const answer = await verifier.verify([attestation(), { name: 'bad', bytes: Buffer.from('{}') }]);
    expect(answer.verified).toBe(false);
    expect(answer.verdicts.map(({ verified }) => verified)).toEqual([true, false]);
    expect(answer.error?.message).toMatch(/^bad: /);
  });

  test('another artifact is refused', async () => {
    const artifact = await loadArtifact(file('map.json'));
    expect((await verifier.verify(attestation(), { artifact })).error?.code).toBe('ARTIFACT_MISMATCH');
  });

  test('a policy is met by the key that it names', async () => {
    const key = loadPublicKey(file('attestor.pub'));
    const artifact = await loadArtifact(file('app.bin'));
    const met = policyOf({ artifacts: ['**/app.bin'], keys: [`sha256:${key.id}`] });
    expect(met).toMatchObject({ name: 'policy.json', rules: 1 });
    expect(await verifier.verify(attestation(), { artifact, policy: met })).toMatchObject({ verified: true });
    const stranger = loadPublicKey(file('stranger.pub'));
    const other = policyOf({ keys: [`sha256:${stranger.id}`] });
    const { verified, error } = await verifier.verify(attestation(), { artifact, policy: other });
    expect(verified).toBe(false);
    expect(error?.code).toBe('POLICY_UNSATISFIED');
  });

  test('a policy counts different attestations, not copies', async () => {
    const policy = policyOf({ required: 2 });
    const { verified, error, verdicts } = await verifier.verify([attestation(), attestation()], { policy });
    expect(verdicts.map((verdict) => verdict.verified)).toEqual([true, true]);
    expect(verified).toBe(false);
    expect(error?.code).toBe('POLICY_UNSATISFIED');
  });

  test('a digest has no name that a pattern could fit', async () => {
    const { digests } = await loadArtifact(file('app.bin'));
    const artifact = parseDigest(`sha256:${digests.sha256}`);
    const policy = policyOf({ artifacts: ['**'] });
    await refusal('POLICY_UNSATISFIED', () => verifier.verify(attestation(), { artifact, policy }));
    expect(await verifier.verify(attestation(), { artifact, policy: policyOf({}) })).toMatchObject({
      verified: true,
    });
  });

  test('a policy that was not read from a file is refused', async () => {
    const policy = { name: 'made up', rules: 1 };
    await refusal('USAGE', () => verifier.verify(attestation(), { policy }));
    await refusal('POLICY_INVALID', () => parsePolicyFile(Buffer.from('{}'), { name: 'p' }));
  });

  test('claims are demanded by name', async () => {
    const uri = 'https://github.com/owner/name';
    const issuer = 'https://token.actions.githubusercontent.com';
    const claim = extension('1.3.6.1.4.1.57264.1.12', utf8(uri));
    const { bundle, root: trustedRoot } = make({ leaf: { issuer, extensions: [claim] } });
    const document = { name: 'it', bytes: Buffer.from(JSON.stringify(bundle)) };
    const artifact = artifactOf('a.txt', ARTIFACT);
    const own = trustedRootVerifier(Buffer.from(JSON.stringify(trustedRoot)), { name: 'r', now: site.now });
    const codeOf = async (rules: VerifyRules) =>
      (await own.verify(document, { artifact, ...rules })).error?.code;
    expect(
      await codeOf({ claims: { source_repository: [uri, `${uri}2`] }, requireIdentity: true }),
    ).toBeUndefined();
    expect(await codeOf({ requireIdentity: true })).toBe('IDENTITY_REQUIRED');
    expect(await codeOf({ claims: { source_repository: `${uri}/` } })).toBe('CLAIM_MISMATCH');
    await refusal('USAGE', () =>
      own.verify(document, { claims: JSON.parse('{"source_reppo": "x"}') as object }),
    );
    // What is signed with a key claims nothing.
    expect((await verifier.verify(attestation(), { claims: { source_ref: 'x' } })).error?.code).toBe(
      'CLAIM_MISMATCH',
    );
  });

  test('a trusted root alone serves, too', async () => {
    const out = join(temporaryDirectory(), 'out');
    await site.run(['trust', 'export', '--out', out]);
    const json = readFileSync(join(out, 'sigstore', 'trusted_root.json'));
    const alone = trustedRootVerifier(json, { name: 'trusted_root.json', now: site.now });
    expect(alone.now).toBe(site.now);
    const { verified, verdicts } = await alone.verify(attestation());
    // The key of the attestor is a TUF target, which a trusted root does not have.
    expect(verified).toBe(false);
    expect(verdicts[0]?.error?.code).toBe('SIGNER_UNTRUSTED');
    const key = loadPublicKey(file('attestor.pub'));
    expect(await alone.verify(attestation(), { key })).toMatchObject({ verified: true });
  });
});
