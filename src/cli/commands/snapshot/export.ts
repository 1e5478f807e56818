import { resolve } from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../../package.json' with { type: 'json' };
import { parseEpoch } from '../../../base/clock.ts';
import type { Cli } from '../../frame/cli.ts';
import { destinationOf, type ForceFlag, forceOption } from '../../frame/destination.ts';
import { repeatable } from '../../frame/repeated.ts';
import { fetcherOf, openTrustSetting } from '../../frame/trust-setting.ts';
import { parseByteSize, parseDepth } from '../../terminal/count.ts';
import { exportOutcome, exportWarnings } from './export-output.ts';

interface Options extends ForceFlag {
  readonly out: string;
  readonly depth: string;
  readonly entries?: boolean;
  readonly attestation?: string[];
  readonly signingKey?: string;
  readonly since?: string;
  readonly splitSize?: string;
  readonly anySealedTime?: boolean;
  readonly offline?: boolean;
}

/** `stella trust snapshot export`: seal what verification behind the gap will need. */
export function registerSnapshotExport(snapshot: Command, cli: Cli): void {
  const command = cli
    .command(snapshot, 'export', 'seal trust, log tiles and attestations into one signed file')
    .requiredOption('--out <file>', 'the bundle to make, NAME.tar.zst; `-` writes it to standard output')
    .option('--depth <n>', 'the newest N entries of each log are provable from the bundle', '10000')
    .option('--entries', 'carry the entries themselves too')
    .addOption(
      repeatable('--attestation <path>', 'attestations to carry along: a file, directory or quoted pattern'),
    )
    .option(
      '--signing-key <file>',
      'private key in PEM (default: signing_key, else one that the store keeps)',
    )
    .option('--since <file>', 'leave out what this bundle, or the bundle of this receipt, already carried')
    .option(
      '--split-size <size>',
      'split into parts of at most this size, e.g. 2GiB (FAT holds less than 4GiB in one file)',
    )
    .option(
      '--any-sealed-time',
      'seal although the time (SOURCE_DATE_EPOCH, the clock) contradicts what is known; sites may refuse the bundle',
    )
    .option('--offline', 'use no network: logs are read from file:// only');
  forceOption(command, '--out');
  cli.action<Options, []>(command, async (run) => {
    const { options, io } = run;
    const { exportSnapshot } = await import('../../../producer/export.ts');
    const { requireInputs } = await import('../../../attest/document/find.ts');
    const path = (name: string) => resolve(io.cwd, name);
    const destination = destinationOf(run, options.out, 'bytes');
    const { config, store } = openTrustSetting(run, {
      signing_key: options.signingKey,
      offline_mode: options.offline,
    });
    const epoch = io.env['SOURCE_DATE_EPOCH'];
    const exported = await exportSnapshot(store, {
      now: run.now,
      config,
      fetcher: await fetcherOf(run, config),
      out: destination.path,
      replace: destination.replace,
      deliver: destination.deliver,
      producer: { name: 'stella', version: packageJson.version },
      sealedAt: epoch === undefined || epoch === '' ? undefined : parseEpoch(epoch),
      anySealedTime: options.anySealedTime ?? false,
      depth: parseDepth(options.depth),
      entries: options.entries ?? false,
      attestations: requireInputs(options.attestation ?? [], io.cwd),
      since: options.since === undefined ? undefined : path(options.since),
      onProgress: (what, done, total) =>
        run.progress(what, done, total, what === 'sealing' ? 'bytes' : 'files'),
      partSize:
        options.splitSize === undefined ? undefined : parseByteSize(options.splitSize, '--split-size'),
    });
    for (const line of exportWarnings(exported)) run.note(line);
    return exportOutcome(exported, options.out);
  });
}
