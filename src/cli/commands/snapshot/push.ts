import { resolve } from 'node:path';
import type { Command } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import { formatReference, parseReference } from '../../../oci/reference.ts';
import type { Cli } from '../../frame/cli.ts';
import { parseByteSize } from '../../terminal/count.ts';
import { formatBytes } from '../../terminal/output.ts';
import { bundleFacts, bundleFiles } from './bundle-facts.ts';
import {
  addRegistryFlags,
  type RegistryFlags,
  registryConfig,
  uploadMemory,
  withRegistry,
} from './registry-input.ts';

interface Options extends RegistryFlags {
  readonly splitSize?: string;
}

/** `stella trust snapshot push FILE oci://HOST/REPOSITORY:TAG` */
export function registerSnapshotPush(snapshot: Command, cli: Cli): void {
  const command = addRegistryFlags(
    cli.command(
      snapshot,
      'push <file> <reference>',
      'put a sealed bundle into an OCI registry, under oci://HOST/REPOSITORY:TAG',
    ),
  ).option(
    '--split-size <size>',
    'layers of at most this size, e.g. 256MiB: those that have arrived are not sent again',
  );
  cli.action<Options, [string, string]>(command, async (run, name, text) => {
    const reference = parseReference(text);
    const { tag } = reference;
    if (tag === undefined)
      throw new StellaError('USAGE', `${text} names no tag`, { hint: `e.g. ${text.split('@')[0]}:latest` });
    const { splitSize } = run.options;
    const layerSize = splitSize === undefined ? undefined : parseByteSize(splitSize, '--split-size');
    const { pushBundle } = await import('../../../oci/push.ts');
    const file = resolve(run.io.cwd, name);
    const facts = await bundleFacts(file);
    const files = await bundleFiles(file);
    const memory = await uploadMemory(run);
    const pushed = await withRegistry(run, registryConfig(run), reference, 'pull,push', (registry) =>
      pushBundle(registry, {
        files,
        tag,
        facts,
        memory,
        layerSize,
        onProgress: (done, total) => run.progress('pushing', done, total),
      }),
    );
    const { digest, layers, uploaded, subject, problem } = pushed;
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    const byDigest = formatReference({ ...reference, tag: undefined, digest });
    if (facts.base && !subject)
      run.note(`note: the bundle that this one builds on (number ${facts.base.sequence}) is not there`);
    if (problem)
      run.note(`warning: not listed as referring to its base: ${problem.message} [${problem.code}]`);
    return {
      json: {
        reference: formatReference(reference),
        digest,
        size,
        layers,
        uploaded,
        subject: subject?.digest ?? null,
      },
      text: [
        `pushed ${formatReference(reference)}: number ${facts.sequence}, sealed at ${facts.sealedAt}, ${formatBytes(size)}${uploaded === size ? '' : ` (${formatBytes(size - uploaded)} was there already)`}`,
        `by digest: ${byDigest}`,
      ].join('\n'),
    };
  });
}
