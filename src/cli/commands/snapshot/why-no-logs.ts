import { isStellaError } from '../../../base/errors.ts';
import { maskUrl } from '../../../base/safety/masked-url.ts';
import type { SealedBundle } from '../../../bundle/open.ts';

const MAX_NAMED = 5;

/**
 * Why a bundle carries no log, as far as the bundle itself tells: what its service map and its trusted root name. Nothing
 * of it is verified.
 * @returns `undefined` for a bundle that carries one
 */
export async function whyNoLogs(bundle: SealedBundle): Promise<string | undefined> {
  const { manifest } = bundle;
  if (manifest.logs.length > 0) return undefined;
  const { parseServiceMap } = await import('../../../config/service-map.ts');
  const { parseTrustedRoot } = await import('../../../trust/trusted-root.ts');
  const map = await read(bundle, manifest.service_map_target, (bytes) =>
    parseServiceMap(bytes, 'service map'),
  );
  const root = await read(bundle, 'trusted_root.json', parseTrustedRoot);
  const urls = [
    ...[map?.rekor, ...(map?.logs ?? [])].flatMap((log) => (log ? [log.url] : [])),
    ...(root?.tlogs ?? []).map(({ baseUrl, logId }) => baseUrl || `of id ${logId}`),
  ];
  if (urls.length === 0) return 'none is carried: neither a service map nor a trusted root in it names one';
  const shown = [...new Set(urls)].slice(0, MAX_NAMED).map(maskUrl);
  return `none is carried: the trust names ${shown.join(', ')}${urls.length > MAX_NAMED ? ', …' : ''}; when it was sealed none could be had, or none was valid`;
}

/** A target by its name, whatever digest its file name begins with; `undefined` where it is absent or malformed. */
async function read<T>(
  bundle: SealedBundle,
  name: string | null,
  parse: (bytes: Uint8Array) => T,
): Promise<T | undefined> {
  if (name === null) return undefined;
  const slash = name.lastIndexOf('/') + 1;
  const [directory, file] = [`tuf/targets/${name.slice(0, slash)}`, name.slice(slash)];
  const entry = bundle.manifest.entries.find(({ path }) => {
    if (!path.startsWith(directory)) return false;
    const own = path.slice(directory.length);
    return own === file || (/^[0-9a-f]{64,128}\./.test(own) && own.slice(own.indexOf('.') + 1) === file);
  });
  if (!entry) return undefined;
  try {
    return parse(await bundle.readEntry(entry.path));
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return undefined;
  }
}
