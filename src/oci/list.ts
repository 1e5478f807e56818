import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { parseJson } from '../base/schema.ts';
import { type FetchedManifest, fetchManifest } from './fetch-manifest.ts';
import { isTag } from './reference.ts';
import { isReferrersTag } from './referrers.ts';
import type { Registry } from './registry.ts';

export interface ListedBundle extends FetchedManifest {
  readonly tag: string;
}

export interface Listed {
  /** The most recently sealed first. */
  readonly bundles: readonly ListedBundle[];
  /** Tags that name something else than a bundle. */
  readonly others: readonly string[];
}

const MAX_PAGE_BYTES = 4 * 1024 * 1024;
const MAX_TAGS = 10_000;
/** Bytes of all manifests: 10,000 of those of bundles with a few logs come to a tenth of it. */
const MAX_LISTED_BYTES = 128 * 1024 * 1024;
const IN_FLIGHT = 4;

/**
 * The bundles of a repository, from their manifests alone.
 * @throws StellaError FETCH_*, REGISTRY_AUTH, BLOB_DIGEST
 */
export async function listBundles(registry: Registry): Promise<Listed> {
  const tags = await listTags(registry);
  const bundles: ListedBundle[] = [];
  const others: string[] = [];
  let [next, size] = [0, 0];
  const work = async () => {
    for (let i = next++; i < tags.length; i = next++) {
      const tag = tags[i]!;
      try {
        const fetched = await fetchManifest(registry, tag);
        size += fetched.size;
        if (size > MAX_LISTED_BYTES) {
          throw new StellaError(
            'FETCH_TOO_LARGE',
            `the manifests of the repository's tags have more than ${MAX_LISTED_BYTES} bytes`,
          );
        }
        bundles.push({ tag, ...fetched });
      } catch (error) {
        // A tag may go away, or name an image.
        if (!isStellaError(error, 'OCI_MANIFEST') && !isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
        others.push(tag);
      }
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  const order = (one: ListedBundle) => Date.parse(one.bundle.facts.sealedAt);
  return {
    bundles: bundles.sort((a, b) => order(b) - order(a) || (a.tag < b.tag ? -1 : 1)),
    others: others.sort(),
  };
}

/** All tags but those of lists of referrers, page by page (distribution specification, "Listing Tags"). */
async function listTags(registry: Registry): Promise<string[]> {
  const all = new Set<string>();
  let target: string | URL | undefined = registry.path('tags/list?n=1000');
  while (target !== undefined) {
    const before: number = all.size;
    const { answer, bytes } = await registry.requestBytes(
      { method: 'GET', target, expect: [200] },
      MAX_PAGE_BYTES,
    );
    const page = parseJson('oci-tags', bytes, "the registry's list of tags", 'FETCH_FAILED').tags ?? [];
    for (const tag of page) {
      if (!isTag(tag))
        throw new StellaError('FETCH_FAILED', `the registry lists a malformed tag: ${excerpt(tag)}`);
      all.add(tag);
    }
    if (all.size > MAX_TAGS)
      throw new StellaError('FETCH_TOO_LARGE', `the repository has more than ${MAX_TAGS} tags`);
    const [, link] = /^<([^>]*)>\s*;\s*rel="?next"?/.exec(String(answer.headers['link'] ?? '')) ?? [];
    // A page without anything new would be followed by pages without end.
    target = link === undefined || all.size === before ? undefined : nextPage(link, answer.url);
  }
  return [...all].filter((tag) => !isReferrersTag(tag));
}

/** The path of the next page at the registry itself: behind a proxy many name a host or scheme that is not theirs outside. */
function nextPage(link: string, from: URL): string | undefined {
  if (!URL.canParse(link, from)) return undefined;
  const { pathname, search } = new URL(link, from);
  return pathname.replace(/^\/+/, '/') + search;
}
