import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { withStagingAsync } from '../../../base/files.ts';
import { bundleSize } from '../../../oci/manifest.ts';
import { formatReference } from '../../../oci/reference.ts';
import type { Cli } from '../../frame/cli.ts';
import { destinationOf, type ForceFlag, forceOption } from '../../frame/destination.ts';
import { formatBytes } from '../../terminal/output.ts';
import {
  addRegistryFlags,
  parsePullReference,
  type RegistryFlags,
  registryConfig,
  withRegistry,
} from './registry-input.ts';

interface Options extends RegistryFlags, ForceFlag {
  readonly out: string;
}

/** `stella trust snapshot pull oci://HOST/REPOSITORY:TAG --out FILE` */
export function registerSnapshotPull(snapshot: Command, cli: Cli): void {
  const command = addRegistryFlags(
    cli
      .command(
        snapshot,
        'pull <reference>',
        'fetch a sealed bundle from an OCI registry: oci://HOST/REPOSITORY:TAG or …@sha256:HEX',
      )
      .requiredOption('--out <file>', 'the file to make, NAME.tar.zst; `-` is standard output'),
  );
  forceOption(command, '--out');
  cli.action<Options, [string]>(command, async (run, text) => {
    const reference = parsePullReference(text);
    const { pullBundle } = await import('../../../oci/pull.ts');
    const { path: out, replace, deliver } = destinationOf(run, run.options.out, 'bytes');
    const pull = (to: string) =>
      withRegistry(run, registryConfig(run), reference, 'pull', (registry) =>
        pullBundle(registry, {
          reference,
          out: to,
          replace,
          onProgress: (done, total) => run.progress('pulling', done, total),
        }),
      );
    const { bundle, digest } = deliver
      ? await withStagingAsync(tmpdir(), 'stella-pull-', async (staging) => {
          const file = join(staging, 'bundle.tar.zst');
          const pulled = await pull(file);
          await deliver(file);
          return pulled;
        })
      : await pull(out);
    const { facts, layers } = bundle;
    const size = bundleSize(bundle);
    return {
      json: { reference: formatReference(reference), digest, size, layers, out },
      text: [
        `pulled ${run.options.out}: ${formatBytes(size)}, said to be number ${facts.sequence}, sealed at ${facts.sealedAt}`,
        `by digest: ${formatReference({ ...reference, tag: undefined, digest })}`,
      ].join('\n'),
    };
  });
}
