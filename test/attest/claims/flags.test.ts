import { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import type { VerifyOptions } from '../../../src/attest/verify.ts';
import type { ErrorCode } from '../../../src/base/codes.ts';
import { isStellaError } from '../../../src/base/errors.ts';
import { addSignerOptions, type SignerOptions } from '../../../src/cli/commands/attest/signer-options.ts';
import { signerRulesOf } from '../../../src/cli/commands/attest/signer-rules.ts';
import { refusal } from '../../support/errors.ts';
import { extension } from '../../support/sigstore/certificates.ts';
import { utf8 } from '../../support/sigstore/der.ts';
import { instancesOf, judgeMade } from '../../support/sigstore/judge.ts';
import { type Made, make } from '../../support/sigstore/scenario.ts';

const SHA = 'ab'.repeat(20);
const GITHUB = 'https://token.actions.githubusercontent.com';
const WORKFLOW = 'https://github.com/shared/flows/.github/workflows/build.yml@refs/tags/v1';

const claim = (number: number, text: string) =>
  extension(`1.3.6.1.4.1.57264.1.${number}`, number <= 6 ? Buffer.from(text) : utf8(text));

const CLAIMS = [
  claim(2, 'push'),
  claim(3, SHA),
  claim(4, 'Build'),
  claim(5, 'owner/name'),
  claim(6, 'refs/heads/main'),
  claim(9, WORKFLOW),
  claim(10, SHA),
  claim(11, 'github-hosted'),
  claim(12, 'https://github.com/owner/name'),
  claim(13, SHA),
  claim(14, 'refs/heads/main'),
  claim(16, 'https://github.com/owner'),
];

interface Certified {
  readonly issuer?: string;
  readonly subject?: string;
  readonly extensions?: readonly Buffer[];
}

const signed = ({ issuer = GITHUB, subject = WORKFLOW, extensions = CLAIMS }: Certified = {}): Made =>
  make({ leaf: { issuer, names: [{ uri: subject }], extensions } });

let good: Made;
beforeAll(() => {
  good = signed();
});

/** What the command line's own parser makes of the arguments. */
function optionsOf(args: readonly string[]): SignerOptions {
  const command = new Command().exitOverride();
  addSignerOptions(command);
  command.parse(args, { from: 'user' });
  return command.opts();
}

async function answer(
  args: readonly string[],
  made = good,
  more: VerifyOptions = {},
): Promise<ErrorCode | 'holds'> {
  try {
    const rules = await signerRulesOf(optionsOf(args));
    const verdict = await judgeMade(
      made.bundle,
      { instances: instancesOf(made.root) },
      { ...rules, ...more },
    );
    return verdict.error?.code ?? 'holds';
  } catch (error) {
    if (isStellaError(error)) return error.code;
    throw error;
  }
}

describe('what a flag demands is compared as a whole', () => {
  test.each<[flag: string, good: string[], near: string[]]>([
    [
      '--repo',
      ['owner/name', 'github.com/owner/name', 'https://github.com/owner/name'],
      [
        'owner/nam',
        'owner/names',
        'owner/name-evil',
        'owner-evil/name',
        'Owner/name',
        'owner/NAME',
        'wner/name',
        'https://github.com/owner/name/x',
        'owner/name.',
        'name/owner',
      ],
    ],
    [
      '--owner',
      ['owner', 'github.com/owner', 'https://github.com/owner'],
      ['own', 'owner-evil', 'Owner', 'ownername', 'https://github.com/owner/name'],
    ],
    [
      '--signer-repo',
      ['shared/flows', 'https://github.com/shared/flows'],
      [
        'shared/flow',
        'shared/flows-evil',
        'shared-evil/flows',
        'Shared/flows',
        'https://github.com/shared/flows/.github',
        'owner/name',
        'shared/fl.ws',
      ],
    ],
    [
      '--signer-workflow',
      [
        'shared/flows/.github/workflows/build.yml',
        'shared/flows/.github/workflows/build.yml@refs/tags/v1',
        'https://github.com/shared/flows/.github/workflows/build.yml',
      ],
      [
        'shared/flows/.github/workflows/build.ym',
        'shared/flows/.github/workflows/build.yml.evil',
        'shared/flows/.github/workflows/buildxyml',
        'shared/flows/.github/workflows/build.yml@refs/tags/v',
        'shared/flows/.github/workflows/build.yml@refs/tags/v1.0',
        'shared/flows/.github/workflows/build.yml@refs/tags/V1',
        'shared/flows-evil/.github/workflows/build.yml',
        'shared-evil/flows/.github/workflows/build.yml',
        'shared/flows/.github/workflows/Build.yml',
      ],
    ],
    [
      '--source-ref',
      ['refs/heads/main'],
      ['refs/heads/mai', 'refs/heads/main2', 'refs/heads/Main', 'refs/heads/main/', 'main', 'refs/tags/main'],
    ],
    ['--source-digest', [SHA], [SHA.slice(0, 12), SHA.toUpperCase(), `${SHA}00`, `sha1:${SHA}`, ` ${SHA}`]],
    ['--signer-digest', [SHA], [SHA.slice(0, 12), SHA.toUpperCase(), `${SHA}00`]],
    ['--certificate-github-workflow-trigger', ['push'], ['pus', 'Push', 'push ', 'pull_request']],
    ['--certificate-github-workflow-sha', [SHA], [SHA.slice(1), SHA.toUpperCase()]],
    ['--certificate-github-workflow-name', ['Build'], ['build', 'Buil', 'Build 2']],
    [
      '--certificate-github-workflow-repository',
      ['owner/name'],
      ['owner/nam', 'owner/name-evil', 'owner-evil/name', 'Owner/name', 'owner/name/', 'owner/name.git'],
    ],
    [
      '--certificate-github-workflow-ref',
      ['refs/heads/main'],
      ['main', 'refs/heads/main/', 'refs/heads/MAIN'],
    ],
    [
      '--claim',
      [
        'source_ref=refs/heads/main',
        'Source Repository Ref=refs/heads/main',
        'sourceRepositoryRef=refs/heads/main',
        '1.3.6.1.4.1.57264.1.14=refs/heads/main',
        'source_repository=https://github.com/owner/name',
      ],
      [
        'source_ref=refs/heads/mai',
        'source_ref= refs/heads/main',
        'source_repository=https://github.com/owner/name/',
        'source_repository=https://github.com/owner/name.git',
        'source_repository=https://github.com/Owner/name',
        'source_repository=https://github.com/owner/name-evil',
        'source_repository=owner/name',
        'deployment_environment=production',
      ],
    ],
  ])('%s', async (flag, right, near) => {
    for (const text of right) expect([text, await answer([flag, text])]).toEqual([text, 'holds']);
    for (const text of near)
      expect([text, await answer([flag, text])]).toEqual([
        text,
        flag.startsWith('--signer-') && flag !== '--signer-digest' ? 'IDENTITY_MISMATCH' : 'CLAIM_MISMATCH',
      ]);
  });

  test('what could be demanded of no certificate is refused before anything is judged', async () => {
    for (const args of [
      ['--repo', 'owner'],
      ['--repo', 'owner/name/'],
      ['--repo', 'owner/name.git'],
      ['--repo', 'https://github.com/owner/name/'],
      ['--repo', 'https://github.com/owner/name.git'],
      ['--repo', 'https://github.com/owner'],
      ['--repo', 'http://github.com/owner/name'],
      ['--repo', 'git@github.com:owner/name'],
      ['--repo', 'a/b/c'],
      ['--repo', '../name'],
      ['--repo', 'owner/..'],
      ['--repo', 'owner/na me'],
      ['--repo', 'https://u@github.com/owner/name'],
      ['--repo', ''],
      ['--owner', 'owner/name'],
      ['--owner', 'owner/'],
      ['--signer-repo', 'shared/flows/'],
      ['--signer-workflow', 'shared/flows'],
      ['--signer-workflow', 'shared/flows/.github/workflows/build.yml@'],
      ['--signer-workflow', '.github/workflows/build.yml'],
      ['--source-ref', ''],
      ['--source-ref', 'a\0b'],
      ['--claim', 'source_ref'],
      ['--claim', '=x'],
      ['--claim', 'source_ref='],
      ['--claim', `source_ref=${'x'.repeat(5000)}`],
      ['--claim', 'constructor=x'],
      ['--claim', 'source_ref=a', '--claim', 'source_ref=b'],
      ['--source-ref', 'a', '--claim', 'sourceRepositoryRef=a'],
      ['--deny-self-hosted-runners', '--claim', 'runner_environment=self-hosted'],
      ['--repo', 'owner/name', '--claim', 'source_repository=https://github.com/a/b'],
      ['--signer-repo', 'a/b', '--certificate-identity', 'x'],
      ['--signer-repo', 'a/b', '--signer-workflow', 'a/b/.github/workflows/c.yml'],
      ['--any-identity', '--repo', 'owner/name'],
      ['--any-identity', '--claim', 'source_repository=x'],
      ['--cert-identity', 'a', '--certificate-identity', 'a'],
      ['--issuer', 'a', '--certificate-oidc-issuer', 'a'],
      ['--repo', 'https://code.example.com/owner/name'],
      ['--repo', 'owner/name', '--signer-repo', 'https://gitlab.com/a/b'],
      ['--owner', 'owner', '--claim', 'source_repository=https://gitlab.com/owner/name'],
      ['--owner', 'owner', '--claim', 'source_repository=https://code.example.com/owner/name'],
      ['--signer-repo', 'owner/name', '--claim', 'source_repository=https://gitlab.com/owner/name'],
      ['--claim', `source_ref${'-'.repeat(200)}x=y`],
    ])
      expect([args, await answer(args)]).toEqual([args, 'USAGE']);
  });

  test('an unknown claim is refused with the nearest one', async () => {
    const error = await refusal('USAGE', () => signerRulesOf(optionsOf(['--claim', 'source_repositry=x'])));
    expect(error.hints[0]).toBe('did you mean source_repository?');
    const issuer = await refusal('USAGE', () => signerRulesOf(optionsOf(['--claim', 'issuer=x'])));
    expect(issuer.hints.join()).toContain('--certificate-oidc-issuer');
  });

  test('a near miss is told apart from another value', async () => {
    const hints = async (value: string) => {
      const rules = await signerRulesOf(
        optionsOf(['--claim', `source_repository=https://github.com/${value}`]),
      );
      const { error } = await judgeMade(good.bundle, { instances: instancesOf(good.root) }, rules);
      return error?.hints.join();
    };
    expect(await hints('Owner/name')).toContain('upper and lower case');
    expect(await hints('owner/name/')).toContain('slash or .git');
    expect(await hints('owner/name-evil')).toContain('only begins with');
    expect(await hints('other/thing')).toContain('--explain');
  });
});

describe('a source implies who vouches for it', () => {
  test.each<[string, string[], string, ErrorCode | 'holds']>([
    ['GitHub for OWNER/NAME', ['--repo', 'owner/name'], GITHUB, 'holds'],
    ['no other', ['--repo', 'owner/name'], 'https://issuer.example.com', 'IDENTITY_MISMATCH'],
    ['no issuer that begins alike', ['--repo', 'owner/name'], `${GITHUB}.evil.example`, 'IDENTITY_MISMATCH'],
    ["no enterprise's own", ['--repo', 'owner/name'], `${GITHUB}/ENTERPRISE`, 'IDENTITY_MISMATCH'],
    [
      'unless the flag says so',
      ['--repo', 'owner/name', '--issuer', `${GITHUB}/ENTERPRISE`],
      `${GITHUB}/ENTERPRISE`,
      'holds',
    ],
    [
      'unless a pattern says so',
      ['--repo', 'owner/name', '--certificate-oidc-issuer-regexp', `${GITHUB}/.+`],
      `${GITHUB}/E`,
      'holds',
    ],
    [
      'and not when the flag says otherwise',
      ['--repo', 'owner/name', '--issuer', `${GITHUB}/E`],
      GITHUB,
      'IDENTITY_MISMATCH',
    ],
    ['for the owner', ['--owner', 'owner'], 'https://issuer.example.com', 'IDENTITY_MISMATCH'],
    [
      'for the signing workflow',
      ['--signer-repo', 'shared/flows'],
      'https://issuer.example.com',
      'IDENTITY_MISMATCH',
    ],
    [
      'for the claim by its name',
      ['--claim', 'source_repository=https://github.com/owner/name'],
      'https://issuer.example.com',
      'IDENTITY_MISMATCH',
    ],
    [
      'for the older claim',
      ['--certificate-github-workflow-repository', 'owner/name'],
      'https://issuer.example.com',
      'IDENTITY_MISMATCH',
    ],
    [
      'not for a ref, which is nobody’s',
      ['--source-ref', 'refs/heads/main'],
      'https://issuer.example.com',
      'holds',
    ],
  ])('%s', async (_, args, issuer, expected) => {
    expect(await answer(args, issuer === GITHUB ? good : signed({ issuer }))).toBe(expected);
  });

  test('the hint says how to demand another issuer', async () => {
    const rules = await signerRulesOf(optionsOf(['--repo', 'owner/name']));
    const made = signed({ issuer: `${GITHUB}/ENTERPRISE` });
    const { error } = await judgeMade(made.bundle, { instances: instancesOf(made.root) }, rules);
    expect(error?.hints.join()).toContain('--certificate-oidc-issuer');
  });

  test('GitLab, and the tenants of GitHub, have their own', async () => {
    const gitlab = signed({
      issuer: 'https://gitlab.com',
      subject: 'https://gitlab.com/group/sub/proj//ci/build.yml@refs/heads/main',
      extensions: [claim(12, 'https://gitlab.com/group/sub/proj'), claim(11, 'gitlab-hosted')],
    });
    const project = 'https://gitlab.com/group/sub/proj';
    for (const args of [
      ['--repo', project],
      ['--repo', 'gitlab.com/group/sub/proj'],
      ['--signer-repo', project],
      ['--signer-workflow', `${project}//ci/build.yml`],
      ['--deny-self-hosted-runners'],
    ])
      expect([args, await answer(args, gitlab)]).toEqual([args, 'holds']);
    for (const args of [
      ['--signer-repo', 'https://gitlab.com/group/sub'],
      ['--signer-repo', 'https://gitlab.com/group/sub/pro'],
      ['--signer-workflow', `${project}//build.yml`],
    ])
      expect([args, await answer(args, gitlab)]).toEqual([args, 'IDENTITY_MISMATCH']);
    const uri = 'https://octo.ghe.com/owner/name';
    const tenant = signed({ issuer: 'https://token.actions.octo.ghe.com', extensions: [claim(12, uri)] });
    expect(await answer(['--repo', 'octo.ghe.com/owner/name'], tenant)).toBe('holds');
    expect(await answer(['--repo', uri], signed({ extensions: [claim(12, uri)] }))).toBe('IDENTITY_MISMATCH');
  });
});

test('--deny-self-hosted-runners takes only what a platform runs', async () => {
  const on = (...extensions: Buffer[]) => answer(['--deny-self-hosted-runners'], signed({ extensions }));
  expect(await answer(['--deny-self-hosted-runners'])).toBe('holds');
  expect(await on()).toBe('CLAIM_MISMATCH');
  for (const text of ['self-hosted', 'github-hosted ', 'GitHub-hosted', 'github-hosted-evil', ''])
    expect([text, await on(claim(11, text))]).toEqual([text, 'CLAIM_MISMATCH']);
});

test.each<[string, string[]]>([
  ['upper and lower case', ['--certificate-identity', WORKFLOW.toUpperCase()]],
  ['only begins with', ['--cert-identity', `${WORKFLOW}.1`]],
  ['slash or .git', ['--issuer', `${GITHUB}/`]],
])('an identity that is almost right is told apart: %s', async (what, args) => {
  const rules = await signerRulesOf(optionsOf(args));
  const { error } = await judgeMade(good.bundle, { instances: instancesOf(good.root) }, rules);
  expect(error?.code).toBe('IDENTITY_MISMATCH');
  expect(error?.hints.join()).toContain(what);
});

test('a workflow of a reusable repository does not stand for its callers', async () => {
  expect(await answer(['--signer-repo', 'shared/flows', '--repo', 'owner/name'])).toBe('holds');
  expect(await answer(['--signer-repo', 'shared/flows', '--repo', 'other/name'])).toBe('CLAIM_MISMATCH');
});
