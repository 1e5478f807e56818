import { resolve } from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { parseEpoch } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import type { Exported } from '../../producer/export.ts';
import type { Cli } from '../cli.ts';
import { formatBytes, formatCount, printable } from '../output.ts';
import { fetcherOf, loadTrustSetting } from '../trust-setting.ts';

interface Options {
  readonly out: string;
  readonly depth: string;
  readonly entries?: boolean;
  readonly attestation?: string[];
  readonly signingKey?: string;
  readonly offline?: boolean;
}

/** `stella trust snapshot export`: seal what verification behind the gap will need. */
export function registerSnapshotExport(snapshot: Command, cli: Cli): void {
  const command = cli
    .command(snapshot, 'export', 'seal trust, log tiles and attestations into one signed file')
    .requiredOption('--out <file>', 'the bundle to make, NAME.tar.zst')
    .option('--depth <n>', 'the newest N entries of each log are provable from the bundle', '10000')
    .option('--entries', 'carry the entries themselves too')
    .option('--attestation <path...>', 'attestations to carry along')
    .option(
      '--signing-key <file>',
      'private key in PEM (default: signing_key, else one that the store keeps)',
    )
    .option('--offline', 'use no network: logs are read from file:// only');
  cli.action<Options, []>(command, async (run) => {
    const { options, io } = run;
    if (!/^\d{1,18}$/.test(options.depth))
      throw new StellaError('USAGE', '--depth takes a whole number', { hint: 'e.g. --depth 10000' });
    const { exportSnapshot } = await import('../../producer/export.ts');
    const { config, store } = loadTrustSetting(run, {
      signing_key: options.signingKey,
      offline_mode: options.offline,
    });
    const epoch = io.env['SOURCE_DATE_EPOCH'];
    const exported = await exportSnapshot(store, {
      now: run.now,
      config,
      fetcher: await fetcherOf(run, config),
      out: resolve(io.cwd, options.out),
      producer: { name: packageJson.name, version: packageJson.version },
      sealedAt: epoch === undefined || epoch === '' ? undefined : parseEpoch(epoch),
      depth: BigInt(options.depth),
      entries: options.entries ?? false,
      attestations: (options.attestation ?? []).map((name) => ({ name, path: resolve(io.cwd, name) })),
    });
    explainSigner(exported, run.note);
    for (const url of exported.withoutTiles)
      run.note(`note: ${printable(url)} serves no tiles: nothing of that log is carried`);
    const { manifest, manifestSha256, size } = exported.sealed;
    const logs = manifest.logs.map(
      (log) =>
        `log ${printable(log.origin)}: ${formatCount(log.tree_size, 'entry', 'entries')}, provable from ${log.first_index} on`,
    );
    return {
      json: {
        out: resolve(io.cwd, options.out),
        size,
        manifest_sha256: manifestSha256,
        signer: exported.signingKey.key.publicKey.id,
        manifest: { ...manifest, entries: manifest.entries.length },
      },
      text: [
        `sealed ${options.out}: ${formatBytes(size)}, number ${manifest.sequence}, sealed at ${manifest.sealed_at}, ${formatCount(manifest.entries.length, 'entry', 'entries')}`,
        ...logs,
        ...(exported.attestations.length > 0
          ? [`${formatCount(exported.attestations.length, 'attestation')} carried along`]
          : []),
        `signed by sha256:${exported.signingKey.key.publicKey.id}`,
      ].join('\n'),
    };
  });
}

/** The other side refuses a signer that it does not know: say so while it can still be mended. */
function explainSigner({ signingKey, signerIsDistributed }: Exported, note: (line: string) => void): void {
  const id = signingKey.key.publicKey.id;
  if (signingKey.isNew) note(`made a signing key for bundles: ${signingKey.path} (sha256:${id})`);
  if (signerIsDistributed) return;
  note(
    `warning: the TUF repository does not name the signing key sha256:${id}; importers will refuse this bundle unless`,
  );
  const file = signingKey.publicPath ?? 'KEY.pub';
  note(`  it is published: ./scripts/add-target.sh ${file} bundle-signer-v1.pub --usage bundle-signer`);
  note(`  or pinned on the other side: stella trust import … --bundle-key ${file}`);
}
