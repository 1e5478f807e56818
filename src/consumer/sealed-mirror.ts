import { parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { MirroredBundle } from '../bundle/mirrored.ts';
import type { Fetcher } from '../net/types.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import { adviceOfSource, checkFreshness, configuredWindow, judgeFreshness } from '../trust/freshness.ts';
import type { AcceptRules } from './accept.ts';
import { type ImportRules, importBundle } from './import.ts';
import { isSameBundle } from './rollback.ts';

export interface SealedMirror {
  readonly url: string;
  readonly bundle: MirroredBundle;
}

/**
 * The sealed state that the first reachable mirror serves, `undefined` where it is an ordinary TUF repository.
 * @throws StellaError MANIFEST_*, COSE_INVALID, FETCH_FAILED where no mirror answers, OFFLINE
 */
export async function openSealedMirror(
  urls: readonly string[],
  fetcher: Fetcher,
): Promise<SealedMirror | undefined> {
  let failure: StellaError | undefined;
  for (const url of urls) {
    try {
      const bundle = await MirroredBundle.load(url, fetcher);
      return bundle && { url, bundle };
    } catch (error) {
      if (!isStellaError(error, 'FETCH_FAILED') && !isStellaError(error, 'OFFLINE')) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/**
 * Brings a store to what a sealed mirror serves, by the rules for bundles: everything holds as of `sealed_at`, and the
 * staleness window counts from there, never from when the mirror was copied or asked.
 * @throws StellaError as `importBundle`; BUNDLE_STALE also where the mirror has nothing newer than what is held
 */
export async function syncSealedMirror(
  store: TrustStore,
  { url, bundle }: SealedMirror,
  rules: ImportRules,
): Promise<{ readonly generation: Generation; readonly changed: boolean }> {
  const current = rules.replace ? undefined : store.current();
  if (current && isSameBundle(current.state, bundle.manifestSha256)) {
    store.require(rules.now);
    checkMirrorAge(current, url, rules);
    return { generation: current, changed: false };
  }
  const { generation, acceptance } = await importBundle(store, bundle, url, { ...rules, mirror: url });
  return { generation, changed: !acceptance.alreadyHeld };
}

/** Whoever takes the manifest away from a mirror would have its age forgotten. @throws StellaError MANIFEST_MISSING */
export function checkNotUnsealed(current: Generation | undefined, urls: readonly string[]): void {
  const source = current?.state.source;
  if (source?.kind !== 'import' || source.mirror === undefined || !urls.includes(source.mirror)) return;
  throw new StellaError(
    'MANIFEST_MISSING',
    `the mirror ${source.mirror} served sealed state before and has no manifest.json now`,
    { hint: 'where the mirror is made, make it again with `stella trust export --out DIR`' },
  );
}

function checkMirrorAge(
  { state }: Generation,
  url: string,
  { config, now, rejectAfter, maxAge }: AcceptRules,
): void {
  const window = configuredWindow(config, adviceOfSource(state.source), { rejectAfter, maxAge });
  const freshness = judgeFreshness(parseInstant(state.reference_time), now, window);
  checkFreshness(freshness, `the mirror ${url}`, 'BUNDLE_STALE');
}
