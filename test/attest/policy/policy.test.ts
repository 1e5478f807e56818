import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { ruleFor } from '../../../src/attest/policy/policy.ts';
import { parsePolicy } from '../../../src/attest/policy/policy-file.ts';
import type { VerifyOptions } from '../../../src/attest/verify.ts';
import { formatPublicKey, generateKey } from '../../../src/base/keys.ts';
import { checkSchema } from '../../../src/base/schema.ts';
import { formatVerifierKey, witnessKeyOf } from '../../../src/tlog/verifier-key.ts';
import { formatTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { stella } from '../../support/cli.ts';
import { refusal } from '../../support/errors.ts';
import { realIsPresent } from '../../support/real.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { FOLDER, IDENTITY, ISSUER, loadSamples, verifyBytes } from '../samples.ts';
import { ARTIFACT, makeSite, NOW } from '../signed.ts';

const policyOf = (...rules: object[]) =>
  parsePolicy(Buffer.from(JSON.stringify({ version: 1, rules })), 'policy.json');

describe('a policy file', () => {
  test.each([
    ['no rules', { version: 1, rules: [] }],
    ['another version', { version: 2, rules: [{}] }],
    ['an unknown field', { version: 1, rules: [{ identity: 'x' }] }],
    ['an identity that says nothing', { version: 1, rules: [{ identities: [{}] }] }],
    [
      'text and pattern for one thing',
      { version: 1, rules: [{ identities: [{ subject: 'a', subject_pattern: 'b' }] }] },
    ],
    ['a pattern that is none', { version: 1, rules: [{ identities: [{ subject_pattern: '(' }] }] }],
    ['an age that is none', { version: 1, rules: [{ max_age: 'soon' }] }],
    [
      'a quorum above the witnesses',
      {
        version: 1,
        rules: [
          { witnesses: { quorum: 2, keys: [formatVerifierKey(witnessKeyOf('w', generateKey().publicKey))] } },
        ],
      },
    ],
  ])('with %s is refused', async (_name, value) => {
    await refusal('POLICY_INVALID', () => parsePolicy(Buffer.from(JSON.stringify(value)), 'policy.json'));
  });

  test('has a rule per artifact pattern; the first that fits applies', async () => {
    const policy = policyOf({ artifacts: ['*.tar.gz', 'dist/**'], required: 2 }, { artifacts: ['app*'] }, {});
    expect(ruleFor(policy, 'release.tar.gz').required).toBe(2);
    expect(ruleFor(policy, 'some/where/release.tar.gz').name).toBe('rule 1');
    expect(ruleFor(policy, 'dist/a/b').name).toBe('rule 1');
    expect(ruleFor(policy, 'some/app.bin').name).toBe('rule 2');
    expect(ruleFor(policy, undefined).name).toBe('rule 3');
    await refusal('POLICY_UNSATISFIED', () => ruleFor(policyOf({ artifacts: ['x'] }), 'y'));
  });
});

describe('what a rule requires', () => {
  const judge = async (rule: object, more: object = {}) => {
    const site = await makeSite();
    const { bytes } = await site.sign({
      predicateType: 'https://example.com/build/v1',
      predicate: {},
      ...more,
    });
    const options = { artifact: ARTIFACT, rule: policyOf(rule).rules[0]! };
    return (await verifyBytes(bytes, { trust: loadTrust(site.trust), options })).error?.code;
  };

  test.each([
    [{}, undefined],
    [{ keys: ['attestor.pub'] }, undefined],
    [{ keys: ['other.pub'] }, 'POLICY_UNSATISFIED'],
    [{ identities: [{ subject: 'somebody' }] }, 'POLICY_UNSATISFIED'],
    [{ predicate_types: ['https://example.com/build/v1'] }, undefined],
    [{ predicate_types: ['https://example.com/other'] }, 'POLICY_UNSATISFIED'],
    [{ max_age: '1d' }, undefined],
    [{ signatures: 2 }, 'SIGNATURE_THRESHOLD'],
  ])('%j', async (rule, code) => {
    expect(await judge(rule)).toBe(code);
  });

  test('an age counts from the trusted signing time', async () => {
    expect(await judge({ max_age: '1d' }, { now: NOW - 86_400_000 })).toBeUndefined();
    expect(await judge({ max_age: '1d' }, { now: NOW - 86_401_000 })).toBe('POLICY_UNSATISFIED');
  });

  test.skipIf(!realIsPresent)('a certificate’s identity and issuer, as a whole', async () => {
    const sample = loadSamples().find(({ name }) => name === 'happy-path-v0.1')!;
    const codeOf = async (identity: object) =>
      (
        await verifyBytes(sample.bytes, {
          ...sample,
          options: { rule: policyOf({ identities: [identity] }).rules[0] },
        })
      ).error?.code;
    expect(await codeOf({ subject: IDENTITY, issuer: ISSUER })).toBeUndefined();
    expect(await codeOf({ subject_pattern: 'https://github\\.com/sigstore-conformance/.*' })).toBeUndefined();
    expect(await codeOf({ subject_pattern: 'https://github\\.com/sigstore-conformance/' })).toBe(
      'POLICY_UNSATISFIED',
    );
    expect(await codeOf({ subject: IDENTITY, issuer: 'https://accounts.example.com' })).toBe(
      'POLICY_UNSATISFIED',
    );
  });

  test.skipIf(!realIsPresent)('some identity rule, where the configuration says so', async () => {
    const sample = loadSamples().find(({ name }) => name === 'happy-path-v0.1')!;
    const codeOf = async (options: VerifyOptions) =>
      (await verifyBytes(sample.bytes, { ...sample, options: { ...options, requireIdentity: true } })).error
        ?.code;
    expect(await codeOf({})).toBe('IDENTITY_REQUIRED');
    expect(await codeOf({ rule: policyOf({}).rules[0] })).toBe('IDENTITY_REQUIRED');
    expect(await codeOf({ identity: { subject: { exactly: IDENTITY } } })).toBeUndefined();
    expect(
      await codeOf({ rule: policyOf({ identities: [{ subject: IDENTITY }] }).rules[0] }),
    ).toBeUndefined();
  });

  test.skipIf(!realIsPresent)('witnesses that have cosigned', async () => {
    const sample = loadSamples().find(({ name }) => name === 'rekor2-checkpoint-cosigned')!;
    const keys = [formatVerifierKey(witnessKeyOf('witness.example', generateKey().publicKey))];
    const rule = policyOf({ witnesses: { quorum: 1, keys } }).rules[0];
    const verdict = await verifyBytes(sample.bytes, { ...sample, options: { rule } });
    expect(verdict.error?.code).toBe('WITNESS_QUORUM');
    const promised = loadSamples().find(({ name }) => name === 'happy-path-v0.1')!;
    const bundle = JSON.parse(promised.bytes.toString()) as {
      verificationMaterial: { tlogEntries: { inclusionProof?: unknown }[] };
    };
    delete bundle.verificationMaterial.tlogEntries[0]!.inclusionProof;
    const byPromise = await verifyBytes(Buffer.from(JSON.stringify(bundle)), {
      ...promised,
      options: { rule },
    });
    expect(byPromise.error?.code).toBe('WITNESS_QUORUM');
  });
});

describe('stella attest verify --policy', () => {
  test('requires so many different attestations', async () => {
    const site = await makeSite();
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(site.trust.trustedRoot!));
    writeFileSync(join(cwd, 'a.pub'), formatPublicKey(site.key.publicKey));
    writeFileSync(join(cwd, 'app.bin'), 'content');
    writeFileSync(
      join(cwd, 'policy.json'),
      JSON.stringify({ version: 1, rules: [{ artifacts: ['app*'], required: 2 }] }),
    );
    writeFileSync(join(cwd, '1.json'), (await site.sign({ predicate: 1 })).bytes);
    writeFileSync(join(cwd, '2.json'), (await site.sign({ predicate: 2 })).bytes);
    writeFileSync(join(cwd, 'other.json'), (await site.sign({ key: generateKey() })).bytes);
    const verify = (...paths: string[]) =>
      stella(
        [
          'attest',
          'verify',
          ...paths,
          '--artifact',
          'app.bin',
          '--trusted-root',
          'root.json',
          '--key',
          'a.pub',
          '--policy',
          'policy.json',
          '--json',
        ],
        { cwd, now: NOW },
      );
    expect(await verify('1.json', '2.json')).toMatchObject({ status: 0, stderr: '' });
    expect(await verify('1.json', 'other.json', '2.json')).toMatchObject({ status: 0 });
    const same = await verify('1.json', '1.json');
    expect(same).toMatchObject({ status: 2 });
    expect(same.stderr).toContain('[POLICY_UNSATISFIED]');
    expect((await verify('1.json')).stderr).toContain('requires 2 different attestations, 1 match');
    expect((await verify('other.json')).stderr).toContain('[SIGNATURE_INVALID]');
  });
});

describe.skipIf(!realIsPresent)('stella attest verify', () => {
  const base = (name: string) => [
    'attest',
    'verify',
    `${FOLDER}${name}/bundle.sigstore.json`,
    '--trusted-root',
    `${FOLDER}trusted_root.json`,
    '--offline',
  ];

  test('says plainly what was not checked', async () => {
    const result = await stella([...base('happy-path-intoto-in-dsse-v3'), '--json'], { now: NOW });
    expect(result.status).toBe(0);
    const document = checkSchema('verdict', result.json(), 'the verdict');
    expect(document).toMatchObject({ verified: true, identity_checked: false, artifact_checked: false });
    expect((await stella(base('happy-path-intoto-in-dsse-v3'), { now: NOW })).stdout).toContain(
      'identity  not checked',
    );
  });

  test('refuses a certificate where a key is required, and empty or contradictory rules', async () => {
    const name = 'happy-path-v0.1';
    const key = `${FOLDER}managed-key-happy-path/key.pub`;
    expect((await stella([...base(name), '--key', key], { now: NOW })).stderr).toContain(
      '[SIGNER_UNTRUSTED]',
    );
    for (const more of [
      ['--certificate-identity', ''],
      ['--certificate-identity', 'a', '--certificate-identity-regexp', 'b'],
      ['--certificate-identity-regexp', '('],
      ['--digest', 'sha256:1'],
      ['--digest', `sha256:${'0'.repeat(64)}`, '--artifact', `${FOLDER}a.txt`],
      ['--jobs', '0'],
    ])
      expect(await stella([...base(name), ...more], { now: NOW })).toMatchObject({ status: 4 });
  });

  test.each([
    [['--certificate-identity', IDENTITY, '--certificate-oidc-issuer', ISSUER], undefined],
    [
      ['--certificate-identity', IDENTITY.slice(0, -1), '--certificate-oidc-issuer', ISSUER],
      'IDENTITY_MISMATCH',
    ],
    [
      ['--certificate-identity', IDENTITY, '--certificate-oidc-issuer', 'https://accounts.google.com'],
      'IDENTITY_MISMATCH',
    ],
    [['--certificate-identity-regexp', 'https://github\\.com/sigstore-conformance/.*'], undefined],
    [['--certificate-identity-regexp', 'https://github\\.com/sigstore-conformance/'], 'IDENTITY_MISMATCH'],
  ])('%j', async (rules, code) => {
    const result = await stella([...base('happy-path-v0.1'), ...rules, '--artifact', `${FOLDER}a.txt`], {
      now: NOW,
    });
    expect(result.status).toBe(code === undefined ? 0 : 2);
    if (code !== undefined) expect(result.stderr).toContain(`[${code}]`);
  });

  test('--explain names what was expected and found, and whose trust would fit', async () => {
    const other = await stella([...base('rekor2-happy-path'), '--explain'], { now: NOW });
    expect(other.stdout).toContain('Sigstore staging');
    expect(other.stdout).toMatch(/certificate +failed/);
    const identity = await stella(
      [...base('happy-path-v0.1'), '--certificate-identity', 'me@example.com', '--explain'],
      { now: NOW },
    );
    expect(identity.stdout).toMatch(/expected +me@example.com/);
    expect(identity.stdout).toMatch(/found +https:\/\/github/);
  });
});
