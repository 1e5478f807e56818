import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { StellaError } from '../../../base/errors.ts';
import { isDirectory, withStagingAsync } from '../../../base/files.ts';
import type { Config } from '../../../config/config.ts';
import { type LayoutReference, parseLayoutReference } from '../../../oci/layout-reference.ts';
import { isOciReference, parseReference, suggestedReference } from '../../../oci/reference.ts';
import type { Run } from '../../frame/cli.ts';
import { parsePullReference, type RegistryFlags, withRegistry } from './registry-input.ts';

/** What the argument of commands that read a bundle can be, for their help. */
export const BUNDLE_ARGUMENT =
  'a file, `-` for standard input, oci://HOST/REPOSITORY:TAG in a registry, or an OCI image layout: oci:DIRECTORY[:TAG]';

/**
 * Runs `use` with a bundle: a file by its path, `-` for standard input, or what was pulled into a temporary file from a
 * registry, or checked in an image layout, before.
 */
export async function withBundleSource<T>(
  run: Run<RegistryFlags>,
  config: Config,
  name: string,
  use: (source: string | Readable) => Promise<T>,
): Promise<T> {
  if (name === '-') return await use(Readable.from(run.io.stdin));
  if (isOciReference(name)) return await withPulled(run, config, name, use);
  const layout = layoutNamed(run, name);
  if (layout) return await withLayoutBundle(run, layout, use);
  const path = resolve(run.io.cwd, name);
  if (!existsSync(path)) {
    const { foundBundle } = await import('../../../bundle/volumes.ts');
    // A split bundle is there by the name that it was sealed at.
    if (foundBundle(path) === path) checkNoReference(name);
  }
  return await use(path);
}

/** @throws StellaError URL_INVALID, FILE_NOT_FOUND where a file's name is meant for a registry, with how to write that */
function checkNoReference(name: string): void {
  // Which says what is wrong with it.
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) parseReference(name);
  const meant = suggestedReference(name);
  if (meant === undefined) return;
  throw new StellaError('FILE_NOT_FOUND', `no such file: ${name}`, {
    hint: ['check the path and that the medium is mounted', `if it is in a registry, write ${meant}`],
  });
}

function layoutNamed(run: Run<object>, name: string): LayoutReference | undefined {
  const named = parseLayoutReference(name);
  if (named) return { ...named, directory: resolve(run.io.cwd, named.directory) };
  const directory = resolve(run.io.cwd, name);
  return isDirectory(directory) ? { directory, tag: undefined, digest: undefined } : undefined;
}

async function withLayoutBundle<T>(
  run: Run<object>,
  layout: LayoutReference,
  use: (source: string) => Promise<T>,
): Promise<T> {
  const { findLayoutBundle, readLayoutBundle } = await import('../../../oci/layout.ts');
  const bundle = await findLayoutBundle(layout);
  return await withStagingAsync(tmpdir(), 'stella-layout-', async (staging) =>
    use(
      await readLayoutBundle(layout.directory, bundle, staging, (done, total) =>
        run.progress('checking blobs', done, total),
      ),
    ),
  );
}

async function withPulled<T>(
  run: Run<RegistryFlags>,
  config: Config,
  name: string,
  use: (source: string) => Promise<T>,
): Promise<T> {
  const reference = parsePullReference(name);
  const { pullBundle } = await import('../../../oci/pull.ts');
  return await withStagingAsync(tmpdir(), 'stella-pull-', async (staging) => {
    const out = join(staging, 'bundle.tar.zst');
    const onProgress = (done: number, total: number) => run.progress('pulling', done, total);
    await withRegistry(run, config, reference, 'pull', (registry) =>
      pullBundle(registry, { reference, out, onProgress }),
    );
    return await use(out);
  });
}
