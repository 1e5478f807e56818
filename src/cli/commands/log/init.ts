import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';

/** `stella log init` */
export function registerLogInit(log: Command, cli: Cli): void {
  const command = cli
    .command(log, 'init <dir>', 'make an empty embedded log, a directory of static files')
    .requiredOption('--origin <name>', 'names the log for ever, e.g. logs.example.com/builds')
    .option('--key <file>', 'private key in PEM; made if absent (default: <dir>.key)');
  cli.action(command, async (run, directory: string) => {
    const { origin, key } = run.options as { origin: string; key?: string };
    const { openLogKey } = await import('../../frame/log-key.ts');
    const { initLog } = await import('../../../logs/writer.ts');
    const { formatVerifierKey } = await import('../../../tlog/note.ts');
    const path = resolve(run.io.cwd, directory);
    const { signer, keyFile, isNew } = openLogKey(
      path,
      key === undefined ? undefined : resolve(run.io.cwd, key),
    );
    const made = await initLog(path, { origin, signer, keyFile });
    if (isNew) run.note(`made the log's private key ${keyFile}: keep it, and keep it secret`);
    const verifierKey = formatVerifierKey(made.key);
    return {
      json: { directory: path, origin, verifier_key: verifierKey, key_file: keyFile, size: 0 },
      text: `made the log ${origin} in ${path}\nverifier key: ${verifierKey}`,
    };
  });
}
