import { describe, expect, test } from 'vitest';
import type { TrustInputs } from '../../src/attest/authority/verifier-trust.ts';
import { parsePolicy } from '../../src/attest/policy/policy-file.ts';
import { verdictJson } from '../../src/attest/verdict/verdict-json.ts';
import type { VerifyOptions } from '../../src/attest/verify.ts';
import { instant } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import { parsePublicKey } from '../../src/base/keys.ts';
import { verdictText } from '../../src/cli/commands/attest/verdict-text.ts';
import { keyOf, sha256 } from '../support/sigstore/certificates.ts';
import type { Json } from '../support/sigstore/edit.ts';
import { instancesOf, judgeMade } from '../support/sigstore/judge.ts';
import { logOf } from '../support/sigstore/log.ts';
import {
  authorityOf,
  ctLog,
  DAY,
  ISSUED,
  logJson,
  make,
  type Scenario,
  SIGNED,
  tsaOf,
} from '../support/sigstore/scenario.ts';
import { EVER } from './samples.ts';

/** One instance with logs, one without any, and a third with other logs, each with a timestamp authority of its own. */
const [withLog, logless, third] = ['with log', 'logless', 'third'].map((name, i) => ({
  authority: authorityOf(name),
  tsa: tsaOf(`tsa of ${name}`),
  log: logOf(i === 2 ? 2 : 1),
  ctLog: i === 0 ? ctLog : keyOf(`ct log of ${name}`),
}));

type TestInstance = NonNullable<typeof withLog>;

const rootOf = (instance: TestInstance, hasLogs = true, hasTsa = true): Json =>
  make({
    authority: instance.authority,
    logs: hasLogs ? [instance.log] : [],
    tsas: hasTsa ? [instance.tsa] : [],
    root: [
      [
        'ctlogs',
        hasLogs
          ? [logJson({ key: instance.ctLog, host: 'ct.example.com', logId: sha256(instance.ctLog.spki) })]
          : [],
      ],
    ],
  }).root;

const ROOTS = {
  withLog: rootOf(withLog!),
  withLogOnly: rootOf(withLog!, true, false),
  logless: rootOf(logless!, false),
  third: rootOf(third!),
};

interface Evidence {
  readonly by: TestInstance;
  readonly log?: TestInstance;
  readonly tsa?: TestInstance;
  readonly ct?: TestInstance;
}

function attestation({ by, log, tsa, ct }: Evidence): Json {
  const scenario: Scenario = {
    content: 'dsse',
    authority: by.authority,
    leaf: { scts: ct ? [{ log: ct.ctLog }] : [] },
    entries: log ? [{ log: log.log }] : [],
    timestamps: tsa ? [{ tsa: tsa.tsa }] : [],
  };
  return make(scenario).bundle;
}

const [A, B, C] = [withLog!, logless!, third!];
const EVERY = ['withLog', 'logless', 'third'] as const;

describe('what the certifying instance offers decides what is required', () => {
  test.each<[string, Evidence, readonly (keyof typeof ROOTS)[], ErrorCode | 'holds']>([
    ['with a log: its entry', { by: A, ct: A, log: A }, ['withLog'], 'holds'],
    ['with a log: its entry and its timestamp', { by: A, ct: A, log: A, tsa: A }, EVERY, 'holds'],
    ['with a log: no evidence', { by: A, ct: A }, EVERY, 'TIMESTAMP_INVALID'],
    ['with a log: its timestamp alone', { by: A, ct: A, tsa: A }, ['withLog'], 'LOG_ENTRY_MISSING'],
    [
      'with a log: the other having none excuses nothing',
      { by: A, ct: A, tsa: A },
      EVERY,
      'LOG_ENTRY_MISSING',
    ],
    ['with a log: the timestamp of the one without', { by: A, ct: A, tsa: B }, EVERY, 'TIMESTAMP_INVALID'],
    [
      'with a log: its entry, the timestamp of another',
      { by: A, ct: A, log: A, tsa: B },
      EVERY,
      'TIMESTAMP_INVALID',
    ],
    ["with a log: another's entry", { by: A, ct: A, log: C, tsa: A }, EVERY, 'CHECKPOINT_SIGNATURE'],
    ["with a log: another's CT log", { by: A, ct: C, log: A }, EVERY, 'SCT_INVALID'],
    ['with a log: no CT log', { by: A, log: A }, EVERY, 'SCT_INVALID'],
    ['without a log: its timestamp', { by: B, tsa: B }, ['logless'], 'holds'],
    ['without a log: its timestamp, others being there', { by: B, tsa: B }, EVERY, 'holds'],
    ['without a log: no evidence', { by: B }, EVERY, 'TIMESTAMP_INVALID'],
    ['without a log: the timestamp of another', { by: B, tsa: A }, EVERY, 'TIMESTAMP_INVALID'],
    ['without a log: the entry of another', { by: B, log: A }, EVERY, 'CHECKPOINT_SIGNATURE'],
    [
      'without a log: its timestamp, the entry of another',
      { by: B, tsa: B, log: A },
      EVERY,
      'CHECKPOINT_SIGNATURE',
    ],
    ["without a log: another's CT log", { by: B, tsa: B, ct: A }, EVERY, 'SCT_INVALID'],
    ['an instance that the trust lacks', { by: B, tsa: B }, ['withLog', 'third'], 'CERTIFICATE_UNTRUSTED'],
    ['a trusted root twice', { by: A, ct: A, log: A, tsa: A }, ['withLog', 'withLog'], 'holds'],
    [
      'an older and a newer one of one instance',
      { by: A, ct: A, log: A, tsa: A },
      ['withLogOnly', 'withLog'],
      'holds',
    ],
  ])('%s', async (_, evidence, roots, expected) => {
    const verdict = await judgeMade(attestation(evidence), {
      instances: instancesOf(...roots.map((name) => ROOTS[name])),
    });
    expect(verdict.error?.code ?? 'holds').toBe(expected);
  });

  test('the refusal names both instances', async () => {
    const instances = instancesOf(...EVERY.map((name) => ROOTS[name]));
    for (const evidence of [
      { by: A, ct: A, log: C, tsa: A },
      { by: A, ct: C, log: A },
      { by: C, ct: C, log: C, tsa: B },
    ]) {
      const { error } = await judgeMade(attestation(evidence), { instances });
      expect(error?.hints.join()).toMatch(
        /is of test line \d, its (CT log|log|timestamp authority) of test line \d/,
      );
    }
  });

  test('a root that names a certificate authority and no logs takes nothing from another that has both', async () => {
    const copy = rootOf(A, false);
    const bundle = attestation({ by: A, ct: A, tsa: A });
    expect((await judgeMade(bundle, { instances: instancesOf(copy, ROOTS.withLog) })).error?.code).toBe(
      'LOG_ENTRY_MISSING',
    );
  });

  test('an instance whose logs lost their keys still has logs', async () => {
    const instances = instancesOf(ROOTS.logless).map((each) => ({ ...each, hasOtherLogs: true }));
    expect((await judgeMade(attestation({ by: B, tsa: B }), { instances })).error?.code).toBe(
      'LOG_ENTRY_MISSING',
    );
  });

  test.each<[boolean | undefined, Evidence, ErrorCode | 'holds']>([
    [undefined, { by: B, tsa: B }, 'holds'],
    [true, { by: B, tsa: B }, 'LOG_ENTRY_MISSING'],
    [false, { by: B, tsa: B }, 'holds'],
    [undefined, { by: A, ct: A, tsa: A }, 'LOG_ENTRY_MISSING'],
    [true, { by: A, ct: A, tsa: A }, 'LOG_ENTRY_MISSING'],
    [false, { by: A, ct: A, tsa: A }, 'holds'],
    [false, { by: B }, 'TIMESTAMP_INVALID'],
  ])('a policy with require_log %s', async (required, evidence, expected) => {
    const json = { version: 1, rules: [required === undefined ? {} : { require_log: required }] };
    const [rule] = parsePolicy(Buffer.from(JSON.stringify(json)), 'policy').rules;
    const instances = instancesOf(...EVERY.map((name) => ROOTS[name]));
    const { error } = await judgeMade(attestation(evidence), { instances }, { rule });
    expect(error?.code ?? 'holds').toBe(expected);
  });

  test('what is signed with a key must be logged, whatever instances there are', async () => {
    const made = make({ content: 'dsse', signer: 'key', entries: [], timestamps: [{ tsa: B.tsa }] });
    const options: VerifyOptions = {
      key: { key: parsePublicKey(Buffer.from(made.publicKey)), name: 'key', ...EVER },
    };
    const { error } = await judgeMade(made.bundle, { instances: instancesOf(ROOTS.logless) }, options);
    expect(error?.code).toBe('LOG_ENTRY_MISSING');
  });

  test('the verdict says which instance it is, and what it offers', async () => {
    const instances = instancesOf(...EVERY.map((name) => ROOTS[name]));
    const shown = async (evidence: Evidence) => {
      const verdict = await judgeMade(attestation(evidence), { instances });
      const document = verdictJson('it', verdict);
      return [
        document.instance,
        verdictText(document, { trust: verdict.trust, explain: true, isToldWhy: false }),
      ] as const;
    };
    const [logged, loggedText] = await shown({ by: A, ct: A, log: A });
    expect(logged).toEqual({ name: 'test line 1', shows: 'log entry' });
    expect(loggedText).toContain('  instance  test line 1 has a log\n');
    const [stamped, stampedText] = await shown({ by: B, tsa: B });
    expect(stamped).toEqual({ name: 'test line 2', shows: 'timestamp' });
    expect(stampedText).toContain('  instance  test line 2 has no log; time by its timestamp authority\n');
    expect(stampedText).toContain(
      'log-entry     not-applicable: test line 2 has no log; time by its timestamp',
    );
  });
});

describe('an attestation that is newer than the trust', () => {
  const store = (sealedAt: number, how: 'sealed' | 'synced' = 'sealed'): TrustInputs['origin'] => ({
    kind: 'store',
    name: 'trust store generation 1',
    sealedAt: instant(sealedAt),
    how,
  });
  const later: TestInstance = { ...A, log: logOf(2), tsa: tsaOf('a new tsa'), ctLog: keyOf('a new ct log') };
  const newer = authorityOf('newer', { called: 'with log' });
  const before = ISSUED - DAY;

  test.each<[string, Json, ErrorCode]>([
    ['a new log', attestation({ by: A, ct: A, log: later, tsa: A }), 'CHECKPOINT_SIGNATURE'],
    ['a new timestamp authority', attestation({ by: A, ct: A, log: A, tsa: later }), 'TIMESTAMP_INVALID'],
    ['a new CT log', attestation({ by: A, ct: later, log: A }), 'SCT_INVALID'],
    [
      'a new certificate authority',
      attestation({ by: { ...A, authority: newer }, ct: A, log: A }),
      'CERTIFICATE_UNTRUSTED',
    ],
  ])('by %s is told apart from a wrong one', async (_, bundle, code) => {
    const instances = instancesOf(ROOTS.withLog);
    const { error } = await judgeMade(bundle, { instances, origin: store(before) });
    expect(error?.code).toBe(code);
    expect(error?.hints.join('\n')).toContain(
      'the trust may be too old: the attestation of test is of 2025-06-01T12:00:00Z, the trust was sealed at 2025-05-31T12:00:00Z\nimport a newer bundle',
    );
    expect(error?.details).toMatchObject({
      instance: 'test',
      attestation_at: '2025-06-01T12:00:00Z',
      trust_at: '2025-05-31T12:00:00Z',
    });
    // A trust that is newer than the attestation would know.
    const current = await judgeMade(bundle, { instances, origin: store(SIGNED + DAY) });
    expect(current.error?.code).toBe(code);
    expect(current.error?.hints.join()).not.toContain('too old');
    const synced = await judgeMade(bundle, { instances, origin: store(before, 'synced') });
    expect(synced.error?.hints.join()).toContain('stella trust sync');
    // A trusted root does not say how old it is, but since when the newest that it knows counts.
    const file = await judgeMade(bundle, { instances });
    expect(file.error?.hints.join('\n')).toMatch(
      /nothing of it that is newer than 2023-07-02.*\nget a newer trusted root/,
    );
  });

  test('is not told of what is plainly wrong', async () => {
    const instances = instancesOf(ROOTS.withLog);
    const origin = store(before);
    const tampered = make({
      authority: A.authority,
      tsas: [A.tsa],
      timestamps: [{ tsa: A.tsa, over: Buffer.from('x') }],
    });
    expect((await judgeMade(tampered.bundle, { instances, origin })).error?.hints.join()).not.toContain(
      'too old',
    );
    const stranger = attestation({ by: { ...A, authority: authorityOf('stranger') }, ct: A, log: A });
    expect((await judgeMade(stranger, { instances, origin })).error?.hints.join()).not.toContain('too old');
  });
});
