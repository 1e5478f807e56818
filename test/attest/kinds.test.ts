import { describe, expect, test } from 'vitest';
import { instancesOfTrustedRoot, loadTrust } from '../../src/attest/authority/verifier-trust.ts';
import { artifactOf } from '../../src/attest/document/artifact.ts';
import { parseAttestations } from '../../src/attest/document/parse.ts';
import { verifyAttestation } from '../../src/attest/verify.ts';
import { DerReader } from '../../src/attest/x509/der.ts';
import { signatureAlgorithmIn } from '../../src/attest/x509/signature-algorithm.ts';
import { instant } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { parsePublicKey } from '../../src/base/keys.ts';
import {
  authority as caBasics,
  extension,
  type KeyKind,
  keyOf,
  PURPOSES,
  pssParams,
  sha256,
  signWith,
} from '../support/sigstore/certificates.ts';
import { nothing, oid, sequence } from '../support/sigstore/der.ts';
import { base64, type Edit, type Json } from '../support/sigstore/edit.ts';
import { type EntryOptions, logOf } from '../support/sigstore/log.ts';
import {
  ARTIFACT,
  authorityJson,
  authorityOf,
  ctLog,
  DAY,
  defaultAuthority,
  defaultTsa,
  EXPIRES,
  IDENTITY,
  ISSUED,
  ISSUER,
  leafOf,
  make,
  type Scenario,
  SIGNED,
  tsaOf,
  type Version,
} from '../support/sigstore/scenario.ts';
import { EVER } from './samples.ts';

/** The code that a scenario is refused with, or `verified`. */
async function judge(
  scenario: Scenario,
  subject = IDENTITY,
  artifact = artifactOf('a.txt', ARTIFACT),
): Promise<ErrorCode | 'verified'> {
  const { bundle, root, publicKey } = make(scenario);
  try {
    const trust = loadTrust({
      origin: { kind: 'trusted-root', name: 'test' },
      instances: instancesOfTrustedRoot(Buffer.from(JSON.stringify(root)), 'test'),
    });
    const [parsed] = parseAttestations(Buffer.from(JSON.stringify(bundle)), 'it');
    if ('error' in parsed!) return parsed.error.code;
    const options =
      scenario.signer === 'key'
        ? { key: { key: parsePublicKey(Buffer.from(publicKey)), name: 'key', ...EVER } }
        : { identity: { subject: { exactly: subject }, issuer: { exactly: ISSUER } } };
    const verdict = await verifyAttestation(
      parsed!.attestation,
      trust,
      { artifact, ...options },
      instant(SIGNED + DAY),
    );
    return verdict.error?.code ?? 'verified';
  } catch (error) {
    if (isStellaError(error)) return error.code;
    throw error;
  }
}

const v1 = logOf(1);
const v2 = logOf(2);
const other = keyOf('other');
const stamped: Scenario = { entries: [{ log: v2 }], timestamps: [{}] };
const iso = (instant: number) => new Date(instant).toISOString();

const SHOWN: Readonly<Record<string, Scenario>> = {
  'v0.1, promise': { version: '0.1', entries: [{ log: v1, proved: false }] },
  'v0.1, promise and proof': { version: '0.1' },
  'v0.2': { version: '0.2' },
  'v0.3': {},
  'v0.3, older media type': { version: '0.3 as 0.2 wrote it' },
  'v0.3, proof and timestamp': { entries: [{ log: v1, promised: false }], timestamps: [{}] },
  'v0.3, promise, proof and timestamp': { timestamps: [{}] },
  'Rekor v2': stamped,
  'Rekor v2 with an ECDSA key': { entries: [{ log: logOf(2, 'p256') }], timestamps: [{}] },
  'two logs': { entries: [{ log: v1 }, { log: v2 }], timestamps: [{}] },
  'two timestamps': { ...stamped, timestamps: [{}, { tsa: tsaOf('second'), time: SIGNED + 1000 }] },
};
const KINDS: readonly KeyKind[] = ['p256', 'p384', 'p521', 'ed25519', 'rsa2048'];

describe.each(['message', 'dsse'] as const)('every kind of Sigstore bundle verifies: %s', (content) => {
  describe.each(['certificate', 'key'] as const)('signed with a %s', (signer) => {
    test.each(Object.entries(SHOWN))('%s', async (_, scenario) => {
      for (const kind of KINDS)
        expect([kind, await judge({ ...scenario, content, signer, kind })]).toEqual([kind, 'verified']);
    });

    test('hashed with SHA-256 for a larger curve', async () => {
      for (const kind of ['p384', 'p521'] as const)
        expect(await judge({ content, signer, kind, hash: 'sha256' })).toBe('verified');
    });

    test('a timestamp is no log entry', async () => {
      const logs = [logOf(1)];
      expect(await judge({ content, signer, entries: [], logs, timestamps: [{}] })).toBe('LOG_ENTRY_MISSING');
    });
  });
});

describe.each(['certificate', 'key'] as const)(
  'kinds of signatures by a %s, with and without the artifact',
  (signer) => {
    const digests = artifactOf('a.txt', ARTIFACT).digests;
    const [whole, digest] = [artifactOf('a.txt', ARTIFACT), { name: 'a.txt', digests }];
    const by = (kind: KeyKind, artifact = whole, content: 'message' | 'dsse' = 'message') =>
      judge({ kind, signer, content }, IDENTITY, artifact);

    test('all that are hashed first verify by digest alone', async () => {
      for (const kind of ['p256', 'p384', 'p521', 'rsa2048', 'pss2048', 'ed25519ph'] as const)
        for (const artifact of [whole, digest])
          expect([kind, await by(kind, artifact)]).toEqual([kind, 'verified']);
    });

    test('plain Ed25519 needs the artifact', async () => {
      expect(await by('ed25519', digest)).toBe('ARTIFACT_REQUIRED');
    });

    test('an envelope is signed as it is: Ed25519ph is none of its kinds, PSS is', async () => {
      expect(await by('ed25519ph', whole, 'dsse')).toBe('SIGNATURE_INVALID');
      expect(await by('pss2048', whole, 'dsse')).toBe('verified');
    });

    test('Ed25519ph over something else is refused', async () => {
      const edit: Edit = [
        'messageSignature.signature',
        base64(signWith(keyOf('signer', 'ed25519ph'), other.spki)),
      ];
      for (const artifact of [whole, digest]) {
        const found = await judge({ kind: 'ed25519ph', signer, bundle: [edit] }, IDENTITY, artifact);
        expect(found).toBe(artifact === whole ? 'SIGNATURE_INVALID' : 'ARTIFACT_REQUIRED');
      }
    });
  },
);

test('authorities whose certificates and timestamps are signed with RSA-PSS', async () => {
  expect(await judge({ authority: authorityOf('pss ca', { kind: 'pss2048' }) })).toBe('verified');
  const tsa = tsaOf('pss tsa', { kind: 'pss2048' });
  expect(await judge({ ...stamped, timestamps: [{ tsa }] })).toBe('verified');
});

test('parameters of RSA-PSS that are not supported (RFC 4055 §3.1) name no algorithm', () => {
  const form = (...params: readonly Buffer[]) =>
    signatureAlgorithmIn(
      new DerReader(Buffer.concat([oid('1.2.840.113549.1.1.10'), ...params]), 'CERTIFICATE_INVALID'),
    )?.form;
  const pss = { padding: 'pss', hash: 'sha256' };
  expect(form(pssParams('sha256'))).toEqual({ ...pss, saltLength: 32 });
  expect(form(pssParams('sha256', 'sha256', 20))).toEqual({ ...pss, saltLength: 20 });
  expect(form(pssParams('sha384', 'sha384', 0, 1))).toEqual({ ...pss, hash: 'sha384', saltLength: 0 });
  // What is left out is SHA-1.
  expect(form()).toBeUndefined();
  expect(form(sequence())).toBeUndefined();
  expect(form(pssParams('sha256', 'sha384'))).toBeUndefined();
  expect(form(pssParams('sha256', 'sha256', 32, 2))).toBeUndefined();
});

test('logs, CT logs and timestamp authorities with keys of every kind', async () => {
  for (const kind of KINDS) {
    const ct = keyOf('a ct log', kind);
    const ctEdits: Edit[] = [
      ['ctlogs.0.publicKey.rawBytes', base64(ct.spki)],
      ['ctlogs.0.logId.keyId', base64(sha256(ct.spki))],
    ];
    const found = [
      await judge({ entries: [{ log: logOf(1, kind) }] }),
      await judge({ ...stamped, timestamps: [{ tsa: tsaOf('of a kind', { kind }) }] }),
      await judge({ authority: authorityOf('of a kind', { kind }) }),
      await judge({ leaf: { scts: [{ log: ct }] }, root: ctEdits }),
    ];
    expect([kind, ...found]).toEqual([kind, 'verified', 'verified', 'verified', 'verified']);
  }
});

type Case = readonly [what: string, scenario: Scenario, code: ErrorCode | 'verified'];
const entry = (change: Partial<EntryOptions>, log = v1): Scenario => ({
  entries: [{ log, ...change }],
  timestamps: log === v2 ? [{}] : [],
});
const ENTRY = 'verificationMaterial.tlogEntries.0';

describe('times', () => {
  const at: Readonly<Record<string, (time: number) => Scenario>> = {
    promise: (time) => entry({ time }),
    timestamp: (time) => ({ ...stamped, timestamps: [{ time }] }),
  };
  describe.each(Object.entries(at))('of a %s', (_, by) => {
    test.each<Case>([
      ['the first second of the certificate', by(ISSUED), 'verified'],
      ['its last second', by(EXPIRES), 'verified'],
      ['before it', by(ISSUED - 1000), 'CERTIFICATE_EXPIRED'],
      ['after it', by(EXPIRES + 1000), 'CERTIFICATE_EXPIRED'],
    ])('%s', async (_what, scenario, code) => {
      expect(await judge(scenario)).toBe(code);
    });

    test.each([
      ['certificateAuthorities.0.validFor', 'CERTIFICATE_EXPIRED'],
      ['tlogs.0.publicKey.validFor', 'LOG_KEY_INVALID'],
    ] as const)('%s', async (path, code) => {
      const within = (window: Json) => judge({ ...by(SIGNED), root: [[path, window]] });
      expect(await within({ start: iso(SIGNED), end: iso(SIGNED) })).toBe('verified');
      expect(await within({ start: iso(ISSUED - DAY), end: iso(SIGNED - 1000) })).toBe(code);
      expect(await within({ start: iso(SIGNED + 1000) })).toBe(code);
      expect(
        await within({ start: '2025-06-01T14:01:00+02:00', end: '2025-06-01T10:01:00.000000001-02:00' }),
      ).toBe('verified');
      expect(await within({ start: '2025-06-01T14:01:01+02:00' })).toBe(code);
      expect(await within({ start: '2025-06-01 14:01:01' })).toBe('TRUSTED_ROOT_INVALID');
      expect(await within({ start: '2025-06-01T12:00:00123Z' })).toBe('TRUSTED_ROOT_INVALID');
    });
  });

  test.each<Case>([
    ['a log without a start', { root: [['tlogs.0.publicKey.validFor', {}]] }, 'LOG_KEY_INVALID'],
    ['a log without a window', { root: [['tlogs.0.publicKey.validFor', undefined]] }, 'LOG_KEY_INVALID'],
    ['a CT log without a start', { root: [['ctlogs.0.publicKey.validFor', {}]] }, 'SCT_INVALID'],
    [
      'the intermediate has expired',
      { authority: authorityOf('x', { intermediateUntil: SIGNED - 1000 }) },
      'CERTIFICATE_EXPIRED',
    ],
    ['the root expires then', { authority: authorityOf('x', { rootUntil: SIGNED }) }, 'verified'],
    [
      'the root has expired',
      { authority: authorityOf('x', { rootUntil: SIGNED - 1000 }) },
      'CERTIFICATE_EXPIRED',
    ],
    [
      'a timestamp authority of before',
      { ...stamped, root: [['timestampAuthorities.0.validFor.end', iso(SIGNED - 1000)]] },
      'TIMESTAMP_INVALID',
    ],
    [
      'its certificate has expired',
      { ...stamped, timestamps: [{ tsa: tsaOf('x', { until: SIGNED - 1000 }) }] },
      'TIMESTAMP_INVALID',
    ],
    ['one of two times is too late', { timestamps: [{ time: EXPIRES + 1000 }] }, 'CERTIFICATE_EXPIRED'],
    [
      'a log that ends with its promise, before a timestamp',
      { timestamps: [{ time: SIGNED + 1000 }], root: [['tlogs.0.publicKey.validFor.end', iso(SIGNED)]] },
      'verified',
    ],
    [
      'a log without promises that ends before a timestamp',
      {
        ...stamped,
        timestamps: [{}, { time: SIGNED + 1000 }],
        root: [['tlogs.0.publicKey.validFor.end', iso(SIGNED)]],
      },
      'LOG_KEY_INVALID',
    ],
    ['Rekor v2 says no time', { entries: [{ log: v2 }] }, 'TIMESTAMP_INVALID'],
    [
      'and none is believed of it',
      { entries: [{ log: v2, entry: [['integratedTime', String(SIGNED / 1000)]] }] },
      'TIMESTAMP_INVALID',
    ],
    ['a time without a promise', entry({ promised: false }), 'TIMESTAMP_INVALID'],
    ['a promise without a time', entry({ entry: [['integratedTime', undefined]] }), 'TIMESTAMP_INVALID'],
    [
      'a promise of another time',
      entry({ entry: [['integratedTime', String(SIGNED / 1000 + 1)]] }),
      'TIMESTAMP_INVALID',
    ],
    ['a promise of another index', entry({ entry: [['logIndex', '7']] }), 'TIMESTAMP_INVALID'],
    ['a promise of another key', entry({ promiseBy: other }), 'TIMESTAMP_INVALID'],
    [
      'which a timestamp does not make up for',
      { ...entry({ promiseBy: other }), timestamps: [{}] },
      'TIMESTAMP_INVALID',
    ],
  ])('%s', async (_, scenario, code) => {
    expect(await judge(scenario)).toBe(code);
  });
});

describe('certificates', () => {
  const stranger = authorityOf('stranger');
  const twin = authorityOf('twin', { called: 'ca' });
  const before = {
    ...(authorityJson(defaultAuthority) as object),
    validFor: { start: iso(ISSUED - 700 * DAY), end: iso(ISSUED - DAY) },
  };
  const beside = (first: Json): Edit => ['certificateAuthorities', (own) => [first, ...(own as Json[])]];
  test.each<Case>([
    [
      'another authority',
      { root: [['certificateAuthorities', [authorityJson(stranger)]]] },
      'CERTIFICATE_UNTRUSTED',
    ],
    [
      'another of the same name',
      { root: [['certificateAuthorities', [authorityJson(twin)]]] },
      'CERTIFICATE_UNTRUSTED',
    ],
    ['the second authority', { root: [beside(authorityJson(stranger))] }, 'verified'],
    ['the second of one name', { root: [beside(authorityJson(twin))] }, 'verified'],
    ['the second time that it is trusted', { root: [beside(before)] }, 'verified'],
    [
      'an intermediate as the anchor',
      { root: [['certificateAuthorities.0.certChain.certificates.1', undefined]] },
      'verified',
    ],
    [
      'a root that allows no intermediate',
      { authority: authorityOf('short', { rootPathLength: 0 }) },
      'CERTIFICATE_UNTRUSTED',
    ],
    ['a root that allows one', { authority: authorityOf('longer', { rootPathLength: 1 }) }, 'verified'],
    [
      'an authority for timestamps',
      { authority: authorityOf('of times', { purposes: [PURPOSES.timeStamping] }) },
      'CERTIFICATE_UNTRUSTED',
    ],
    ['a CA that may not sign certificates', { leaf: { extensions: [caBasics()] } }, 'CERTIFICATE_INVALID'],
    ['one that may sign certificates, and is no CA', { leaf: { usage: 0x84 } }, 'CERTIFICATE_INVALID'],
    ['not for code signing', { leaf: { purposes: [PURPOSES.timeStamping] } }, 'CERTIFICATE_INVALID'],
    ['another key signed it', { leaf: { by: keyOf('other', 'p384') } }, 'CERTIFICATE_UNTRUSTED'],
    [
      'a critical extension that nobody knows',
      { leaf: { extensions: [extension('1.2.3.4', nothing(), true)] } },
      'CERTIFICATE_INVALID',
    ],
    ['a chain up to the root', { version: '0.1', more: defaultAuthority.chain }, 'verified'],
    ['a chain in another order', { version: '0.2', more: [...defaultAuthority.chain].reverse() }, 'verified'],
    ['a chain that skips', { version: '0.2', more: [defaultAuthority.chain[1]!] }, 'verified'],
    ['a chain of another authority', { version: '0.1', more: stranger.chain }, 'CERTIFICATE_INVALID'],
    [
      'a chain with one twice',
      { version: '0.1', more: [...defaultAuthority.chain, defaultAuthority.chain[1]!] },
      'CERTIFICATE_INVALID',
    ],
    [
      'a chain that brings its own authority',
      {
        version: '0.1',
        authority: stranger,
        more: stranger.chain,
        root: [['certificateAuthorities', [authorityJson(defaultAuthority)]]],
      },
      'CERTIFICATE_UNTRUSTED',
    ],
    ['no SCT', { leaf: { scts: [] } }, 'SCT_INVALID'],
    ['no SCT where no CT log is known', { leaf: { scts: [] }, root: [['ctlogs', []]] }, 'verified'],
    [
      'no SCT where no CT log can be used',
      { leaf: { scts: [] }, root: [['ctlogs.0.publicKey.rawBytes', 'AAAA']] },
      'SCT_INVALID',
    ],
    ['an SCT where no CT log is known', { root: [['ctlogs', []]] }, 'SCT_INVALID'],
    ['an SCT of another log', { leaf: { scts: [{ log: other }] } }, 'SCT_INVALID'],
    [
      'an SCT of another log in the name of this one',
      { leaf: { scts: [{ log: other, logId: sha256(ctLog.spki) }] } },
      'SCT_INVALID',
    ],
    ['an SCT of now', { leaf: { scts: [{ time: SIGNED + DAY }] } }, 'verified'],
    ['an SCT from the future', { leaf: { scts: [{ time: SIGNED + DAY + 1 }] } }, 'SCT_INVALID'],
    [
      'an SCT from the future beside a good one',
      { leaf: { scts: [{}, { time: SIGNED + 2 * DAY }] } },
      'SCT_INVALID',
    ],
    ['an SCT from beyond all dates', { leaf: { scts: [{ time: 2 ** 60 }] } }, 'SCT_INVALID'],
    ['an SCT for another issuer', { leaf: { scts: [{ issuer: other }] } }, 'SCT_INVALID'],
    [
      'an SCT of a time when the log was none',
      { root: [['ctlogs.0.publicKey.validFor.end', iso(ISSUED)]] },
      'SCT_INVALID',
    ],
    [
      'a CT log that has checkpoints too',
      { root: [['ctlogs.0.checkpointKeyId', { keyId: 'AQIDBA==' }]] },
      'verified',
    ],
    ['another issuer', { leaf: { issuer: `${ISSUER}/` } }, 'IDENTITY_MISMATCH'],
    ['another identity', { leaf: { names: [{ uri: `${IDENTITY}x` }] } }, 'IDENTITY_MISMATCH'],
    [
      'two identities',
      { leaf: { names: [{ uri: IDENTITY }, { email: 'a@example.com' }] } },
      'CERTIFICATE_INVALID',
    ],
  ])('%s', async (_, scenario, code) => {
    expect(await judge(scenario)).toBe(code);
  });

  test('of roots in lines, only what one with CT logs issued needs an SCT', () => {
    const without = make({ leaf: { scts: [] }, root: [['ctlogs', []]] });
    const stranger = make({ authority: authorityOf('stranger') });
    const needs = (...roots: readonly Json[]) =>
      loadTrust({
        origin: { kind: 'trusted-root', name: 'test' },
        instances: instancesOfTrustedRoot(
          Buffer.from(roots.map((root) => JSON.stringify(root)).join('\n')),
          'test',
        ),
      }).certificates.judge([leafOf(defaultAuthority, keyOf('signer'), { scts: [] })]).sct;
    expect(needs(without.root, stranger.root)).toBe('none-needed');
    expect(needs(make().root, stranger.root)).toMatchObject({ code: 'SCT_INVALID' });
    expect(needs(without.root, make().root)).toMatchObject({ code: 'SCT_INVALID' });
  });

  test('an email address and a user name are identities', async () => {
    expect(await judge({ leaf: { names: [{ email: 'a@example.com' }] } }, 'a@example.com')).toBe('verified');
    expect(await judge({ leaf: { names: [{ user: 'a!example.com' }] } }, 'a!example.com')).toBe('verified');
  });
});

describe.each([
  ['Rekor v1', v1],
  ['Rekor v2', v2],
] as const)('the entry in %s', (_, log) => {
  const isV1 = log === v1;
  const record = isV1 ? 'spec' : 'spec.hashedRekordV002';
  const cosignature =
    '\u2014 witness.example.com AQIDBAAAAABoPGb0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n';
  test.each<readonly [string, Partial<EntryOptions>, ErrorCode | 'verified']>([
    ['is the first', { index: 0 }, 'verified'],
    ['is the last', { index: 10 }, 'verified'],
    ['is the only one', { index: 0, size: 1 }, 'verified'],
    [
      'is the only one, zeroes left out',
      {
        index: 0,
        size: 1,
        entry: [
          ['inclusionProof.logIndex', undefined],
          ['inclusionProof.hashes', undefined],
        ],
      },
      'verified',
    ],
    ['names another log', { entry: [['logId.keyId', base64(sha256(ARTIFACT))]] }, 'CHECKPOINT_SIGNATURE'],
    [
      'has another root hash',
      { entry: [['inclusionProof.rootHash', base64(sha256(ARTIFACT))]] },
      'PROOF_INVALID',
    ],
    ['has another tree size', { entry: [['inclusionProof.treeSize', '12']] }, 'PROOF_INVALID'],
    ['has another place', { entry: [['inclusionProof.logIndex', '4']] }, 'PROOF_INVALID'],
    ['has a place outside of the tree', { entry: [['inclusionProof.logIndex', '11']] }, 'PROOF_INVALID'],
    [
      'has a hash too many',
      { entry: [['inclusionProof.hashes', (old) => [...(old as Json[]), base64(sha256(ARTIFACT))]]] },
      'PROOF_INVALID',
    ],
    ['has a hash too few', { entry: [['inclusionProof.hashes.0', undefined]] }, 'PROOF_INVALID'],
    ['has no checkpoint', { entry: [['inclusionProof.checkpoint', undefined]] }, 'SIGSTORE_BUNDLE_INVALID'],
    ['has no proof', { proved: false }, 'SIGSTORE_BUNDLE_INVALID'],
    ['has a checkpoint of another origin', { origin: 'other.example.com' }, 'CHECKPOINT_ORIGIN'],
    ['has a checkpoint of an origin that begins alike', { origin: `${log.host}x` }, 'CHECKPOINT_ORIGIN'],
    [
      'has a checkpoint by another name',
      { checkpointName: 'other.example.com' },
      // Rekor v1 signs under the name of its pod.
      isV1 ? 'verified' : 'CHECKPOINT_SIGNATURE',
    ],
    [
      'has a checkpoint of another pod',
      { origin: 'pod-7f - 11', checkpointName: 'pod-7f' },
      isV1 ? 'verified' : 'CHECKPOINT_SIGNATURE',
    ],
    [
      'has a checkpoint in the form of Rekor v1',
      { origin: `${log.host} - 11`, checkpointName: log.host },
      isV1 ? 'verified' : 'CHECKPOINT_ORIGIN',
    ],
    [
      'has a checkpoint that another key signed under the id of this',
      {
        origin: 'pod-7f - 11',
        checkpointName: 'pod-7f',
        checkpointBy: keyOf('other', log.key.kind),
        checkpointKeyId: log.logId.subarray(0, 4),
      },
      'CHECKPOINT_SIGNATURE',
    ],
    [
      'has a checkpoint by another key',
      { checkpointBy: keyOf('other', log.key.kind) },
      'CHECKPOINT_SIGNATURE',
    ],
    [
      'has a checkpoint by a key of another id',
      { checkpointKeyId: Buffer.from('nope') },
      'CHECKPOINT_SIGNATURE',
    ],
    ['has a cosigned checkpoint', { note: (note) => note + cosignature }, 'verified'],
    [
      'has a checkpoint cosigned first',
      { note: (note) => note.replace('\n\n', `\n\n${cosignature}`) },
      'verified',
    ],
    [
      'has a checkpoint that only a witness signed',
      { note: (_note, text) => `${text}\n${cosignature}` },
      'CHECKPOINT_SIGNATURE',
    ],
    [
      'has a checkpoint of another size',
      { note: (note) => note.replace('\n11\n', '\n12\n') },
      'CHECKPOINT_SIGNATURE',
    ],
    [
      'is of another digest',
      {
        body: isV1
          ? [[`${record}.data.hash.value`, '0'.repeat(64)]]
          : [[`${record}.data.digest`, base64(sha256(Buffer.alloc(1)))]],
      },
      'LOG_ENTRY_MISMATCH',
    ],
    [
      'is of another signature',
      { body: [[`${record}.signature.content`, base64('x')]] },
      'LOG_ENTRY_MISMATCH',
    ],
    [
      'is of another certificate',
      { certificate: leafOf(defaultAuthority, keyOf('signer')) },
      'LOG_ENTRY_MISMATCH',
    ],
    ['is of another kind than it says', { entry: [['kindVersion.kind', 'dsse']] }, 'LOG_ENTRY_MISMATCH'],
    [
      'is of another version than it says',
      { entry: [['kindVersion.version', '0.0.9']] },
      'LOG_ENTRY_MISMATCH',
    ],
    [
      'is of a kind that is not known',
      { kind: 'hashedrekord', body: [['kind', 'rpm']], entry: [['kindVersion.kind', 'rpm']] },
      'LOG_ENTRY_INVALID',
    ],
  ])('%s', async (_what, change, code) => {
    expect(await judge(entry(change, log))).toBe(code);
  });

  test('is of the certified key, but not of the certificate', async () => {
    const hidden: Edit = isV1
      ? ['spec.signature.publicKey.content', base64(make().publicKey)]
      : [`${record}.signature.verifier`, { publicKey: { rawBytes: base64(keyOf('signer').spki) } }];
    expect(await judge(entry({ body: [hidden] }, log))).toBe('LOG_ENTRY_MISMATCH');
  });

  test('is of another envelope', async () => {
    const path = isV1 ? 'spec.payloadHash.value' : 'spec.dsseV002.payloadHash.digest';
    const body: Edit[] = [[path, isV1 ? '0'.repeat(64) : base64(sha256(ARTIFACT))]];
    expect(await judge({ ...entry({ body }, log), content: 'dsse' })).toBe('LOG_ENTRY_MISMATCH');
  });

  test('is of a log that is trusted in several ways', async () => {
    const listed = (...changes: Edit[]) =>
      judge({
        ...entry({}, log),
        root: [['tlogs', (old) => [...(old as Json[]), ...(old as Json[])]], ...changes],
      });
    expect(await listed(['tlogs.0.baseUrl', 'https://other.example.com'])).toBe('verified');
    expect(await listed(['tlogs.0.publicKey.validFor.end', iso(ISSUED - DAY)])).toBe('verified');
    expect(await listed(['tlogs.0.publicKey.rawBytes', 'AAAA'])).toBe('verified');
    expect(
      await listed(
        ['tlogs.0.baseUrl', 'https://other.example.com'],
        ['tlogs.1.baseUrl', 'https://other.example.com'],
      ),
    ).toBe(isV1 ? 'verified' : 'CHECKPOINT_SIGNATURE');
  });

  test('is found by what its trusted root says of the key id', async () => {
    const named = (...root: Edit[]) => judge({ ...entry({}, log), root });
    const id = (bytes: Uint8Array) => ({ keyId: base64(bytes) });
    expect(await named(['tlogs.0.checkpointKeyId', id(log.logId.subarray(0, 4))])).toBe('verified');
    expect(await named(['tlogs.0.checkpointKeyId', id(log.logId)])).toBe('verified');
    expect(await named(['tlogs.0.checkpointKeyId', id(log.logId)], ['tlogs.0.logId', undefined])).toBe(
      'verified',
    );
    expect(await named(['tlogs.0.logId', id(log.logId.subarray(0, 4))])).toBe('verified');
    expect(await named(['tlogs.0.logId', id(log.logId.subarray(0, 5))])).toBe('TRUSTED_ROOT_INVALID');
    expect(await named(['tlogs.0.logId', id(sha256(ARTIFACT))])).toBe('CHECKPOINT_SIGNATURE');
    expect(await named(['tlogs.0.baseUrl', undefined])).toBe(isV1 ? 'verified' : 'CHECKPOINT_ORIGIN');
  });
});

test.each<Case>([
  [
    'a certificate chain',
    entry({
      body: [
        [
          'spec.signature.publicKey.content',
          (old) =>
            base64(
              Buffer.from(old as string, 'base64')
                .toString()
                .repeat(2),
            ),
        ],
      ],
    }),
    'verified',
  ],
  ['an index that is not the proof’s', entry({ entry: [['logIndex', '6']] }, v2), 'PROOF_INVALID'],
  [
    'an in-toto entry',
    { content: 'dsse', version: '0.2', entries: [{ log: v1, kind: 'intoto' }] },
    'verified',
  ],
  [
    'a Rekor v1 log with an Ed25519 key, named as C2SP does',
    entry(
      {
        checkpointKeyId: sha256(
          Buffer.concat([
            Buffer.from(`${logOf(1, 'ed25519').host}\n\u0001`),
            logOf(1, 'ed25519').key.spki.subarray(12),
          ]),
        ),
      },
      logOf(1, 'ed25519'),
    ),
    'verified',
  ],
  ['one entry twice', { entries: [{ log: v1 }, { log: v1 }] }, 'SIGSTORE_BUNDLE_INVALID'],
  [
    'a good entry and a bad one',
    { entries: [{ log: v1 }, { log: v2, checkpointBy: keyOf('other', 'ed25519') }] },
    'CHECKPOINT_SIGNATURE',
  ],
])('%s', async (_, scenario, code) => {
  expect(await judge(scenario)).toBe(code);
});

describe('timestamps', () => {
  const stamp = (change: NonNullable<Scenario['timestamps']>[number], more: Scenario = {}): Scenario => ({
    ...stamped,
    timestamps: [change],
    ...more,
  });
  const evil = tsaOf('evil', { called: 'tsa', serial: defaultTsa.serial });
  test.each<Case>([
    ['over something else', stamp({ over: ARTIFACT }), 'TIMESTAMP_INVALID'],
    ['by another key', stamp({ by: other }), 'TIMESTAMP_INVALID'],
    ['by nobody who is trusted', stamp({}, { tsas: [tsaOf('second')] }), 'TIMESTAMP_INVALID'],
    ['by somebody of the same names', stamp({ tsa: evil }, { tsas: [defaultTsa] }), 'TIMESTAMP_INVALID'],
    [
      'by somebody with a chain of their own',
      stamp({ tsa: evil, certificates: evil.chain }, { tsas: [defaultTsa] }),
      'TIMESTAMP_INVALID',
    ],
    ['by the second authority', stamp({}, { tsas: [tsaOf('second'), defaultTsa] }), 'verified'],
    ['by the second of the same names', stamp({}, { tsas: [evil, defaultTsa] }), 'verified'],
    [
      'by one that is trusted for several periods',
      stamp(
        {},
        {
          tsas: [defaultTsa, defaultTsa],
          root: [['timestampAuthorities.0.validFor.end', iso(ISSUED - DAY)]],
        },
      ),
      'verified',
    ],
    [
      'by one whose certificate came along',
      stamp({ certificates: [defaultTsa.certificate] }, { tsas: [{ chain: defaultTsa.chain.slice(1) }] }),
      'verified',
    ],
    [
      'by one whose certificate nobody has',
      stamp({}, { tsas: [{ chain: defaultTsa.chain.slice(1) }] }),
      'TIMESTAMP_INVALID',
    ],
    [
      'by one that is for something else',
      stamp({ tsa: tsaOf('coder', { purposes: [PURPOSES.codeSigning] }) }),
      'TIMESTAMP_INVALID',
    ],
    ['refused', stamp({ status: 2 }), 'TIMESTAMP_INVALID'],
    ['of other content', stamp({ contentType: '1.2.840.113549.1.7.1' }), 'TIMESTAMP_INVALID'],
    ['with SHA-512', stamp({ imprintHash: 'sha512' }), 'verified'],
    ['one good, one bad', { ...stamped, timestamps: [{}, { by: other }] }, 'TIMESTAMP_INVALID'],
    ['a bad one beside a promise', { timestamps: [{ by: other }] }, 'TIMESTAMP_INVALID'],
  ])('%s', async (_, scenario, code) => {
    expect(await judge(scenario)).toBe(code);
  });
});

describe('the document', () => {
  const MATERIAL = 'verificationMaterial';
  const swapped = (old: Json): Json =>
    JSON.parse(
      JSON.stringify(old).replaceAll(
        /"(\w+)":/g,
        (_, name: string) => `"${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}":`,
      ),
    ) as Json;
  const urlForm = (old: Json) => (old as string).replaceAll('+', '-').replaceAll('/', '_');
  test.each<Case>([
    [
      'field names of the .proto file',
      {
        ...stamped,
        bundle: [
          [MATERIAL, swapped],
          ['messageSignature', swapped],
        ],
      },
      'verified',
    ],
    ['a field by both of its names', { bundle: [['media_type', 'x']] }, 'SIGSTORE_BUNDLE_INVALID'],
    ['an unknown field', { bundle: [['extra', 1]] }, 'SIGSTORE_BUNDLE_INVALID'],
    [
      'the URL form of base64',
      {
        bundle: [
          [`${MATERIAL}.certificate.rawBytes`, urlForm],
          [`${ENTRY}.canonicalizedBody`, urlForm],
        ],
      },
      'verified',
    ],
    [
      'both forms at once',
      { bundle: [[`${MATERIAL}.certificate.rawBytes`, (old) => `${(old as string).slice(0, -8)}-+AAAAA=`]] },
      'SIGSTORE_BUNDLE_INVALID',
    ],
    [
      'numbers for numbers',
      {
        bundle: [
          [`${ENTRY}.logIndex`, Number],
          [`${ENTRY}.inclusionProof.treeSize`, Number],
        ],
      },
      'verified',
    ],
    [
      'fields that are null',
      {
        bundle: [
          ['dsseEnvelope', null],
          [`${MATERIAL}.publicKey`, null],
          [`${MATERIAL}.timestampVerificationData`, null],
        ],
      },
      'verified',
    ],
    [
      'a chain of one certificate in version 0.3',
      { version: '0.2', bundle: [['mediaType', 'application/vnd.dev.sigstore.bundle.v0.3+json']] },
      'verified',
    ],
    [
      'a chain of two in version 0.3',
      {
        version: '0.2',
        more: [...defaultAuthority.chain],
        bundle: [['mediaType', 'application/vnd.dev.sigstore.bundle.v0.3+json']],
      },
      'SIGSTORE_BUNDLE_INVALID',
    ],
    ['no digest of the message', { bundle: [['messageSignature.messageDigest', undefined]] }, 'verified'],
    [
      'no digest of the message, and a signature over another one',
      {
        bundle: [
          ['messageSignature.messageDigest', undefined],
          [
            'messageSignature.signature',
            'MEQCIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ==',
          ],
        ],
      },
      'SIGNATURE_INVALID',
    ],
    [
      'a version of the future',
      { bundle: [['mediaType', 'application/vnd.dev.sigstore.bundle.v0.4+json']] },
      'SIGSTORE_BUNDLE_INVALID',
    ],
    ['both kinds of content', { bundle: [['dsseEnvelope', {}]] }, 'SIGSTORE_BUNDLE_INVALID'],
    [
      'two signatures',
      {
        content: 'dsse',
        bundle: [['dsseEnvelope.signatures', (old) => [...(old as Json[]), { sig: 'AAAA' }]]],
      },
      'SIGSTORE_BUNDLE_INVALID',
    ],
    ['another signature', { signedBy: other }, 'SIGNATURE_INVALID'],
    ['another payload type', { content: 'dsse', payloadType: 'application/json' }, 'ARTIFACT_MISMATCH'],
    [
      'another subject',
      { content: 'dsse', statement: [['subject.0.digest.sha256', '0'.repeat(64)]] },
      'ARTIFACT_MISMATCH',
    ],
    [
      'an older statement',
      { content: 'dsse', statement: [['_type', 'https://in-toto.io/Statement/v0.1']] },
      'verified',
    ],
    [
      'fields of later statements',
      {
        content: 'dsse',
        statement: [
          ['subject.0.annotations', {}],
          ['more', 1],
        ],
      },
      'verified',
    ],
    [
      'another digest',
      { bundle: [['messageSignature.messageDigest.digest', base64(sha256(Buffer.alloc(1)))]] },
      'SIGNATURE_INVALID',
    ],
    [
      'another digest algorithm',
      { bundle: [['messageSignature.messageDigest.algorithm', 'SHA2_512']] },
      'SIGSTORE_BUNDLE_INVALID',
    ],
  ])('%s', async (_, scenario, code) => {
    expect(await judge(scenario)).toBe(code);
  });

  test('the key is called one name at most', async () => {
    const called = (hint: string, keyid: string) =>
      judge({
        content: 'dsse',
        signer: 'key',
        bundle: [
          [`${MATERIAL}.publicKey`, { hint }],
          ['dsseEnvelope.signatures.0.keyid', keyid],
        ],
      });
    expect(await called('a', 'a')).toBe('verified');
    expect(await called('a', '')).toBe('verified');
    expect(await called('', 'a')).toBe('verified');
    expect(await called('a', 'b')).toBe('SIGSTORE_BUNDLE_INVALID');
  });

  test.each(['0.1', '0.2'] as const satisfies readonly Version[])(
    'version %s in the words of the .proto file',
    async (version) => {
      expect(await judge({ version, bundle: [[MATERIAL, swapped]] })).toBe('verified');
    },
  );

  test.each([
    ['+json;version=0.1', 'verified'],
    ['.v0.1+json', 'verified'],
    ['+json;version=0.2', 'verified'],
    ['.v0.2+json', 'verified'],
    ['.v0.9+json', 'TRUSTED_ROOT_INVALID'],
  ] as const)('a trusted root of media type …%s', async (suffix, code) => {
    const mediaType = `application/vnd.dev.sigstore.trustedroot${suffix}`;
    expect(await judge({ root: [['mediaType', mediaType]] })).toBe(code);
  });

  test('a trusted root in which what is not needed is missing', async () => {
    const missing: Edit[] = [
      'ctlogs.0.baseUrl',
      'ctlogs.0.hashAlgorithm',
      'certificateAuthorities.0.uri',
      'timestampAuthorities',
    ].map((path) => [path, undefined]);
    expect(await judge({ root: missing })).toBe('verified');
    expect(await judge({ root: [['tlogs.0.hashAlgorithm', 'SHA2_512']] })).toBe('TRUSTED_ROOT_INVALID');
  });

  test('an envelope by itself may have fields that nobody knows', () => {
    const { bundle } = make({ content: 'dsse' });
    const { dsseEnvelope } = bundle as { dsseEnvelope: { signatures: object[] } };
    const signatures = dsseEnvelope.signatures.map((signature) => ({ ...signature, cert: 'x' }));
    const [parsed] = parseAttestations(
      Buffer.from(JSON.stringify({ ...dsseEnvelope, signatures, more: 1 })),
      'it',
    );
    expect(parsed).toMatchObject({ attestation: { form: 'dsse' } });
  });
});
