import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';

/** `stella log checkpoint` */
export function registerLogCheckpoint(log: Command, cli: Cli): void {
  const command = cli.command(log, 'checkpoint <dir>', "print an embedded log's signed checkpoint");
  cli.action(command, async (run, directory: string) => {
    const { loadLog } = await import('../../../logs/writer.ts');
    const { formatHex, parseUtf8 } = await import('../../../base/bytes.ts');
    const { formatVerifierKey } = await import('../../../tlog/note.ts');
    const { checkpoint, checkpointBytes, key } = loadLog(resolve(run.io.cwd, directory));
    const note = parseUtf8(checkpointBytes);
    return {
      json: {
        origin: checkpoint.origin,
        size: Number(checkpoint.size),
        root_hash: formatHex(checkpoint.rootHash),
        verifier_key: formatVerifierKey(key),
        note,
      },
      text: note.trimEnd(),
    };
  });
}
