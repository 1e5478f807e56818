import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClaimRule, makeClaimRule } from '../../../src/attest/policy/claim-rule.ts';
import { parsePolicy } from '../../../src/attest/policy/policy-file.ts';
import { verdictJson } from '../../../src/attest/verdict/verdict-json.ts';
import type { VerifyOptions } from '../../../src/attest/verify.ts';
import { CLAIMS, claimsIn } from '../../../src/attest/x509/claims.ts';
import { oidOf } from '../../../src/attest/x509/der.ts';
import type { ErrorCode } from '../../../src/base/codes.ts';
import { checkSchema } from '../../../src/base/schema.ts';
import { verdictText } from '../../../src/cli/commands/attest/verdict-text.ts';
import { refusal } from '../../support/errors.ts';
import { extension } from '../../support/sigstore/certificates.ts';
import { tlv, utf8 } from '../../support/sigstore/der.ts';
import { instancesOf, judgeMade } from '../../support/sigstore/judge.ts';
import { IDENTITY, make, type Scenario } from '../../support/sigstore/scenario.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';
const URI = 'https://github.com/owner/name';
const oid = (number: number) => `1.3.6.1.4.1.57264.1.${number}`;
const claim = (number: number, text: string) =>
  extension(oid(number), number <= 6 ? Buffer.from(text) : utf8(text));

async function judge(extensions: readonly Buffer[], options: VerifyOptions = {}, more: Scenario = {}) {
  const made = make({ ...more, leaf: { issuer: GITHUB, ...more.leaf, extensions } });
  return await judgeMade(made.bundle, { instances: instancesOf(made.root) }, options);
}

const demanded = (text: string): VerifyOptions => ({ claims: [makeClaimRule('source_repository', [text])] });

test('every claim that Fulcio documents is read, shown and can be demanded', async () => {
  const extensions = CLAIMS.map(({ number, name }) => claim(number, `the ${name}`));
  const claims: ClaimRule[] = CLAIMS.filter(({ name }) => !/source_|repository/.test(name)).map(({ name }) =>
    makeClaimRule(name, [`the ${name}`]),
  );
  const verdict = await judge(extensions, { claims });
  expect(verdict.error).toBeUndefined();
  const document = checkSchema('verdict', JSON.parse(JSON.stringify(verdictJson('it', verdict))), 'it');
  expect(document.signer).toMatchObject({
    claims: Object.fromEntries(CLAIMS.map(({ name }) => [name, `the ${name}`])),
  });
  const text = verdictText(document, { trust: verdict.trust, explain: true, isToldWhy: false });
  for (const { name } of CLAIMS) expect(text).toMatch(new RegExp(`^ {4}${name} +the ${name}$`, 'm'));
  expect(text).toContain('    claims        passed: ');
  expect(verdictText(document, { trust: verdict.trust, explain: false, isToldWhy: false })).not.toContain(
    'run_invocation_uri',
  );
});

describe('a claim that is malformed counts as none, and is shown escaped', () => {
  test.each<[string, Buffer, string]>([
    ['no DER', extension(oid(12), Buffer.from(URI)), 'malformed DER'],
    ['another kind of DER string', extension(oid(12), tlv(0x16, Buffer.from(URI))), 'malformed DER'],
    [
      'DER with more after it',
      extension(oid(12), Buffer.concat([utf8(URI), Buffer.from('x')])),
      'malformed DER',
    ],
    ['no UTF-8', extension(oid(12), tlv(0x0c, Buffer.from([...Buffer.from(URI), 0xff]))), 'not valid UTF-8'],
    [
      'an overlong form of UTF-8',
      extension(oid(12), tlv(0x0c, Buffer.from([0xc0, 0xaf]))),
      'not valid UTF-8',
    ],
    ['too long', extension(oid(12), utf8(URI.padEnd(4097, 'x'))), 'longer than 4096 bytes'],
  ])('%s', async (_, bad, problem) => {
    const refused = await judge([bad, claim(14, 'refs/heads/main')], demanded(URI));
    expect(refused.error).toMatchObject({
      code: 'CLAIM_MISMATCH',
      message: expect.stringContaining(problem),
    });
    const shown = verdictJson('it', await judge([bad, claim(14, 'refs/heads/main')]));
    expect(shown).toMatchObject({ verified: true, signer: { claims: { source_ref: 'refs/heads/main' } } });
    expect(shown.signer).not.toHaveProperty('claims.source_repository');
    expect(shown.warnings?.join()).toContain(
      `the certificate's source_repository cannot be used: ${problem}`,
    );
    expect(shown.warnings?.join()).toMatch(/^[\x20-\x7e…]*$/);
  });

  test.each(['a\0b', `${URI}\0`, `${URI}\n`, `\u202e${URI}`])(
    '%j is not what it looks like',
    async (text) => {
      const refused = await judge([claim(12, text)], demanded(URI));
      expect(refused.error?.code).toBe('CLAIM_MISMATCH');
      expect(refused.error?.message).not.toMatch(/[\0\n]/);
      const document = verdictJson('it', await judge([claim(12, text)]));
      expect(document.warnings?.[0]).toContain('has characters that are not seen');
      expect(
        verdictText(document, { trust: { kind: 'key', name: 't' }, explain: true, isToldWhy: false }),
      ).not.toContain(text);
    },
  );

  test('none can be demanded with NUL', async () => {
    await refusal('USAGE', () => makeClaimRule('source_repository', [`${URI}\0`]));
  });
});

test('whatever bytes there are, each claim is one or cannot be used', () => {
  fc.assert(
    fc.property(fc.constantFrom(...CLAIMS), fc.uint8Array({ maxLength: 300 }), ({ number, name }, bytes) => {
      const value = Buffer.from(bytes);
      const extensions = new Map([[oidOf(oid(number)), { critical: false, start: 0, end: 0, value }]]);
      const { claims, unusableClaims } = claimsIn({ extensions });
      expect([name in claims, name in unusableClaims].filter(Boolean)).toHaveLength(1);
      if (number <= 6 && name in claims) expect(Buffer.from(claims[name]!)).toEqual(value);
    }),
  );
});

test('a claim that is there twice makes the certificate invalid', async () => {
  const twice = [claim(12, URI), claim(12, 'https://github.com/evil/name')];
  expect((await judge(twice)).error?.code).toBe('CERTIFICATE_INVALID');
});

test('two issuers that contradict each other make the certificate invalid', async () => {
  expect((await judge([extension(oid(1), Buffer.from(GITHUB))])).error).toBeUndefined();
  expect((await judge([extension(oid(1), Buffer.from('https://gitlab.com'))])).error?.code).toBe(
    'CERTIFICATE_INVALID',
  );
});

test('a certificate without the claim, and a key, do not have it', async () => {
  const without = await judge([claim(5, 'owner/name')], demanded(URI));
  expect(without.error).toMatchObject({
    code: 'CLAIM_MISMATCH',
    message: `the certificate has no source_repository, required is ${URI}`,
  });
  expect(without.error?.hints.join()).toContain('github_workflow_repository');
});

describe('what counts as an identity', () => {
  const repository = makeClaimRule('source_repository', [URI]);
  const owner = makeClaimRule('source_owner', ['https://github.com/owner']);
  const ref = makeClaimRule('source_ref', ['refs/heads/main']);
  const elsewhere = makeClaimRule('source_repository', ['https://code.example.com/owner/name']);
  const extensions = [claim(12, URI), claim(14, 'refs/heads/main'), claim(16, 'https://github.com/owner')];
  const rule = (json: object) =>
    parsePolicy(Buffer.from(JSON.stringify({ version: 1, rules: [json] })), 'policy').rules[0]!;
  const REPOSITORY = { source_repository: URI };

  test.each<
    [string, VerifyOptions, byConfiguration: ErrorCode | 'holds', byPublicInstance: ErrorCode | 'holds']
  >([
    ['nothing', {}, 'IDENTITY_REQUIRED', 'IDENTITY_REQUIRED'],
    ['the source repository', { claims: [repository] }, 'holds', 'holds'],
    ['only the owner', { claims: [owner] }, 'IDENTITY_REQUIRED', 'holds'],
    ['only a ref', { claims: [ref] }, 'IDENTITY_REQUIRED', 'IDENTITY_REQUIRED'],
    [
      'a ref and an issuer',
      { claims: [ref], identity: { issuer: { exactly: GITHUB } } },
      'IDENTITY_REQUIRED',
      'IDENTITY_REQUIRED',
    ],
    [
      'a repository whose host says nothing of an issuer',
      { claims: [elsewhere] },
      'IDENTITY_REQUIRED',
      'IDENTITY_REQUIRED',
    ],
    ['--any-identity', { anyIdentity: true }, 'IDENTITY_REQUIRED', 'holds'],
    ['the repository, in a policy', { rule: rule({ claims: REPOSITORY }) }, 'holds', 'holds'],
    [
      'a ref, in a policy',
      { rule: rule({ claims: { source_ref: 'refs/heads/main' } }) },
      'IDENTITY_REQUIRED',
      'IDENTITY_REQUIRED',
    ],
    [
      'the repository with identities in a policy that have no issuer',
      { rule: rule({ identities: [{ subject: IDENTITY }], claims: REPOSITORY }) },
      'holds',
      'holds',
    ],
  ])('%s', async (_, options, byConfiguration, byPublicInstance) => {
    const made = make({ leaf: { issuer: GITHUB, extensions } });
    const codeOf = async (more: VerifyOptions, builtIn?: string) => {
      const instances = instancesOf(made.root).map((each) => ({ ...each, builtIn }));
      return (await judgeMade(made.bundle, { instances }, { ...options, ...more })).error?.code ?? 'holds';
    };
    expect(await codeOf({ requireIdentity: true })).toBe(byConfiguration);
    expect(await codeOf({}, 'sigstore')).toBe(byPublicInstance);
  });

  test('the hint of a public instance shows the repository, and how to demand it', async () => {
    const made = make({ leaf: { issuer: GITHUB, extensions } });
    const instances = instancesOf(made.root).map((each) => ({ ...each, builtIn: 'sigstore' }));
    const { error } = await judgeMade(made.bundle, { instances });
    expect(error?.hints[0]).toContain(`built from ${URI}`);
    expect(error?.hints[1]).toContain(`--repo '${URI}'`);
    expect(error?.hints[2]).toContain('--any-identity');
  });

  test.each<[string, VerifyOptions, boolean]>([
    ['nothing', {}, false],
    ['a ref', { claims: [ref] }, false],
    ['the repository', { claims: [repository] }, true],
    ['the owner', { claims: [owner] }, true],
    ['the repository, in a policy', { rule: rule({ claims: REPOSITORY }) }, true],
    ['a ref, in a policy', { rule: rule({ claims: { source_ref: 'refs/heads/main' } }) }, false],
  ])('the first line says NOT CHECKED unless the signer is demanded: %s', async (_, options, isChecked) => {
    const verdict = await judge(extensions, options);
    expect(verdict).toMatchObject({ verified: true, identityChecked: isChecked });
    const text = verdictText(verdictJson('it', verdict), {
      trust: verdict.trust,
      explain: false,
      isToldWhy: false,
    });
    expect(text.split('\n')[0]).toBe(isChecked ? 'verified  it' : 'verified, identity NOT CHECKED  it');
  });
});

describe('claims in a policy file', () => {
  const parse = (...rules: object[]) =>
    parsePolicy(Buffer.from(JSON.stringify({ version: 1, rules })), 'policy');
  const codeOf = async (rule: object, more: Scenario = {}) =>
    (
      await judge(
        [claim(12, URI), claim(13, 'ab'.repeat(20)), claim(14, 'refs/heads/main')],
        { rule: parse(rule).rules[0]! },
        more,
      )
    ).error?.code ?? 'holds';

  test.each<[string, object, ErrorCode | 'holds']>([
    ['one text', { claims: { source_repository: URI } }, 'holds'],
    [
      'several, of which one is right',
      { claims: { source_ref: ['refs/heads/x', 'refs/heads/main'] } },
      'holds',
    ],
    ["by Fulcio's title", { claims: { 'Source Repository Ref': 'refs/heads/main' } }, 'holds'],
    ['a near miss', { claims: { source_repository: `${URI}/` } }, 'POLICY_UNSATISFIED'],
    [
      'one right, one wrong',
      { claims: { source_repository: URI, source_ref: 'main' } },
      'POLICY_UNSATISFIED',
    ],
    ['one that is not there', { claims: { build_trigger: 'push' } }, 'POLICY_UNSATISFIED'],
    [
      'with identities, both count',
      { claims: { source_repository: URI }, identities: [{ subject: 'x', issuer: GITHUB }] },
      'POLICY_UNSATISFIED',
    ],
    [
      'with the right identity',
      { claims: { source_repository: URI }, identities: [{ subject: IDENTITY, issuer: GITHUB }] },
      'holds',
    ],
  ])('%s', async (_, rule, expected) => {
    expect(await codeOf(rule)).toBe(expected);
  });

  test('the issuer of the host is implied, unless every identity has one', async () => {
    const other = 'https://issuer.example.com';
    const by = { leaf: { issuer: other } };
    expect(await codeOf({ claims: { source_repository: URI } }, by)).toBe('POLICY_UNSATISFIED');
    expect(
      await codeOf({ claims: { source_repository: URI }, identities: [{ subject: IDENTITY }] }, by),
    ).toBe('POLICY_UNSATISFIED');
    expect(await codeOf({ claims: { source_repository: URI }, identities: [{ issuer: other }] }, by)).toBe(
      'holds',
    );
  });

  test.each<[string, object]>([
    ['an unknown name', { source_repositry: 'x' }],
    ['a name of every object', { __proto__x: 'x' }],
    ['nothing', {}],
    ['an empty text', { source_ref: '' }],
    ['an empty list', { source_ref: [] }],
    ['no text', { source_ref: 1 }],
    ['NUL', { source_ref: 'a\0' }],
    ['the same claim by two names', { source_ref: 'a', sourceRepositoryRef: 'b' }],
    ['the issuer', { issuer: GITHUB }],
    ['hosts of two issuers', { source_repository: [URI, 'https://gitlab.com/owner/name'] }],
    ['a host of no known issuer beside one', { source_repository: [URI, 'https://code.example.com/o/n'] }],
  ])('%s is refused', async (_, claims) => {
    await refusal('POLICY_INVALID', () => parse({ claims }));
  });

  test('hosts of two issuers need identities with an issuer', async () => {
    const claims = { source_repository: ['https://gitlab.com/owner/name', URI] };
    expect(await codeOf({ claims, identities: [{ issuer: GITHUB }, { issuer: 'https://gitlab.com' }] })).toBe(
      'holds',
    );
  });

  test('keys beside claims could be met by none', async () => {
    await refusal('POLICY_INVALID', () => parse({ claims: { source_ref: 'x' }, keys: ['attestor.pub'] }));
  });

  test('names the nearest claim', async () => {
    const error = await refusal('POLICY_INVALID', () => parse({ claims: { source_reff: 'x' } }));
    expect(error.message).toContain('rules.0');
    expect(error.hints[0]).toBe('did you mean source_ref?');
  });
});
