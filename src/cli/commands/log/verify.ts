import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';

/** `stella log verify` */
export function registerLogVerify(log: Command, cli: Cli): void {
  const command = cli
    .command(log, 'verify <dir>', 'check a log directory: signature, root from tiles, every entry')
    .option(
      '--key <key>',
      "the log's public key: a PEM file, or a verifier key NAME+ID+KEY (default: the one in its log.json)",
    );
  cli.action(command, async (run, directory: string) => {
    const { key: named } = run.options as { key?: string };
    const { loadLogFile } = await import('../../../logs/log-file.ts');
    const { verifyLog } = await import('../../../logs/verify-log.ts');
    const { formatHex } = await import('../../../base/bytes.ts');
    const { formatVerifierKey } = await import('../../../tlog/note.ts');
    const { formatCount, formatTable } = await import('../../terminal/output.ts');
    const path = resolve(run.io.cwd, directory);
    const { namedLogKeys } = await import('./named-key.ts');
    const keys = named === undefined ? [loadLogFile(path).key] : namedLogKeys(run.io.cwd, path, named);
    if (named === undefined)
      run.note(
        'the key is the one in the log directory itself: compare it with one you trust, or give --key',
      );
    const { checkpoint, entries, leaves, firstIndex, tiles, signedBy } = await verifyLog(path, {
      keys,
      onProgress: (what, done, total) => run.progress(what, done, total, 'entries'),
    });
    const root = formatHex(checkpoint.rootHash);
    return {
      json: {
        origin: checkpoint.origin,
        size: Number(checkpoint.size),
        root_hash: root,
        verifier_key: formatVerifierKey(signedBy[0] ?? keys[0]!),
        tiles,
        provable_entries: Number(leaves),
        first_index: Number(firstIndex),
        entries_proved: Number(entries),
        signed_by: signedBy.map(({ name }) => name),
      },
      text: `the log verifies\n${formatTable([
        ['origin', checkpoint.origin],
        ['size', String(checkpoint.size)],
        ['root', root],
        ['tiles', formatCount(tiles, 'tile')],
        ['provable', `${formatCount(leaves, 'entry', 'entries')}, from ${firstIndex} on`],
        ['proved', `${formatCount(entries, 'entry', 'entries')} with content`],
      ])}`,
    };
  });
}
