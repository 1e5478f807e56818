import { resolve } from 'node:path';
import { isSea } from 'node:sea';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { printable } from '../../terminal/output.ts';

interface Options {
  readonly out: string;
  readonly bundle: string;
  readonly executable?: string;
}

/** `stella kit --out DIR --bundle FILE`: one medium with all that an operator needs. */
export function registerKit(program: Command, cli: Cli): void {
  const command = cli
    .command(program, 'kit', 'put what an operator behind the gap needs onto one medium')
    .requiredOption('--out <dir>', 'a directory that does not exist yet, or is empty')
    .requiredOption('--bundle <file>', 'sealed bundle; of a split one its .parts.json')
    .option(
      '--executable <file>',
      'stella as one file, for the machine behind the gap (default: this one, if it is one)',
    );
  cli.action<Options, []>(command, async (run) => {
    const { writeKit } = await import('./kit.ts');
    const { options, io } = run;
    const { store } = openTrustSetting(run, {}, { remember: 'if-readable' });
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
      pin: store.current()?.state.pin.sha256,
      onProgress: run.progress,
    });
    return {
      json: { out, bundle: facts.bundle, sealed_at: facts.sealedAt, root: facts.root, files },
      text: [
        `kit in ${printable(options.out)}: bundle number ${facts.sequence}, sealed at ${facts.sealedAt}`,
        ...files.map(({ name, sha256 }) => `  ${sha256}  ${printable(name)}`),
        'print sheet.html; tell the root fingerprint over another channel:',
        `sha256:${facts.root.sha256}`,
      ].join('\n'),
    };
  });
}
