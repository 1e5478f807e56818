import packageJson from '../../package.json' with { type: 'json' };
import { COMPRESSOR_VERSION } from '../archive/zstd.ts';
import { SCHEMAS } from '../base/schemas.ts';

/** Written into the built command by `scripts/build.ts`; undefined where the source runs as it is. */
declare const STELLA_COMMIT: string | null | undefined;

/** What this stella is made of, for reports of faults and for inventories. */
export interface VersionFacts {
  readonly name: 'stella';
  readonly version: string;
  /** The commit that it was built from, 40 hexadecimal digits; null where that is not known. */
  readonly commit: string | null;
  /** The Node that runs it. */
  readonly node: string;
  /** The two libraries that it uses: what it seals with, and what it opens with. */
  readonly zstd: { readonly compressor: string; readonly decompressor: string | null };
  /** The formats of its own that it reads and writes. */
  readonly formats: readonly string[];
}

export function versionFacts(): VersionFacts {
  return {
    name: 'stella',
    version: packageJson.version,
    commit: typeof STELLA_COMMIT === 'string' ? STELLA_COMMIT : null,
    node: process.versions.node,
    zstd: { compressor: COMPRESSOR_VERSION, decompressor: process.versions['zstd'] ?? null },
    formats: [...new Set(formatsIn(SCHEMAS))].sort(),
  };
}

/** Names of formats, e.g. `stella-bundle/v1`, that a schema demands or allows anywhere. */
function formatsIn(schema: unknown): string[] {
  if (typeof schema === 'string') return /^stella-[a-z-]+\/v\d+$/.test(schema) ? [schema] : [];
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.values(schema).flatMap(formatsIn);
}

/** The same for people, a line each. */
export function versionText({ version, commit, node, zstd, formats }: VersionFacts): string {
  return [
    version,
    `commit   ${commit ?? 'not known'}`,
    `node     ${node}`,
    `zstd     seals with ${zstd.compressor}, opens with ${zstd.decompressor ?? 'what Node has'}`,
    `formats  ${formats.join(', ')}`,
  ].join('\n');
}
