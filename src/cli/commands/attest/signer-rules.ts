import { type Command, Option } from 'commander';
import {
  type ClaimRule,
  checkEachOnce,
  demandsSource,
  makeClaimRule,
} from '../../../attest/policy/claim-rule.ts';
import {
  type IdentityRule,
  isIdentityRuleEmpty,
  type TextRule,
} from '../../../attest/policy/identity-rule.ts';
import {
  type NamedPlace,
  parseOwner,
  parseRepository,
  parseWorkflow,
  signedIn,
} from '../../../attest/policy/place.ts';
import { excerpt } from '../../../base/bytes.ts';
import { StellaError } from '../../../base/errors.ts';
import { repeatable } from '../../frame/repeated.ts';

/** Who must have signed, as the command line says it. */
export interface SignerOptions {
  readonly certificateIdentity?: string;
  readonly certificateIdentityRegexp?: string;
  readonly certificateOidcIssuer?: string;
  readonly certificateOidcIssuerRegexp?: string;
  readonly anyIdentity?: boolean;
  readonly repo?: string;
  readonly owner?: string;
  readonly signerRepo?: string;
  readonly signerWorkflow?: string;
  readonly sourceRef?: string;
  readonly sourceDigest?: string;
  readonly signerDigest?: string;
  readonly denySelfHostedRunners?: boolean;
  readonly claim?: readonly string[];
  readonly certificateGithubWorkflowTrigger?: string;
  readonly certificateGithubWorkflowSha?: string;
  readonly certificateGithubWorkflowName?: string;
  readonly certificateGithubWorkflowRepository?: string;
  readonly certificateGithubWorkflowRef?: string;
}

/** Flags that demand a claim as it stands: the claim, the option's name, and what help says of it. */
export const CLAIM_FLAGS = [
  [
    'source_ref',
    'sourceRef',
    '--source-ref <ref>',
    'git ref that it must be built from, e.g. refs/heads/main',
  ],
  ['source_digest', 'sourceDigest', '--source-digest <sha>', 'commit that it must be built from'],
  [
    'build_signer_digest',
    'signerDigest',
    '--signer-digest <sha>',
    'commit that the signing workflow must be of',
  ],
  [
    'github_workflow_trigger',
    'certificateGithubWorkflowTrigger',
    '--certificate-github-workflow-trigger <event>',
    'event that must have started the workflow',
  ],
  [
    'github_workflow_sha',
    'certificateGithubWorkflowSha',
    '--certificate-github-workflow-sha <sha>',
    'commit that the workflow must have run on',
  ],
  [
    'github_workflow_name',
    'certificateGithubWorkflowName',
    '--certificate-github-workflow-name <name>',
    'name that the workflow must have',
  ],
  [
    'github_workflow_repository',
    'certificateGithubWorkflowRepository',
    '--certificate-github-workflow-repository <owner/name>',
    'repository that the workflow must have run for',
  ],
  [
    'github_workflow_ref',
    'certificateGithubWorkflowRef',
    '--certificate-github-workflow-ref <ref>',
    'git ref that the workflow must have run on',
  ],
] as const;

/** What gh and others call the same. */
const ALIASES = [
  ['--cert-identity', '--certificate-identity'],
  ['--cert-identity-regex', '--certificate-identity-regexp'],
  ['--cert-oidc-issuer', '--certificate-oidc-issuer'],
  ['--cert-oidc-issuer-regex', '--certificate-oidc-issuer-regexp'],
  ['--issuer', '--certificate-oidc-issuer'],
] as const;

const HOSTED = ['github-hosted', 'gitlab-hosted'];
const nameOf = (flag: string) =>
  new Option(`${flag} <text>`).attributeName() as keyof SignerOptions & `cert${string}`;

export function addSignerOptions(command: Command): void {
  command
    .option(
      '--repo <owner/name>',
      'repository that it must be built from; HOST/OWNER/NAME or a URI elsewhere',
    )
    .option('--owner <owner>', 'owner of the repository that it must be built from')
    .option('--signer-repo <owner/name>', 'repository of the workflow that must have signed')
    .option(
      '--signer-workflow <path>',
      'workflow that must have signed: OWNER/NAME/.github/workflows/FILE[@REF]',
    )
    .option('--certificate-identity <id>', 'who must have signed, exactly (also --cert-identity)')
    .option('--certificate-identity-regexp <re>', 'who must have signed; must match as a whole')
    .option(
      '--certificate-oidc-issuer <url>',
      "the signer's OIDC issuer, exactly (also --cert-oidc-issuer, --issuer)",
    )
    .option('--certificate-oidc-issuer-regexp <re>', "the signer's OIDC issuer; must match as a whole");
  for (const [, , flags, description] of CLAIM_FLAGS) command.option(flags, description);
  command
    .option(
      '--deny-self-hosted-runners',
      `only what ran on a platform's own machines: ${HOSTED.join(' or ')}`,
    )
    .addOption(repeatable('--claim <name=value>', "claim that the signer's certificate must have, exactly"))
    .option('--any-identity', 'accept any signer that a public instance has certified');
  for (const [alias, flag] of ALIASES)
    command.addOption(new Option(`${alias} <text>`, `the same as ${flag}`).hideHelp());
}

/** Under the one name, whichever was used. @throws StellaError USAGE for both */
function withoutAliases(given: SignerOptions): SignerOptions {
  const options: Record<string, unknown> = { ...given };
  for (const [alias, flag] of ALIASES) {
    const value = options[nameOf(alias)];
    if (value === undefined) continue;
    if (options[nameOf(flag)] !== undefined)
      throw new StellaError('USAGE', `${alias} and ${flag} are the same`);
    options[nameOf(flag)] = value;
  }
  return options;
}

async function textRuleOf(
  exactly: string | undefined,
  pattern: string | undefined,
  flag: string,
): Promise<TextRule | undefined> {
  if (exactly !== undefined && pattern !== undefined)
    throw new StellaError('USAGE', `give either ${flag} or ${flag}-regexp`);
  // An empty rule would be a variable that was not set, and must not let everybody pass.
  if (exactly === '') throw new StellaError('USAGE', `${flag} is empty`);
  if (exactly !== undefined) return { exactly };
  if (pattern === undefined) return undefined;
  const { parsePattern } = await import('../../../attest/policy/pattern.ts');
  return parsePattern(pattern);
}

/**
 * What the flags demand of the signer.
 * @throws StellaError USAGE for flags that exclude each other, or would demand less than they seem to
 */
export async function signerRulesOf(
  given: SignerOptions,
): Promise<{ readonly identity: IdentityRule; readonly claims: readonly ClaimRule[] }> {
  const options = withoutAliases(given);
  const source = placesOf(options);
  const claims = claimsOf(options, source);
  const signer = await subjectOf(options);
  const issuer =
    (await textRuleOf(
      options.certificateOidcIssuer,
      options.certificateOidcIssuerRegexp,
      '--certificate-oidc-issuer',
    )) ??
    impliedBy(
      [source.source_repository, source.source_owner, signer.place].filter((place) => place !== undefined),
    );
  const identity: IdentityRule = { subject: signer.subject, issuer };
  if (options.anyIdentity && (!isIdentityRuleEmpty(identity) || demandsSource(claims)))
    throw new StellaError('USAGE', '--any-identity and rules about the identity exclude each other');
  return { identity, claims };
}

interface Source {
  readonly source_repository?: NamedPlace;
  readonly source_owner?: NamedPlace;
}

const placesOf = ({ repo, owner }: SignerOptions): Source => ({
  ...(repo === undefined ? {} : { source_repository: parseRepository(repo, '--repo') }),
  ...(owner === undefined ? {} : { source_owner: parseOwner(owner, '--owner') }),
});

function claimsOf(options: SignerOptions, source: Source): ClaimRule[] {
  const rules = Object.entries(source).map(([name, { uri }]: [string, NamedPlace]) =>
    makeClaimRule(name, [uri]),
  );
  for (const [name, option] of CLAIM_FLAGS) {
    const text = options[option];
    if (text !== undefined) rules.push(makeClaimRule(name, [text]));
  }
  if (options.denySelfHostedRunners) rules.push(makeClaimRule('runner_environment', HOSTED));
  for (const text of options.claim ?? []) {
    const at = text.indexOf('=');
    if (at < 1)
      throw new StellaError('USAGE', `--claim takes NAME=VALUE, not ${excerpt(text)}`, {
        hint: 'e.g. --claim source_ref=refs/heads/main',
      });
    rules.push(makeClaimRule(text.slice(0, at), [text.slice(at + 1)]));
  }
  checkEachOnce(rules);
  return rules;
}

async function subjectOf(
  options: SignerOptions,
): Promise<{ readonly subject: TextRule | undefined; readonly place?: Pick<NamedPlace, 'issuer' | 'uri'> }> {
  const { signerRepo, signerWorkflow, certificateIdentity, certificateIdentityRegexp } = options;
  const subject = await textRuleOf(certificateIdentity, certificateIdentityRegexp, '--certificate-identity');
  if ([subject, signerRepo, signerWorkflow].filter((each) => each !== undefined).length > 1)
    throw new StellaError(
      'USAGE',
      'give one of --certificate-identity, --certificate-identity-regexp, --signer-repo and --signer-workflow',
    );
  if (signerRepo !== undefined) {
    const place = parseRepository(signerRepo, '--signer-repo');
    return { subject: signedIn(place), place };
  }
  if (signerWorkflow === undefined) return { subject };
  return parseWorkflow(signerWorkflow, '--signer-workflow');
}

/** Who vouches for what these places are said to have built. A name without that would say less than it seems to. */
function impliedBy(places: readonly NamedPlace[]): TextRule | undefined {
  const [first, ...others] = places;
  if (!first) return undefined;
  const unknown = places.find(({ issuer }) => issuer === undefined);
  if (unknown)
    throw new StellaError('USAGE', `which OIDC issuer vouches for ${unknown.uri} is not known`, {
      hint: "give --certificate-oidc-issuer URL: the verdict's issuer shows what the certificate has",
    });
  const other = others.find(({ issuer }) => issuer !== first.issuer);
  if (other)
    throw new StellaError('USAGE', `${first.uri} and ${other.uri} are of different OIDC issuers`, {
      hint: 'one certificate has one issuer: give --certificate-oidc-issuer URL',
    });
  return { exactly: first.issuer!, implied: true };
}
