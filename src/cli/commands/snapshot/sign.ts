import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type PrivateKey, signerOf } from '../../../base/keys.ts';
import type { Cli, Run } from '../../frame/cli.ts';
import { formatCount } from '../../terminal/output.ts';
import { passphraseOption, passphraseSource } from '../repo/shared-command.ts';

interface Options {
  readonly signingKey: string;
  readonly keyPassphraseFile?: string;
}

/** `stella trust snapshot sign FILE --signing-key KEY`: a further signature on a bundle that exists. */
export function registerSnapshotSign(snapshot: Command, cli: Cli): void {
  const command = passphraseOption(
    cli
      .command(snapshot, 'sign <file>', 'add a signature to a sealed bundle; its content stays as it is')
      .requiredOption('--signing-key <file>', 'private key: Ed25519 or ECDSA P-256, PEM'),
  );
  cli.action<Options, [string]>(command, async (run, file) => {
    const { addBundleSignature } = await import('../../../bundle/sign.ts');
    const key = await loadKey(run);
    const added = await addBundleSignature(resolve(run.io.cwd, file), signerOf(key));
    return {
      json: { manifest_sha256: added.manifestSha256, signers: added.signers },
      text: `signed ${file} with sha256:${key.publicKey.id}; ${formatCount(added.signers.length, 'signature')} now`,
    };
  });
}

async function loadKey(run: Run<Options>): Promise<PrivateKey> {
  const path = resolve(run.io.cwd, run.options.signingKey);
  const { loadKeyFile } = await import('../../../repository/keys/key-ring.ts');
  return await loadKeyFile(path, path, passphraseSource(run));
}
