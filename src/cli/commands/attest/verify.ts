import type { Command } from 'commander';
import { parsePredicateType } from '../../../attest/policy/predicate-type.ts';
import { HASH_LENGTHS } from '../../../base/keys.ts';
import type { Cli } from '../../frame/cli.ts';
import { enumerate } from '../../frame/command-help.ts';
import { addJsonForms } from '../../frame/json-forms.ts';
import { repeatable } from '../../frame/repeated.ts';
import { addSignerOptions } from './signer-options.ts';

const DIGESTS = [...Object.keys(HASH_LENGTHS).map((hash) => `${hash}:HEX`), 'sha512-BASE64'];

/** `stella attest verify` */
export function registerAttestVerify(attest: Command, cli: Cli): void {
  const command = cli
    .command(
      attest,
      'verify [path...]',
      'verify attestations: files, directories, patterns, - for stdin; never uses the network',
    )
    .option('--artifact <file>', 'what they must be about: a file, an OCI layout directory, - for stdin')
    .option('--digest <digest>', `what they must be about: ${enumerate(DIGESTS, 'or')}`);
  addSignerOptions(command);
  command
    .addOption(
      repeatable(
        '--type <uri>',
        "predicate type that is required, a URI or cosign's shorthand (several: any of them)",
        parsePredicateType,
      ),
    )
    .option('--key <file>', 'public key that must have signed; certificates are then refused')
    .option(
      '--lockfile <file>',
      'verify what vouches for the packages of a lock file, with what is in the paths',
    )
    .option(
      '--require <what>',
      'with --lockfile: what each package must have: signature (default), provenance or all',
    )
    .option(
      '--registry-keys <file>',
      "further keys of a package registry, for what it says of its packages: npm's keys.json",
    )
    .option('--signature <file>', 'a signature by itself, as `cosign sign-blob --output-signature` wrote it')
    .option('--certificate <file>', 'the certificate of --signature: PEM, base64 of PEM, or DER')
    .option('--no-log', 'with --key: do not require that the signature is in a transparency log')
    .option('--trusted-root <file>', 'Sigstore trusted root to use instead of the trust store')
    .option('--policy <file>', 'what is required of the attestations of an artifact, JSON')
    .option('--max-age <duration>', 'accept a trust store up to this old, this once')
    .option(
      '--jobs <n>',
      'threads that may verify, where there are many attestations (default: one per processor)',
    )
    .option(
      '--shard <i/n>',
      'only the share of the Ith of N runs, for `attest merge`; I is a number or `completion` ($JOB_COMPLETION_INDEX)',
    )
    .option('--strict', 'refuse directories that hold anything but attestations')
    .option('--fail-fast', 'stop at the first that does not verify')
    .option('--explain', 'show every check, and for a failure what was expected and found')
    .option('--offline', 'no network; this command never uses any');
  addJsonForms(command, 'verdict');
  cli.action(command, async (run, paths: string[]) => {
    if (paths.length === 0 && (run.options as { signature?: string }).signature === undefined)
      command.error("error: missing required argument 'path'", { code: 'commander.missingArgument' });
    const { verifyCommand } = await import('./verify-run.ts');
    return await verifyCommand(run, paths);
  });
}
