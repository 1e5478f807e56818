import type { Command } from 'commander';
import {
  durationBetween,
  formatDuration,
  type Instant,
  inSeconds,
  parseInstant,
} from '../../../base/clock.ts';
import { StellaError } from '../../../base/errors.ts';
import type { ListedBundle } from '../../../oci/list.ts';
import { bundleSize } from '../../../oci/manifest.ts';
import { formatReference, parseReference } from '../../../oci/reference.ts';
import type { Cli } from '../../frame/cli.ts';
import { formatBytes, formatCount, formatTable, printable } from '../../terminal/output.ts';
import { addRegistryFlags, type RegistryFlags, registryConfig, withRegistry } from './registry-input.ts';

const HEADINGS = ['TAG', 'NUMBER', 'SEALED AT', 'AGE', 'ROOT', 'SIZE', 'BUILDS ON', 'LOGS'];

/** `stella trust snapshot list oci://HOST/REPOSITORY`: what is there and how old, without a download. */
export function registerSnapshotList(snapshot: Command, cli: Cli): void {
  const command = addRegistryFlags(
    cli.command(
      snapshot,
      'list <reference>',
      'list the sealed bundles of oci://HOST/REPOSITORY as the registry describes them, newest first',
    ),
  );
  cli.action<RegistryFlags, [string]>(command, async (run, text) => {
    const reference = parseReference(text);
    if (reference.tag !== undefined || reference.digest !== undefined) {
      const repository = formatReference({ ...reference, tag: undefined, digest: undefined });
      throw new StellaError('USAGE', 'give a repository, without tag or digest', {
        hint: `stella trust snapshot list ${repository}`,
      });
    }
    const { listBundles } = await import('../../../oci/list.ts');
    const { bundles, others } = await withRegistry(run, registryConfig(run), reference, 'pull', listBundles);
    if (others.length > 0) run.note(`${formatCount(others.length, 'tag')} of other things left out`);
    const rows = bundles.map((listed) => rowOf(listed, run.now));
    return {
      json: {
        repository: formatReference(reference),
        bundles: bundles.map((listed) => jsonOf(listed, run.now)),
        others,
      },
      text: rows.length === 0 ? 'no bundles there' : formatTable([HEADINGS, ...rows]),
    };
  });
}

function rowOf({ tag, bundle }: ListedBundle, now: Instant): string[] {
  const { facts } = bundle;
  const trees = Object.entries(facts.trees).map(([origin, size]) => `${printable(origin)} ${size}`);
  return [
    tag,
    String(facts.sequence),
    facts.sealedAt,
    formatDuration(durationBetween(parseInstant(facts.sealedAt), now)),
    `v${facts.rootVersion}`,
    formatBytes(bundleSize(bundle)),
    facts.base === undefined ? '-' : `number ${facts.base.sequence}`,
    trees.join(', '),
  ];
}

function jsonOf({ tag, digest, bundle }: ListedBundle, now: Instant): object {
  const { facts, subject } = bundle;
  return {
    tag,
    digest,
    size: bundleSize(bundle),
    sequence: facts.sequence,
    sealed_at: facts.sealedAt,
    age_seconds: inSeconds(durationBetween(parseInstant(facts.sealedAt), now)),
    root_version: facts.rootVersion,
    manifest_sha256: facts.manifestSha256,
    trees: facts.trees,
    base: facts.base
      ? {
          sequence: facts.base.sequence,
          manifest_sha256: facts.base.manifestSha256,
          digest: subject?.digest ?? null,
        }
      : null,
  };
}
