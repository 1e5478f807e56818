import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import { KEY_TYPES, type KeyType } from '../../../repository/directory/vocabulary.ts';
import type { Cli } from '../../frame/cli.ts';
import { type ForceFlag, forceOption } from '../../frame/destination.ts';
import { printable } from '../../terminal/output.ts';
import { newPassphrase, passphraseOption, type SigningFlags } from '../repo/shared-command.ts';

interface Options extends SigningFlags, ForceFlag {
  readonly type: KeyType;
  readonly passphrase: boolean;
  readonly publicOut?: string;
}

/** `stella key generate FILE` */
export function registerKeyGenerate(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'generate <file>', 'make a key pair and print its fingerprint')
    .addOption(new Option('--type <type>', 'kind of the key').choices(KEY_TYPES).default('ed25519'))
    .option('--no-passphrase', 'write a plain key file instead of an encrypted one')
    .option('--public-out <file>', 'where the public half goes (default: FILE with the ending .pub)');
  passphraseOption(command);
  forceOption(command, 'the private and of the public half');
  cli.action<Options, [string]>(command, async (run, file) => {
    const { formatPrivateKey, formatPublicKey, generateKey } = await import('../../../base/keys.ts');
    const { filePlace, writeOutputFile } = await import('../../../base/output/output-file.ts');
    const { keyJson, keyLines } = await import('./key-facts.ts');
    const { type, force: replace = false, publicOut } = run.options;
    const path = resolve(run.io.cwd, file);
    const publicPath = resolve(run.io.cwd, publicOut ?? publicName(file));
    if (path === publicPath)
      throw new StellaError('USAGE', `${file} would be both halves of the key`, {
        hint: 'give --public-out FILE, or let the private half end in .pem or .key',
      });
    // Both before anything is made: a private half without its public one helps nowhere.
    for (const place of [path, publicPath]) filePlace(place, { replace });
    const passphrase = await newPassphrase(run);
    const key = generateKey(type);
    const { publicKey } = key;
    await writeOutputFile(path, Buffer.from(formatPrivateKey(key, passphrase)), { replace, mode: 0o600 });
    await writeOutputFile(publicPath, Buffer.from(formatPublicKey(publicKey)), { replace });
    return {
      json: {
        private_key: path,
        public_key: publicPath,
        encrypted: passphrase !== undefined,
        ...keyJson(publicKey),
      },
      text: [
        `private half ${printable(file)}: ${passphrase === undefined ? 'not encrypted' : 'encrypted'}; keep it secret`,
        `public half  ${printable(publicOut ?? publicName(file))}`,
        ...keyLines(publicKey),
      ].join('\n'),
    };
  });
}

/** `signer.pem` and `signer.key` have their public half in `signer.pub`. */
export function publicName(file: string): string {
  return `${file.replace(/(?<=[^/])\.(?:pem|key)$/, '')}.pub`;
}
