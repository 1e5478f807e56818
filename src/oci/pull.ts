import { createReadStream, existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isStellaError, StellaError } from '../base/errors.ts';
import { modeOf, setMode } from '../base/file-system/modes.ts';
import { notice } from '../base/file-system/notices.ts';
import { makeDirectory, writeError } from '../base/files.ts';
import { withLock } from '../base/lock.ts';
import { filePlace, publishOutput } from '../base/output/output-file.ts';
import { downloadBlob } from './download.ts';
import { digestOfTag, type FetchedManifest, fetchManifest } from './fetch-manifest.ts';
import { type BundleManifest, bundleSize } from './manifest.ts';
import type { OciReference } from './reference.ts';
import type { Registry } from './registry.ts';

export interface PullOptions {
  readonly reference: OciReference;
  /** The file to make. */
  readonly out: string;
  /** Whether a file that is there already is replaced. */
  readonly replace?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Pulls a bundle into a file, which is there complete or not at all. What arrived of an interrupted pull is kept next to it
 * in `.NAME.pull/`, and the next pull of the same bundle to the same file goes on from there.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED, LOCKED, TAG_MOVED, BLOB_DIGEST, OCI_MANIFEST, FETCH_*, REGISTRY_AUTH
 */
export async function pullBundle(registry: Registry, options: PullOptions): Promise<FetchedManifest> {
  const { reference, out } = options;
  const replace = { replace: options.replace ?? false };
  filePlace(out, replace);
  const fetched = await fetchManifest(registry, reference.digest ?? reference.tag!);
  const workplace = join(dirname(out), `.${basename(out)}.pull`);
  const partials = fetched.bundle.layers.map(({ digest }) => join(workplace, digest.replace(':', '-')));
  claim(workplace);
  try {
    return await withLock(workplace, async () => {
      try {
        removeOthers(workplace, new Set(partials));
        await downloadLayers(registry, fetched.bundle, partials, options.onProgress);
        if (reference.tag !== undefined) await checkUnmoved(registry, reference.tag, fetched.digest);
        const [first, ...rest] = partials;
        makeDirectory(dirname(out));
        const whole = rest.length === 0 ? first! : await joined(partials, join(workplace, 'joined'));
        publishOutput(whole, out, replace);
        for (const partial of partials) rmSync(partial, { force: true });
        return fetched;
      } catch (error) {
        // What was interrupted is worth going on with; what was wrong is not.
        const isWorth = isStellaError(error) && /^(?:FETCH_|WRITE_|REGISTRY_)/.test(error.code);
        for (const partial of isWorth ? [] : partials) rmSync(partial, { force: true });
        throw error;
      }
    });
  } finally {
    removeIfUnused(workplace);
  }
}

const OTHERS_WRITE = 0o022;

/** Beside the output others may be able to write, too: what is kept of a download must be this user's alone. */
function claim(workplace: string): void {
  try {
    makeDirectory(workplace, 0o700);
    if (!lstatSync(workplace).isDirectory())
      throw new StellaError('WRITE_FAILED', `${workplace} is not a directory`, {
        hint: 'remove it, or choose another --out',
      });
    if (!setMode(workplace, 0o700) && (modeOf(workplace) & OTHERS_WRITE) !== 0)
      notice(
        `warning: the file system of ${dirname(workplace)} has no permissions: other users can change what is pulled there, which an import notices`,
      );
  } catch (cause) {
    throw writeError(workplace, cause);
  }
}

async function downloadLayers(
  registry: Registry,
  bundle: BundleManifest,
  partials: readonly string[],
  onProgress: PullOptions['onProgress'],
): Promise<void> {
  const total = bundleSize(bundle);
  let passed = 0;
  for (const [i, layer] of bundle.layers.entries()) {
    await downloadBlob(registry, layer, partials[i]!, (done) => onProgress?.(passed + done, total));
    passed += layer.size;
  }
}

/** Volumes, one after the other, are the bundle. */
async function joined(volumes: readonly string[], path: string): Promise<string> {
  try {
    const file = await open(path, 'w', 0o644);
    try {
      for (const volume of volumes)
        await file.writeFile(createReadStream(volume, { highWaterMark: 1024 * 1024 }));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
  return path;
}

/** Parts of other bundles, pulled to the same file once, and what is made again. */
function removeOthers(workplace: string, kept: ReadonlySet<string>): void {
  for (const name of readdirSync(workplace)) {
    const path = join(workplace, name);
    if (isPart(name) && !kept.has(path)) rmSync(path, { force: true });
  }
}

const isPart = (name: string) => name.startsWith('sha256-') || name === 'joined';

async function checkUnmoved(registry: Registry, tag: string, digest: string): Promise<void> {
  const now = await digestOfTag(registry, tag);
  if (now === digest) return;
  throw new StellaError(
    'TAG_MOVED',
    now === undefined
      ? `the tag ${tag} was removed during the pull`
      : `the tag ${tag} was moved from ${digest} to ${now} during the pull`,
    { details: { tag, pulled: digest, ...(now === undefined ? {} : { now }) } },
  );
}

function removeIfUnused(workplace: string): void {
  if (!existsSync(workplace) || readdirSync(workplace).some(isPart)) return;
  rmSync(workplace, { recursive: true, force: true });
}
