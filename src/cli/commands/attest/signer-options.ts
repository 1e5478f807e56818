import { type Command, Option } from 'commander';
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
export const FLAG_ALIASES = [
  ['--cert-identity', '--certificate-identity'],
  ['--cert-identity-regex', '--certificate-identity-regexp'],
  ['--cert-oidc-issuer', '--certificate-oidc-issuer'],
  ['--cert-oidc-issuer-regex', '--certificate-oidc-issuer-regexp'],
  ['--issuer', '--certificate-oidc-issuer'],
] as const;

/** What `--deny-self-hosted-runners` accepts. */
export const HOSTED_RUNNERS = ['github-hosted', 'gitlab-hosted'];
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
      `only what ran on a platform's own machines: ${HOSTED_RUNNERS.join(' or ')}`,
    )
    .addOption(repeatable('--claim <name=value>', "claim that the signer's certificate must have, exactly"))
    .option('--any-identity', 'accept any signer that a public instance has certified');
  for (const [alias, flag] of FLAG_ALIASES)
    command.addOption(new Option(`${alias} <text>`, `the same as ${flag}`).hideHelp());
}
