import type { Command } from 'commander';
import { isStellaError } from '../../../base/errors.ts';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatCount } from '../../terminal/output.ts';

interface Options {
  readonly out: string;
}

export function registerTrustExport(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'export', 'write the trust as a directory that any TUF client can use')
    .requiredOption('--out <dir>', 'a directory that does not exist yet, or is empty');
  cli.action<Options, []>(command, async (run) => {
    const { resolve } = await import('node:path');
    const { pathToFileURL } = await import('node:url');
    const { exportGeneration } = await import('../../../store/export.ts');
    const { store } = openTrustSetting(run);
    const generation = store.require(run.now);
    const out = resolve(run.io.cwd, run.options.out);
    const { files } = await exportGeneration(generation, store, out);
    try {
      await store.change(run.now, async (writer) =>
        writer.audit('export', { command: 'trust export', generation: generation.number, out }),
      );
    } catch (error) {
      // A store on a read-only medium can be exported all the same.
      if (!isStellaError(error)) throw error;
      run.note(`warning: not written to the audit log: ${error.message} [${error.code}]`);
    }
    const url = pathToFileURL(out).href;
    const { pin } = generation.state;
    return {
      json: { out, url, generation: generation.number, pin, files },
      text: [
        `${formatCount(files.length, 'file')} in ${out} (generation ${generation.number})`,
        'use it with: stella trust init --offline \\',
        `  --tuf-url ${url}/ --root-fingerprint sha256:${pin.sha256}`,
      ].join('\n'),
    };
  });
}
