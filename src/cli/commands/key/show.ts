import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isStellaError, StellaError } from '../../../base/errors.ts';
import type { PublicKey } from '../../../base/keys.ts';
import type { Cli } from '../../frame/cli.ts';
import { type ForceFlag, forceOption, optionalDestination } from '../../frame/destination.ts';
import { printable } from '../../terminal/output.ts';
import { passphraseOption, type SigningFlags, sessionOptions } from '../repo/shared-command.ts';

interface Options extends SigningFlags, ForceFlag {
  readonly publicOut?: string;
}

/** `stella key show FILE…` */
export function registerKeyShow(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'show <file...>', 'show kind and fingerprint of keys, private or public')
    .option('--public-out <file>', 'also write the public half of the one key');
  passphraseOption(command);
  forceOption(command, '--public-out');
  cli.action<Options, [string[]]>(command, async (run, files) => {
    const { formatPublicKey, loadPublicKey } = await import('../../../base/keys.ts');
    const { readBounded } = await import('../../../base/files.ts');
    const { loadKeyFile } = await import('../../../repository/keys/key-ring.ts');
    const { keyJson, keyLines } = await import('./key-facts.ts');
    const { publicOut } = run.options;
    if (publicOut !== undefined && files.length > 1)
      throw new StellaError('USAGE', `--public-out is for one key, and ${files.length} are given`, {
        hint: 'run the command for each',
      });
    const destination = optionalDestination(run, '--public-out', publicOut);
    const { passphrase } = sessionOptions(run);
    const load = async (file: string): Promise<{ key: PublicKey; isPrivate: boolean }> => {
      const path = resolve(run.io.cwd, file);
      const isPrivate = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(
        readBounded(path, MAX_BYTES).toString('latin1'),
      );
      try {
        const key = isPrivate ? (await loadKeyFile(path, file, passphrase)).publicKey : loadPublicKey(path);
        return { key, isPrivate };
      } catch (cause) {
        if (!isStellaError(cause, 'KEY_INVALID')) throw cause;
        throw new StellaError('KEY_INVALID', `${file}: ${cause.message}`, { cause });
      }
    };
    const keys = [];
    for (const file of files) keys.push({ file, ...(await load(file)) });
    if (destination) await destination.write(Buffer.from(formatPublicKey(keys[0]!.key)));
    return {
      json: {
        keys: keys.map(({ file, key, isPrivate }) => ({ file, private: isPrivate, ...keyJson(key) })),
      },
      text: keys
        .map(({ file, key, isPrivate }) =>
          [
            `${printable(file)}: ${isPrivate ? 'private' : 'public'} key`,
            ...keyLines(key).map((line) => `  ${line}`),
          ].join('\n'),
        )
        .join('\n'),
    };
  });
}

const MAX_BYTES = 64 * 1024;
