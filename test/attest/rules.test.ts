import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadTrust, type TrustInputs } from '../../src/attest/authority/verifier-trust.ts';
import { parseAttestations } from '../../src/attest/document/parse.ts';
import { parsePattern } from '../../src/attest/policy/identity-rule.ts';
import { preflight } from '../../src/attest/preflight.ts';
import { type VerifyOptions, verifyAttestation } from '../../src/attest/verify.ts';
import { addDuration, DAY, type Duration, days, instant } from '../../src/base/clock.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { logDirectory } from '../../src/logs/store.ts';
import { appendEntries, initLog, loadLog } from '../../src/logs/writer.ts';
import { freshnessWindow, judgeFreshness } from '../../src/trust/freshness.ts';
import { assembleTrustedRoot } from '../../src/trust/trusted-root.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { verifyBytes } from './samples.ts';
import { ARTIFACT, ENDPOINTS, makeSite, NOW, ORIGIN, type Site } from './signed.ts';

const verdictOf = (bytes: Uint8Array, trust: TrustInputs, options: VerifyOptions = {}) =>
  verifyBytes(bytes, { trust: loadTrust(trust), options: { artifact: ARTIFACT, ...options } });

const codeOf = async (bytes: Uint8Array, trust: TrustInputs, options: VerifyOptions = {}) =>
  (await verdictOf(bytes, trust, options)).error?.code;

/** The log as a sealed bundle or a trust store carries it. */
function carry(site: Site, from = site.log): NonNullable<TrustInputs['carried']> {
  const directory = temporaryDirectory();
  const own = logDirectory(directory, ORIGIN);
  mkdirSync(own, { recursive: true });
  cpSync(from, own, { recursive: true });
  const checkpoint = Buffer.from(loadLog(from).checkpointBytes).toString();
  return { directory, logs: [{ origin: ORIGIN, checkpoint }] };
}

describe('keys', () => {
  test('a key that nobody distributes is not trusted', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign({ key: generateKey() });
    expect(await codeOf(bytes, site.trust)).toBe('SIGNER_UNTRUSTED');
    expect(await codeOf(bytes, { ...site.trust, attestors: [] })).toBe('SIGNER_UNTRUSTED');
  });

  test('a retired key verifies what was signed before it was retired, and nothing after', async () => {
    const site = await makeSite();
    const trust = { ...site.trust, attestors: [{ ...site.attestor, validUntil: NOW }] };
    expect(await codeOf((await site.sign({ now: NOW })).bytes, trust)).toBeUndefined();
    expect(await codeOf((await site.sign({ now: NOW + 1000 })).bytes, trust)).toBe('KEY_RETIRED');
    const later = { ...site.trust, attestors: [{ ...site.attestor, validFrom: instant(NOW + 1) }] };
    expect(await codeOf((await site.sign({ now: NOW })).bytes, later)).toBe('KEY_RETIRED');
  });

  test('a withdrawn key verifies nothing, and the message says since when', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const revoked = [{ keyId: site.key.publicKey.id, target: 'attestor.pub', removedAt: NOW }];
    const { error } = await verdictOf(bytes, { ...site.trust, attestors: [], revoked });
    expect(error).toMatchObject({ code: 'KEY_REVOKED' });
    expect(error?.message).toContain('2026-08-22T00:00:00Z');
  });

  test('a key given by the caller must be the one', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const other = { ...site.attestor, key: generateKey().publicKey };
    expect(await codeOf(bytes, site.trust, { key: site.attestor })).toBeUndefined();
    expect(await codeOf(bytes, site.trust, { key: other })).toBe('SIGNATURE_INVALID');
  });

  test('an identity rule is not satisfied by a key', async () => {
    const site = await makeSite();
    const identity = { subject: { exactly: 'somebody@example.com' } };
    expect(await codeOf((await site.sign()).bytes, site.trust, { identity })).toBe('IDENTITY_MISMATCH');
  });

  test('a threshold counts different trusted keys', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    expect(await codeOf(bytes, site.trust, { signatures: 2 })).toBe('SIGNATURE_THRESHOLD');
    const twin = { ...site.attestor, name: 'the same key again' };
    const doubled = { ...site.trust, attestors: [site.attestor, twin] };
    expect(await codeOf(bytes, doubled, { signatures: 2 })).toBe('SIGNATURE_THRESHOLD');
  });
});

describe('logs', () => {
  test('the key of the log must be trusted, and valid at the signing time', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const [log] = site.trust.trustedRoot!.tlogs;
    const withLog = (more: object) => ({
      ...site.trust,
      trustedRoot: { ...site.trust.trustedRoot!, tlogs: [{ ...log!, ...more }] },
    });
    expect(await codeOf(bytes, withLog({ validUntil: NOW }))).toBeUndefined();
    expect(await codeOf(bytes, withLog({ validFrom: NOW }))).toBeUndefined();
    expect(await codeOf(bytes, withLog({ validUntil: NOW - 1 }))).toBe('LOG_KEY_INVALID');
    expect(await codeOf(bytes, withLog({ validFrom: instant(NOW + 1) }))).toBe('LOG_KEY_INVALID');
    expect(await codeOf(bytes, withLog({ validFrom: undefined }))).toBe('LOG_KEY_INVALID');
    expect(await codeOf(bytes, withLog({ baseUrl: 'https://other.example.com' }))).toBe(
      'CHECKPOINT_SIGNATURE',
    );
    expect(
      await codeOf(bytes, { ...site.trust, trustedRoot: { ...site.trust.trustedRoot!, tlogs: [] } }),
    ).toBe('CHECKPOINT_SIGNATURE');
  });

  test('a withdrawn log key verifies nothing, and the hint says since when', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const revoked = [
      { keyId: site.logKey.publicKey.id, target: 'rekor-key-v1.pub', usage: 'Rekor', removedAt: NOW },
    ];
    const trustedRoot = { ...site.trust.trustedRoot!, tlogs: [] };
    const { error } = await verdictOf(bytes, { ...site.trust, trustedRoot, revoked });
    expect(error?.code).toBe('CHECKPOINT_SIGNATURE');
    expect(error?.hints[0]).toContain('rekor-key-v1.pub, which was revoked');
    // An Ed25519 log's id does not follow from its key alone: the store remembers it, whole or cut.
    const { logId } = site.trust.trustedRoot!.tlogs[0]!;
    for (const logIds of [[logId], [logId.slice(0, 8)]]) {
      const remembered = [{ ...revoked[0]!, logIds }];
      const verdict = await verdictOf(bytes, { ...site.trust, trustedRoot, revoked: remembered });
      expect(verdict.error?.code).toBe('KEY_REVOKED');
      expect(verdict.error?.message).toContain('rekor-key-v1.pub was revoked');
    }
    const ecdsa = await makeSite('ed25519', 'ecdsa-p256');
    const known = [{ ...revoked[0]!, keyId: ecdsa.logKey.publicKey.id }];
    expect(await codeOf((await ecdsa.sign()).bytes, { ...ecdsa.trust, revoked: known })).toBe('KEY_REVOKED');
  });

  test('an attestation from before is shown to be part of the sealed log', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    for (let i = 0; i < 5; i += 1) await site.sign();
    const before = await verdictOf(bytes, { ...site.trust, carried: carry(site) });
    expect(before.logs).toMatchObject([{ consistency: 'shown' }]);
    const carried = carry(site);
    const later = await verdictOf((await site.sign()).bytes, { ...site.trust, carried });
    expect(later.logs).toMatchObject([{ consistency: 'not shown' }]);
    expect(later.logs[0]!.reason).toContain('after the trust was sealed (at size 6)');
  });

  test('a fork between attestation and sealed log is refused', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const fork = join(temporaryDirectory(), 'fork');
    const signer = signerOf(site.logKey);
    await initLog(fork, { origin: ORIGIN, signer });
    await appendEntries(fork, [Buffer.from('one'), Buffer.from('two')], signer);
    const trust = { ...site.trust, carried: carry(site, fork) };
    expect(await codeOf(bytes, trust)).toBe('LOG_FORK');
  });

  test('a bare envelope is proved from carried entries and tiles, or refused', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    await site.sign();
    const { dsseEnvelope } = JSON.parse(Buffer.from(bytes).toString()) as { dsseEnvelope: object };
    const [parsed] = parseAttestations(Buffer.from(JSON.stringify(dsseEnvelope)), 'it');
    if (!parsed || 'error' in parsed) throw new Error('not parsed');
    const judge = (trust: TrustInputs) =>
      verifyAttestation(parsed.attestation, loadTrust(trust), { artifact: ARTIFACT }, NOW);
    expect((await judge(site.trust)).error?.code).toBe('LOG_ENTRY_MISSING');
    const shown = await judge({ ...site.trust, carried: carry(site) });
    expect(shown).toMatchObject({
      verified: true,
      logs: [{ index: 0n, shownBy: 'carried tiles', consistency: 'shown' }],
    });
  });

  test('a grace period has two keys for one log', async () => {
    const site = await makeSite();
    const next = await makeSite();
    const targets = [...site.targets, { ...next.targets[0]!, name: 'rekor-key-v2.pub' }];
    const trust = { ...site.trust, trustedRoot: assembleTrustedRoot(targets, ENDPOINTS) };
    expect(await codeOf((await site.sign()).bytes, trust)).toBeUndefined();
    const attestors = [site.attestor, { ...next.attestor, name: 'next' }];
    expect(await codeOf((await next.sign()).bytes, { ...trust, attestors })).toBeUndefined();
  });
});

describe('the trust store', () => {
  test('that is too old refuses everything, and a wider window is recorded', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const origin = (maxAge?: Duration) => ({
      ...site.trust.origin,
      sealedAt: addDuration(NOW, days(-8)),
      freshness: judgeFreshness(
        addDuration(NOW, days(-8)),
        NOW,
        freshnessWindow({ thresholdDays: 7, maxAge: maxAge }),
      ),
    });
    expect(await codeOf(bytes, { ...site.trust, origin: origin() })).toBe('STORE_STALE');
    const widened = await verdictOf(bytes, { ...site.trust, origin: origin(days(9)) });
    expect(widened.verified).toBe(true);
    expect(widened.trust.freshness?.window.widenedBy).toBe(2 * DAY);
  });
});

describe('preflight', () => {
  test('says which attestations will verify on the other side, and why the others will not', async () => {
    const site = await makeSite();
    const good = await site.sign();
    const bad = await site.sign({ key: generateKey() });
    const results = await preflight(
      [
        { name: 'good.json', bytes: good.bytes },
        { name: 'bad.json', bytes: bad.bytes },
        { name: 'none.json', bytes: Buffer.from('{}') },
      ],
      loadTrust(site.trust),
      NOW,
    );
    expect(results.map(({ name, error }) => [name, error?.code])).toEqual([
      ['good.json', undefined],
      ['bad.json', 'SIGNER_UNTRUSTED'],
      ['none.json', 'PARSE_FAILED'],
    ]);
  });
});

test('a pattern matches whole texts only, and cannot break out of its anchors', async () => {
  const matches = (pattern: string, text: string) => {
    const rule = parsePattern(pattern);
    return 'matches' in rule && rule.matches.test(text);
  };
  expect(matches('https://github.com/org/.*', 'https://github.com/org/repo')).toBe(true);
  expect(matches('https://github.com/org/', 'https://evil.example/https://github.com/org/')).toBe(false);
  expect(matches('a|b', 'ab')).toBe(false);
  await refusal('USAGE', () => parsePattern('a)|(.*'));
  await refusal('USAGE', () => parsePattern(''));
});
