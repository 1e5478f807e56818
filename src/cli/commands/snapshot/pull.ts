import { resolve } from 'node:path';
import type { Command } from 'commander';
import { bundleSize } from '../../../oci/manifest.ts';
import { formatReference } from '../../../oci/reference.ts';
import type { Cli } from '../../frame/cli.ts';
import { formatBytes } from '../../terminal/output.ts';
import {
  addRegistryFlags,
  parsePullReference,
  type RegistryFlags,
  registryConfig,
  withRegistry,
} from './registry-input.ts';

interface Options extends RegistryFlags {
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
      .requiredOption('--out <file>', 'the file to make, NAME.tar.zst'),
  );
  cli.action<Options, [string]>(command, async (run, text) => {
    const reference = parsePullReference(text);
    const { pullBundle } = await import('../../../oci/pull.ts');
    const out = resolve(run.io.cwd, run.options.out);
    const { bundle, digest } = await withRegistry(run, registryConfig(run), reference, 'pull', (registry) =>
      pullBundle(registry, {
        reference,
        out,
        onProgress: (done, total) => run.progress('pulling', done, total),
      }),
    );
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
