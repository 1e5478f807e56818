import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import { readBounded, readBoundedIfPresent } from '../../../base/files.ts';
import type { StagedView } from '../../../repository/ceremony.ts';
import type { Cli } from '../../frame/cli.ts';
import {
  passphraseOption,
  repoOption,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly key?: string;
  readonly signer?: string;
  readonly publicKey?: string;
  readonly root?: string;
  readonly yes?: boolean;
}

export function registerRepoSign(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'sign [dir]', 'add signatures to a staged change, or to a copy of it on another machine')
    .option('--key <file>', 'sign with this key file (default: every key of the repository that is at hand)')
    .option('--signer <exec:command>', 'sign with an external signer: bytes on stdin, signature on stdout')
    .option('--public-key <file>', 'the public half of the key behind --signer')
    .option('--root <file>', 'a root that you know: what is said to be published must follow from it')
    .option('-y, --yes', 'sign without asking');
  passphraseOption(repoOption(command));
  cli.action<Options, [string | undefined]>(command, async (run, dir) => {
    const { signStaged, formatRoleProgress } = await import('../../../repository/ceremony.ts');
    const { withRepositoryLock: locked } = await import('../../../repository/session.ts');
    const { signingRing } = await import('./shared-ring.ts');
    const { options, io, now } = run;
    const alone = options.key !== undefined || options.signer !== undefined;
    const path = alone && dir !== undefined ? undefined : await repositoryOf(run);
    const staged = dir === undefined ? join(path!, 'staged') : resolve(io.cwd, dir);
    const ring = await signingRing(run, path, sessionOptions(run));
    const trustedRoot = knownRoot(options.root, io.cwd, dir === undefined ? path : undefined);
    const confirm = async ({ summary }: StagedView) => {
      for (const line of summary) run.note(line);
      if (options.yes || !io.ask) return true;
      return /^y(es)?$/i.test((await io.ask('Sign this? [y/N] ')).trim());
    };
    const act = () => signStaged(staged, ring, now, confirm, trustedRoot);
    const { signed, view } = path === undefined ? await act() : await locked(path, act);
    if (signed.length === 0 && !options.json) run.note('nothing was left to sign with this key');
    if (view.progress.length === 0) throw new StellaError('REPO_STAGE', 'the staged change is empty');
    return {
      json: { staged, signed, progress: view.progress },
      text: [
        ...signed.map(({ role, keyid }) => `Signed ${role} with ${ring.nameOf(keyid) ?? keyid}`),
        ...view.progress.map(formatRoleProgress),
      ].join('\n'),
    };
  });
}

/** The root that the flag names, else the first that the repository itself has published. */
function knownRoot(file: string | undefined, cwd: string, path: string | undefined): Uint8Array | undefined {
  const most = 1024 * 1024;
  if (file !== undefined) return readBounded(resolve(cwd, file), most);
  return path === undefined ? undefined : readBoundedIfPresent(join(path, 'public', '1.root.json'), most);
}
