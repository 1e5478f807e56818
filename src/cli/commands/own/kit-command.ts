import { resolve } from 'node:path';
import { isSea } from 'node:sea';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { repeatable } from '../../frame/repeated.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { printable } from '../../terminal/output.ts';
import { acceptRules, type BundleFlags } from '../snapshot/bundle-input.ts';

interface Options extends Pick<BundleFlags, 'root' | 'rootFingerprint' | 'bundleKey' | 'maxAge'> {
  readonly out: string;
  readonly bundle: string;
  readonly executable?: string;
}

/** `stella kit --out DIR --bundle FILE`: one medium with all that an operator needs. */
export function registerKit(program: Command, cli: Cli): void {
  const command = cli
    .command(program, 'kit', 'put what an operator behind the gap needs onto one medium')
    .requiredOption('--out <dir>', 'a directory that does not exist yet, or is empty; a mount point, too')
    .requiredOption('--bundle <file>', 'sealed bundle; of a split one its .parts.json')
    .option(
      '--executable <file>',
      'stella as one file, for the machine behind the gap (default: this one, if it is one)',
    )
    .addOption(
      repeatable(
        '--bundle-key <file>',
        'public key that has sealed the bundle, where this store does not know it',
      ),
    )
    .option('--root <file>', 'root metadata that you vouch for (where there is no trust store)')
    .option(
      '--root-fingerprint <sha256:hex>',
      'SHA-256 of the root metadata that you vouch for (where there is no trust store)',
    )
    .option('--max-age <duration>', 'an exception for this run: accept a bundle up to this age');
  cli.action<Options, []>(command, async (run) => {
    const { writeKit } = await import('./kit.ts');
    const { options, io } = run;
    const { config, store } = openTrustSetting(run);
    const executable =
      options.executable === undefined
        ? isSea()
          ? process.execPath
          : undefined
        : resolve(io.cwd, options.executable);
    if (executable === undefined)
      run.note(
        'note: no executable in this kit: stella must be installed behind the gap, or give --executable',
      );
    const out = resolve(io.cwd, options.out);
    const { facts, files } = await writeKit({
      out,
      bundle: resolve(io.cwd, options.bundle),
      executable,
      store,
      rules: await acceptRules(run, config),
      onProgress: run.progress,
    });
    return {
      json: {
        out,
        bundle: facts.bundle,
        sealed_at: facts.sealedAt,
        root: facts.root,
        signers: facts.signers,
        base: facts.base ?? null,
        files,
      },
      text: [
        `kit in ${printable(options.out)}: bundle number ${facts.sequence}, sealed at ${facts.sealedAt}`,
        ...files.map(({ name, sha256 }) => `  ${sha256}  ${printable(name)}`),
        ...(facts.base
          ? [`a delta: only sites that hold number ${facts.base.sequence} or later can import it`]
          : []),
        'print sheet.html; tell these over another channel:',
        `root version ${facts.root.version}  sha256:${facts.root.sha256}`,
        ...facts.signers.map(
          ({ file, id, named }) =>
            `${file}  sha256:${id}${named ? ' (named by TUF)' : ', which TUF does not name: it is vouched for at the first import'}`,
        ),
        ...(facts.executable === undefined ? [] : [`stella  sha256:${facts.executable}`]),
      ].join('\n'),
    };
  });
}
