import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { loadTrust } from '../../../src/attest/authority/verifier-trust.ts';
import { parseGlob } from '../../../src/attest/policy/glob.ts';
import { nameOfRule, ruleFor } from '../../../src/attest/policy/policy.ts';
import { parsePolicy } from '../../../src/attest/policy/policy-file.ts';
import type { VerifyOptions } from '../../../src/attest/verify.ts';
import { formatPublicKey, generateKey } from '../../../src/base/keys.ts';
import { checkSchema } from '../../../src/base/schema.ts';
import { formatVerifierKey, witnessKeyOf } from '../../../src/tlog/verifier-key.ts';
import { formatTrustedRoot, parseTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { stella } from '../../support/cli.ts';
import { refusal } from '../../support/errors.ts';
import { realIsPresent } from '../../support/real.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { FOLDER, IDENTITY, ISSUER, loadSamples, verifyBytes } from '../samples.ts';
import { ARTIFACT, makeSite, NOW } from '../signed.ts';

const policyOf = (...rules: object[]) =>
  parsePolicy(Buffer.from(JSON.stringify({ version: 1, rules })), 'policy.json');

const at = (given: string) => ({ given, cwd: '/srv/site' });

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
    expect(ruleFor(policy, at('release.tar.gz')).required).toBe(2);
    expect(ruleFor(policy, at('some/where/release.tar.gz')).name).toBe('rule 1');
    expect(ruleFor(policy, at('dist/a/b')).name).toBe('rule 1');
    expect(ruleFor(policy, at('some/app.bin')).name).toBe('rule 2');
    expect(ruleFor(policy, at('other')).name).toBe('rule 3');
    await refusal('POLICY_UNSATISFIED', () => ruleFor(policyOf({ artifacts: ['x'] }), at('y')));
  });

  const strictThenLax = policyOf({ artifacts: ['release/*'], required: 2 }, {});
  test.each([
    ['release/app.bin'],
    ['./release/app.bin'],
    ['release//app.bin'],
    ['release/./app.bin'],
    ['other/../release/app.bin'],
    ['../site/release/app.bin'],
    ['/srv/site/release/app.bin'],
    ['/srv//site/x/../release/app.bin'],
    ['release\\app.bin'],
    ['.\\release\\app.bin'],
    ['release/.hidden'],
  ])('is not passed by spelling the path as %s', (given) => {
    expect(ruleFor(strictThenLax, at(given)).name).toBe('rule 1');
  });

  test('is not passed from another directory', () => {
    const names = (given: string, cwd: string) => nameOfRule(ruleFor(strictThenLax, { given, cwd }));
    expect(names('app.bin', '/srv/site/release')).toBe('rule 1 and rule 2');
    expect(names('../release/app.bin', '/srv/site/other')).toBe('rule 1 and rule 2');
    expect(names('site/release/app.bin', '/srv')).toBe('rule 1 and rule 2');
    expect(names('/srv/site/release/app.bin', '/')).toBe('rule 1 and rule 2');
    expect(names('release.bin', '/srv/site')).toBe('rule 2');
    // One that is named by a rule of its own is not taken for another.
    const named = policyOf({ artifacts: ['dist/**'] }, { artifacts: ['vendor/**'] }, {});
    expect(nameOfRule(ruleFor(named, at('vendor/dist/x')))).toBe('rule 2');
  });

  test('is not passed through a link, in either direction', () => {
    const linked = (given: string, real: string) => ruleFor(strictThenLax, { given, cwd: '/srv/site', real });
    const both = linked('app.bin', '/srv/site/release/app.bin');
    expect([nameOfRule(both), both.required]).toEqual(['rule 1 and rule 2', 2]);
    expect(linked('release/app.bin', '/nix/store/app.bin').required).toBe(2);
    const laxThenStrict = policyOf({ artifacts: ['tmp/*'] }, { required: 2 });
    expect(
      ruleFor(laxThenStrict, { given: 'tmp/x', cwd: '/srv', real: '/srv/release/app.bin' }).required,
    ).toBe(2);
  });

  test('is not passed without a name', async () => {
    await refusal('POLICY_UNSATISFIED', () => ruleFor(strictThenLax, undefined));
    expect(ruleFor(policyOf({}, { artifacts: ['x'] }), undefined).name).toBe('rule 1');
  });
});

describe('a glob', () => {
  test.each<[string, string, boolean]>([
    ['*', 'a', true],
    ['*', '.a', true],
    ['*', 'a/b', false],
    ['a*c', 'abbc', true],
    ['a*c', 'abbd', false],
    ['a?c', 'abc', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[]]x', ']x', true],
    ['[x', '[x', true],
    ['**', 'a/b/c', true],
    ['**/c', 'c', true],
    ['**/c', 'a/b/c', true],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/x/y/c', true],
    ['a/**', 'a', false],
    ['a/**', 'a/.b/c', true],
    ['{a,b{c,d}}x', 'bdx', true],
    ['{a,b}x', 'cx', false],
    ['{a}', '{a}', true],
    ['./a\\b', 'a/b', true],
    ['/a/*', '/a/b', true],
    ['/a/*', 'a/b', false],
    ['e\u0301', '\u00e9', true],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(parseGlob(pattern)(name)).toBe(expected);
  });

  test('folds the case where the system does', () => {
    expect(parseGlob('Release/*', true)('rELEASE/App')).toBe(true);
    expect(parseGlob('Release/*', false)('release/App')).toBe(false);
  });

  test.each(['+(a|b)', '{1..3}', '[[:alpha:]]x', '{a,b}'.repeat(11)])('%s is refused', async (pattern) => {
    await refusal('POLICY_INVALID', () => policyOf({}, { artifacts: [pattern] }));
  });

  test('takes no long time with a hostile name', () => {
    const started = performance.now();
    expect(parseGlob(`${'*a'.repeat(100)}b`)('a'.repeat(4000))).toBe(false);
    expect(parseGlob(`${'**/a/'.repeat(100)}b`)('a/'.repeat(2000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
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
    const [subject, issuer] = [{ exactly: IDENTITY }, { exactly: ISSUER }];
    expect(await codeOf({ identity: { subject } })).toBe('IDENTITY_REQUIRED');
    expect(await codeOf({ identity: { issuer } })).toBe('IDENTITY_REQUIRED');
    expect(await codeOf({ identity: { subject, issuer } })).toBeUndefined();
    expect(await codeOf({ anyIdentity: true })).toBe('IDENTITY_REQUIRED');
    const byPolicy = (...identities: object[]) => codeOf({ rule: policyOf({ identities }).rules[0] });
    expect(await byPolicy({ subject: IDENTITY })).toBe('IDENTITY_REQUIRED');
    expect(await byPolicy({ subject: IDENTITY, issuer: ISSUER })).toBeUndefined();
    expect(await byPolicy({ subject: 'x', issuer: ISSUER }, { issuer: ISSUER })).toBe('IDENTITY_REQUIRED');
  });

  test.skipIf(!realIsPresent)('some identity, where anyone can get a certificate', async () => {
    const sample = loadSamples().find(({ name }) => name === 'happy-path-v0.1')!;
    const trustedRoot = parseTrustedRoot(readFileSync(sample.trustedRootFile));
    const { origin } = sample.trust;
    const trust = loadTrust({ origin, instances: [{ name: 'test', builtIn: 'sigstore', trustedRoot }] });
    const errorOf = async (options: VerifyOptions) =>
      (await verifyBytes(sample.bytes, { trust, options })).error;
    const error = await errorOf({});
    expect(error?.code).toBe('IDENTITY_REQUIRED');
    expect(error?.hints.join('\n')).toContain(
      `--certificate-identity '${IDENTITY}' --certificate-oidc-issuer '${ISSUER}'`,
    );
    expect(error?.hints.join('\n')).toContain('--any-identity');
    expect(await errorOf({ anyIdentity: true })).toBeUndefined();
    expect((await errorOf({ identity: { subject: { exactly: IDENTITY } } }))?.code).toBe('IDENTITY_REQUIRED');
    expect(
      await errorOf({ identity: { subject: { exactly: IDENTITY }, issuer: { exactly: ISSUER } } }),
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
    writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(site.trustedRoot));
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

describe('a policy with a strict rule for release/* and a lax one for the rest', () => {
  let cwd: string;
  beforeEach(async () => {
    const site = await makeSite();
    cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'release'));
    writeFileSync(join(cwd, 'root.json'), formatTrustedRoot(site.trustedRoot));
    writeFileSync(join(cwd, 'attestor.pub'), formatPublicKey(site.key.publicKey));
    for (const name of ['release/app.bin', 'free.bin', '.hidden']) writeFileSync(join(cwd, name), 'content');
    symlinkSync('release/app.bin', join(cwd, 'link.bin'));
    symlinkSync('release', join(cwd, 'rel'));
    writeFileSync(
      join(cwd, 'policy.json'),
      JSON.stringify({ version: 1, rules: [{ artifacts: ['release/*'], keys: ['attestor.pub'] }, {}] }),
    );
    writeFileSync(join(cwd, 'a.json'), (await site.sign()).bytes);
  });
  const verify = (about: readonly string[], directory = cwd, stdin?: string) =>
    stella(
      [
        'attest',
        'verify',
        join(cwd, 'a.json'),
        '--trusted-root',
        join(cwd, 'root.json'),
        '--key',
        join(cwd, 'attestor.pub'),
        '--policy',
        join(cwd, 'policy.json'),
        ...about,
      ],
      { cwd: directory, now: NOW, ...(stdin === undefined ? {} : { stdin }) },
    );

  test.each([
    ['release/app.bin'],
    ['./release//app.bin'],
    ['release/../release/app.bin'],
    ['link.bin'],
    ['rel/app.bin'],
    ['rel/../release/app.bin'],
  ])('holds for %s', async (artifact) => {
    const result = await verify(['--artifact', artifact]);
    expect(result).toMatchObject({ status: 2, stderr: expect.stringContaining('[POLICY_UNSATISFIED]') });
    expect(result.stderr).toContain('rule 1');
  });

  test('holds for absolute paths, and from other directories', async () => {
    for (const [artifact, directory] of [
      [join(cwd, 'release/app.bin'), cwd],
      [join(cwd, 'link.bin'), cwd],
      ['app.bin', join(cwd, 'release')],
      ['../release/app.bin', join(cwd, 'release')],
      [join(cwd, 'release/app.bin'), '/'],
    ] as const)
      expect((await verify(['--artifact', artifact], directory)).stderr).toContain('[POLICY_UNSATISFIED]');
  });

  test('holds for an artifact without a name: by digest, from standard input, or none', async () => {
    const digest = createHash('sha256').update('content').digest('hex');
    for (const [about, stdin] of [
      [['--digest', `sha256:${digest}`], undefined],
      [['--artifact', '-'], 'content'],
      [[], undefined],
    ] as const) {
      const result = await verify(about, cwd, stdin);
      expect(result).toMatchObject({ status: 2, stderr: expect.stringContaining('[POLICY_UNSATISFIED]') });
    }
  });

  test('lets others pass, and a dot file is no exception', async () => {
    expect(await verify(['--artifact', 'free.bin'])).toMatchObject({ status: 0 });
    expect(await verify(['--artifact', '.hidden'])).toMatchObject({ status: 0 });
    expect(await verify(['--artifact', './free.bin'])).toMatchObject({ status: 0 });
  });
});

describe.skipIf(!realIsPresent)('an identity that was not asked for', () => {
  const name = 'happy-path-intoto-in-dsse-v3';
  const args = [
    'attest',
    'verify',
    `${FOLDER}${name}/bundle.sigstore.json`,
    '--trusted-root',
    `${FOLDER}trusted_root.json`,
  ];
  const who = ['--certificate-identity', IDENTITY, '--certificate-oidc-issuer', ISSUER];

  test('is NOT CHECKED in the first line', async () => {
    const line = (await stella(args, { now: NOW })).stdout.split('\n')[0];
    expect(line).toMatch(/^verified, identity NOT CHECKED {2}/);
    expect((await stella([...args, ...who], { now: NOW })).stdout).toMatch(/^verified {2}/);
    const two = await stella([...args, args[2]!], { now: NOW });
    expect(two.stdout.match(/NOT CHECKED/g)).toHaveLength(2);
  });

  test('is refused with a trusted root, too, where the configuration requires one', async () => {
    const file = join(temporaryDirectory(), 'stella.yaml');
    writeFileSync(file, 'attestor:\n  trust_repo:\n    require_identity: true\n');
    for (const setting of [
      { args, env: { STELLA_CONFIG: file } },
      { args: [...args, '--config', file], env: {} },
      { args: [...args, args[2]!], env: { STELLA_CONFIG: file } },
      { args: [...args, '--shard', '1/1', '--json'], env: { STELLA_CONFIG: file } },
      { args: [...args, '--certificate-identity', IDENTITY], env: { STELLA_CONFIG: file } },
      { args: [...args, '--any-identity'], env: { STELLA_CONFIG: file } },
    ]) {
      const result = await stella(setting.args, { now: NOW, env: setting.env });
      expect(result).toMatchObject({ status: 2, stderr: expect.stringContaining('[IDENTITY_REQUIRED]') });
    }
    const asked = await stella([...args, ...who], { now: NOW, env: { STELLA_CONFIG: file } });
    expect(asked).toMatchObject({ status: 0 });
  });

  test('and one that was asked for exclude each other', async () => {
    const result = await stella([...args, ...who, '--any-identity'], { now: NOW });
    expect(result).toMatchObject({ status: 4, stderr: expect.stringContaining('[USAGE]') });
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
