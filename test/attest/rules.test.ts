import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadTrust, type TrustInputs } from '../../src/attest/authority/verifier-trust.ts';
import { preAuthEncoding } from '../../src/attest/document/envelope.ts';
import { parseAttestations } from '../../src/attest/document/parse.ts';
import { fitsText, parsePattern } from '../../src/attest/policy/pattern.ts';
import { parsePolicy } from '../../src/attest/policy/policy-file.ts';
import { preflight } from '../../src/attest/preflight.ts';
import { type VerifyOptions, verifyAttestation } from '../../src/attest/verify.ts';
import { addDuration, DAY, type Duration, days, instant } from '../../src/base/clock.ts';
import { generateKey, sign, signerOf } from '../../src/base/keys.ts';
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

  test('what was found and what was expected of a key is shown in one form', async () => {
    const site = await makeSite();
    const [stranger, other] = [generateKey(), generateKey()];
    const { bytes } = await site.sign({ key: stranger });
    const found = [`sha256:${stranger.publicKey.id}`];
    const unknown = await verdictOf(bytes, site.trust);
    expect(unknown.error?.details).toEqual({
      found,
      expected: [`attestor.pub sha256:${site.key.publicKey.id}`],
    });
    const key = { ...site.attestor, name: 'other.pub', key: other.publicKey };
    const wrong = await verdictOf(bytes, site.trust, { key });
    expect(wrong.error).toMatchObject({
      code: 'SIGNATURE_INVALID',
      details: { found, expected: [`other.pub sha256:${other.publicKey.id}`] },
    });
    expect(wrong.error?.hints.join()).not.toContain('trust sync');
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

describe('an envelope with two signatures', () => {
  const unlogged = { requireLog: false };
  const ruleOf = (...keys: string[]) =>
    parsePolicy(
      Buffer.from(JSON.stringify({ version: 1, rules: [{ keys, require_log: false }] })),
      'policy.json',
    ).rules[0]!;

  /** One envelope that the site's key A, and a key B, have signed. */
  async function makeTwice() {
    const site = await makeSite();
    const keyB = generateKey();
    const [a, b] = [await site.sign(), await site.sign({ key: keyB })];
    const envelopeOf = ({ bytes }: { bytes: Uint8Array }) =>
      (JSON.parse(Buffer.from(bytes).toString()) as { dsseEnvelope: { signatures: object[] } }).dsseEnvelope;
    const [ofA, ofB] = [envelopeOf(a), envelopeOf(b)];
    const envelope = (...signatures: object[]) => Buffer.from(JSON.stringify({ ...ofA, signatures }));
    const attestorB = { ...site.attestor, name: 'b.pub', target: 'b.pub', key: keyB.publicKey };
    const [sigA, sigB] = [ofA.signatures[0]!, ofB.signatures[0]!];
    return { site, attestorB, envelope, sigA, sigB };
  }
  const preAuthEncodingOf = (bytes: Buffer) => {
    const { payloadType, payload } = JSON.parse(bytes.toString()) as Record<string, string>;
    return preAuthEncoding(payloadType!, Buffer.from(payload!, 'base64'));
  };
  const judge = async (bytes: Buffer, trust: TrustInputs, options: VerifyOptions) => {
    const [parsed] = [...parseAttestations(bytes, 'envelope')];
    if (!parsed || 'error' in parsed) throw parsed?.error ?? new Error('nothing');
    const verdict = await verifyAttestation(parsed.attestation, loadTrust(trust), options, NOW);
    return verdict.error?.code;
  };

  test('by A and B passes where A, B or both are asked for, in either order', async () => {
    const { site, attestorB, envelope, sigA, sigB } = await makeTwice();
    const trust = { ...site.trust, attestors: [site.attestor, attestorB] };
    for (const bytes of [envelope(sigA, sigB), envelope(sigB, sigA)]) {
      expect(await judge(bytes, trust, { rule: ruleOf('b.pub') })).toBeUndefined();
      expect(await judge(bytes, trust, { rule: ruleOf('attestor.pub') })).toBeUndefined();
      expect(await judge(bytes, trust, { ...unlogged, signatures: 2 })).toBeUndefined();
      expect(await judge(bytes, trust, { ...unlogged, signatures: 3 })).toBe('SIGNATURE_THRESHOLD');
      expect(await judge(bytes, trust, { ...unlogged, key: attestorB })).toBeUndefined();
      expect(await judge(bytes, trust, { rule: ruleOf('c.pub') })).toBe('POLICY_UNSATISFIED');
    }
  });

  test('passes by B where A is retired, unknown or withdrawn, and A does not count', async () => {
    const { site, attestorB, envelope, sigA, sigB } = await makeTwice();
    const retired = { ...site.attestor, validUntil: instant(NOW - 1) };
    const revoked = [{ keyId: site.key.publicKey.id, target: 'attestor.pub', removedAt: NOW }];
    const bytes = envelope(sigA, sigB);
    for (const trust of [
      { ...site.trust, attestors: [retired, attestorB] },
      { ...site.trust, attestors: [attestorB] },
      { ...site.trust, attestors: [attestorB], revoked },
    ]) {
      expect(await judge(bytes, trust, { rule: ruleOf('b.pub') })).toBeUndefined();
      expect(await judge(bytes, trust, unlogged)).toBeUndefined();
      expect(await judge(bytes, trust, { rule: ruleOf('attestor.pub') })).toBe('POLICY_UNSATISFIED');
      expect(await judge(bytes, trust, { ...unlogged, signatures: 2 })).toMatch(
        /^(?:KEY_RETIRED|SIGNATURE_THRESHOLD)$/,
      );
    }
    const onlyRetired = { ...site.trust, attestors: [retired] };
    expect(await judge(bytes, onlyRetired, unlogged)).toBe('KEY_RETIRED');
    expect(await judge(envelope(sigA), onlyRetired, unlogged)).toBe('KEY_RETIRED');
  });

  test('counts for those whose signatures are logged, each by itself', async () => {
    const { site, attestorB, envelope, sigA, sigB } = await makeTwice();
    const loggedRule = (...keys: string[]) => ({ ...ruleOf(...keys), requireLog: true });
    const all = { ...site.trust, attestors: [site.attestor, attestorB], carried: carry(site) };
    for (const bytes of [envelope(sigA, sigB), envelope(sigB, sigA)]) {
      expect(await judge(bytes, all, { rule: loggedRule('b.pub') })).toBeUndefined();
      expect(await judge(bytes, all, { rule: loggedRule('attestor.pub') })).toBeUndefined();
      expect(await judge(bytes, all, { signatures: 2 })).toBeUndefined();
    }
    // A third key's signature is in no log: it does not count, and does no harm.
    const [keyC, digest] = [generateKey(), preAuthEncodingOf(envelope(sigA))];
    const sigC = { sig: Buffer.from(sign(keyC, digest)).toString('base64') };
    const attestorC = { ...site.attestor, name: 'c.pub', target: 'c.pub', key: keyC.publicKey };
    const three = { ...all, attestors: [attestorC, site.attestor, attestorB] };
    const bytes = envelope(sigC, sigA, sigB);
    expect(await judge(bytes, three, { rule: ruleOf('c.pub') })).toBeUndefined();
    expect(await judge(bytes, three, { rule: loggedRule('b.pub') })).toBeUndefined();
    expect(await judge(bytes, three, { rule: loggedRule('c.pub') })).toBe('POLICY_UNSATISFIED');
    expect(await judge(bytes, three, { signatures: 3 })).toBe('SIGNATURE_THRESHOLD');
    expect(await judge(envelope(sigC), three, {})).toBe('LOG_ENTRY_MISSING');
  });

  test('a broken signature is by no one and does not spoil the other', async () => {
    const { site, attestorB, envelope, sigB } = await makeTwice();
    const broken = { sig: Buffer.alloc(64, 7).toString('base64'), keyid: 'attestor.pub' };
    const trust = { ...site.trust, attestors: [site.attestor, attestorB] };
    expect(await judge(envelope(broken, sigB), trust, { rule: ruleOf('b.pub') })).toBeUndefined();
    expect(await judge(envelope(broken, sigB), trust, { rule: ruleOf('attestor.pub') })).toBe(
      'POLICY_UNSATISFIED',
    );
  });

  test('one key under two target names is there under both, and is one', async () => {
    const { site, envelope, sigA } = await makeTwice();
    const renamed = { ...site.attestor, name: 'new.pub', target: 'new.pub' };
    const retired = { ...site.attestor, validUntil: instant(NOW - 1) };
    const trust = { ...site.trust, attestors: [retired, renamed] };
    expect(await judge(envelope(sigA), trust, { rule: ruleOf('new.pub') })).toBeUndefined();
    expect(await judge(envelope(sigA), trust, { rule: ruleOf('attestor.pub') })).toBe('POLICY_UNSATISFIED');
    expect(await judge(envelope(sigA), trust, { ...unlogged, signatures: 2 })).toBe('SIGNATURE_THRESHOLD');
  });

  test('a key that was given as a file has no target’s name', async () => {
    const { site, envelope, sigA } = await makeTwice();
    const given = { ...site.attestor, name: 'attestor.pub', target: undefined };
    const judgeBy = (rule: NonNullable<VerifyOptions['rule']>) =>
      judge(envelope(sigA), site.trust, { key: given, rule });
    expect(await judgeBy(ruleOf('attestor.pub'))).toBe('POLICY_UNSATISFIED');
    expect(await judgeBy(ruleOf(`sha256:${site.key.publicKey.id}`))).toBeUndefined();
  });
});

describe('logs', () => {
  test('the key of the log must be trusted, and valid at the signing time', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const [log] = site.trustedRoot.tlogs;
    const withLog = (more: object) => ({
      ...site.trust,
      instances: [{ name: 'test', trustedRoot: { ...site.trustedRoot, tlogs: [{ ...log!, ...more }] } }],
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
      await codeOf(bytes, {
        ...site.trust,
        instances: [{ name: 'test', trustedRoot: { ...site.trustedRoot, tlogs: [] } }],
      }),
    ).toBe('CHECKPOINT_SIGNATURE');
  });

  test('a withdrawn log key verifies nothing, and the hint says since when', async () => {
    const site = await makeSite();
    const { bytes } = await site.sign();
    const revoked = [
      { keyId: site.logKey.publicKey.id, target: 'rekor-key-v1.pub', usage: 'Rekor', removedAt: NOW },
    ];
    const instances = [{ name: 'test', trustedRoot: { ...site.trustedRoot, tlogs: [] } }];
    const { error } = await verdictOf(bytes, { ...site.trust, instances, revoked });
    expect(error?.code).toBe('CHECKPOINT_SIGNATURE');
    expect(error?.hints[0]).toContain('rekor-key-v1.pub, which was revoked');
    // An Ed25519 log's id does not follow from its key alone: the store remembers it, whole or cut.
    const { logId } = site.trustedRoot.tlogs[0]!;
    for (const logIds of [[logId], [logId.slice(0, 8)]]) {
      const remembered = [{ ...revoked[0]!, logIds }];
      const verdict = await verdictOf(bytes, { ...site.trust, instances, revoked: remembered });
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
    const instances = [{ name: 'test', trustedRoot: assembleTrustedRoot(targets, ENDPOINTS) }];
    const trust = { ...site.trust, instances };
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

describe('a pattern', () => {
  const matches = (pattern: string, text: string) => fitsText(parsePattern(pattern), text);

  test('matches whole texts only, and cannot break out of its anchors', async () => {
    expect(matches('https://github.com/org/.*', 'https://github.com/org/repo')).toBe(true);
    expect(matches('https://github.com/org/', 'https://evil.example/https://github.com/org/')).toBe(false);
    expect(matches('a|b', 'ab')).toBe(false);
    expect(matches('a|ab', 'ab')).toBe(true);
    expect(matches('(?m)^b$', 'a\nb')).toBe(false);
    await refusal('USAGE', () => parsePattern('a)|(.*'));
    await refusal('USAGE', () => parsePattern(''));
  });

  test('that would take 191 seconds with backtracking takes none', () => {
    const started = performance.now();
    const hostile = `https://github.com/${'a'.repeat(4000)}!`;
    expect(matches('^https://github\\.com/([\\w.-]+/?)+@refs/heads/main$', hostile)).toBe(false);
    expect(matches('(a|a)*(a*)*b', 'a'.repeat(4000))).toBe(false);
    expect(matches('(\\pL{1,30}){30}x', 'a'.repeat(4000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('never fits a text that is longer than any identity', () => {
    expect(matches('.*', 'a'.repeat(4096))).toBe(true);
    expect(matches('.*', 'a'.repeat(4097))).toBe(false);
  });

  test.each([
    ['(?=a).*', 'look-around'],
    ['(?<!a)b', 'look-around'],
    ['(a)\\1', 'look-around'],
    ['\\u0041', '\\x{41}'],
    [`(${'(\\w{0,999}x|'.repeat(30)}a${')'.repeat(30)})*`, 'repeat less'],
  ])('in a syntax that does not stay linear is refused when it is read: %s', async (pattern, hint) => {
    const error = await refusal('USAGE', () => parsePattern(pattern));
    expect(error.hints.join(' ')).toContain(hint);
  });
});
