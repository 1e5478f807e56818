import { tmpdir } from 'node:os';
import { withStagingAsync } from '../../../base/files.ts';
import type { BundleFacts } from '../../../oci/annotations.ts';

/** A bundle is one file; of a split one, the volumes that its list names. */
export async function bundleFiles(file: string): Promise<string[]> {
  const { foundBundle, isVolumePath, volumePaths } = await import('../../../bundle/volumes.ts');
  const found = foundBundle(file);
  return isVolumePath(found) ? volumePaths(found) : [found];
}

/** What the bundle's manifest says, unverified: importing checks it. */
export async function bundleFacts(file: string): Promise<BundleFacts> {
  const { openBundle } = await import('../../../bundle/open.ts');
  return await withStagingAsync(tmpdir(), 'stella-push-', async (staging) => {
    const bundle = await openBundle(file, { staging });
    try {
      const { manifest, manifestSha256 } = bundle;
      return {
        sealedAt: manifest.sealed_at,
        sequence: manifest.sequence,
        rootVersion: manifest.tuf.roles['root']?.version ?? manifest.tuf.first_root,
        manifestSha256,
        trees: Object.fromEntries(manifest.logs.map((log) => [log.origin, log.tree_size])),
        base: manifest.base && {
          sequence: manifest.base.sequence,
          manifestSha256: manifest.base.manifest_sha256,
        },
      };
    } finally {
      await bundle.close();
    }
  });
}
