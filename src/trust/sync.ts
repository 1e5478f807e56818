import { join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import { formatInstant, type Instant, latest, MINUTE, parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBoundedIfPresent } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Config } from '../config/config.ts';
import type { Fetcher } from '../net/types.ts';
import { readAttestationList } from '../store/attestation-list.ts';
import { loadGeneration, pinnedRootOf } from '../store/generation.ts';
import { loadLogOrigins } from '../store/log-origins.ts';
import {
  clockFloorOf,
  type Generation,
  type StoreState,
  type StoreWriter,
  type TrustStore,
} from '../store/store.ts';
import { recordFailure, recordSuccess, referenceOf } from '../store/sync-record.ts';
import { type RefreshedTuf, refreshTuf } from '../tuf/refresh.ts';
import { judgedView, secondOpinion } from '../tuf/second-opinion.ts';
import { pinFacts } from './bundle-keys.ts';
import { type DerivedTrust, deriveTrust, trustedRootFile } from './derived-trust.ts';
import { withHintsOfInit, withHintsOfSync } from './first-hints.ts';
import { keyHistory } from './key-history.ts';
import { distributedKeys } from './key-list.ts';
import { fromMirrors, voucherAtMirrors } from './mirrors.ts';
import { type PinnedRoot, pinRoot, type RootVoucher } from './pin.ts';
import { neededTargets } from './targets.ts';
import { MAX_TRUSTED_ROOT_BYTES } from './trusted-root.ts';
import { adviceOnUnusedKeys } from './unused-keys.ts';

export interface SyncSetting {
  readonly store: TrustStore;
  readonly config: Config;
  readonly fetcher: Fetcher;
  readonly now: Instant;
  /** What somebody should know although nothing failed. */
  readonly warn: (line: string) => void;
  /** Whether an operator says that the clock was ahead at an earlier sync and is right now. */
  readonly lowerClockFloor?: boolean;
}

export interface Synced {
  readonly generation: Generation;
  /** Whether there is a new generation. */
  readonly changed: boolean;
  /** Present when nothing was asked because the last answer is recent enough: when that was. */
  readonly fresh?: Instant;
}

/**
 * Makes a trust store from a TUF repository.
 * @param replace whether to start anew where there is a store; its generations are kept
 * @throws StellaError STORE_EXISTS, CONFIG_INVALID, PIN_MISMATCH, TARGET_UNKNOWN, SERVICE_MAP_NOT_FOUND, TUF_*, FETCH_*, OFFLINE, …
 */
export async function initTrust(
  setting: SyncSetting,
  voucher: RootVoucher,
  bundleKeys: readonly PublicKey[],
  replace: boolean,
): Promise<Synced> {
  const { store, config, fetcher, now } = setting;
  const vouched = voucherAtMirrors(voucher, config.tufUrls);
  return await store.change(now, async (writer) => {
    if (!replace && isMade(writer))
      throw new StellaError('STORE_EXISTS', `there is a trust store in ${store.directory} already`);
    const { tuf, root } = await withHintsOfInit(() =>
      fromMirrors(config.tufUrls, setting.warn, async (url) => {
        const pinned = await pinRoot(vouched, url, fetcher, now);
        return { root: pinned, tuf: await refresh(setting, writer, url, pinned) };
      }),
    );
    const { state, trustedRoot } = await nextState(setting, tuf, root.pin, undefined);
    state.second_opinion = await secondOpinion(judgedView(tuf));
    const floor = replace ? clockFloorOf(writer) : undefined;
    if (floor !== undefined && floor > now) state.clock_floor = formatInstant(floor);
    for (const key of bundleKeys) state.bundle_keys.push(Buffer.from(key.spki).toString('base64'));
    const generation = writer.commit({
      state,
      tufDirectory: tuf.directory,
      trustedRoot,
      attestations: [],
    });
    writer.audit('init', auditFacts(generation, { pin: root.pin, replaced: replace }));
    if (bundleKeys.length > 0) writer.audit('pin', pinFacts(generation, bundleKeys));
    recordSuccess(store.directory, now, generation);
    return { generation, changed: true };
  });
}

/**
 * Brings the trust store up to date. An unchanged repository costs two small requests and makes no new generation.
 * @param force ask even though the last answer is more recent than `refresh_interval_minutes`
 * @throws StellaError STORE_NOT_INITIALIZED, CLOCK_BEHIND, STORE_CORRUPT, TUF_*, FETCH_*, OFFLINE, …
 */
export async function syncTrust(setting: SyncSetting, force: boolean): Promise<Synced> {
  const { store, config, now } = setting;
  const current = requireForSync(setting);
  const last = referenceOf(store.directory, current);
  if (!force && current.state.source.kind === 'sync' && now - last < config.refreshIntervalMinutes * MINUTE)
    return { generation: current, changed: false, fresh: last };
  return await store.change(now, async (writer) => {
    try {
      return await withHintsOfSync(() => syncLocked(setting, writer));
    } catch (error) {
      if (isStellaError(error)) {
        recordFailure(store.directory, now, error);
        writer.audit('refusal', { command: 'trust sync', code: error.code, message: error.message });
      }
      throw error;
    }
  });
}

/**
 * The generation that a sync begins from. Only where somebody says that the clock was ahead before, and is right now, may it
 * be behind the floor; and only of a store that is synced, since what was sealed later than now cannot be carried here again.
 * @throws StellaError STORE_NOT_INITIALIZED, STORE_CORRUPT, STORE_UNSAFE, CLOCK_BEHIND
 */
export function requireForSync({ store, now, lowerClockFloor = false }: SyncSetting): Generation {
  return lowerClockFloor && store.require().state.source.kind === 'sync'
    ? store.require()
    : store.require(now);
}

async function syncLocked(setting: SyncSetting, writer: StoreWriter): Promise<Synced> {
  const { store, now } = setting;
  const current = writer.current ?? requireForSync(setting);
  const floor = parseInstant(current.state.clock_floor);
  const isLowered = setting.lowerClockFloor === true && floor > now;
  // What guards against rollback must be whole before anything is compared with it.
  await loadGeneration(current);
  const root = { bytes: pinnedRootOf(current), pin: current.state.pin };
  const { tuf } = await fromMirrors(setting.config.tufUrls, setting.warn, async (url) => ({
    tuf: await refresh(setting, writer, url, root, current.tufDirectory),
  }));
  const next = await nextState(setting, tuf, root.pin, current.state);
  if (isLowered) next.state.clock_floor = formatInstant(now);
  else if (!tuf.changed && current.state.source.kind === 'sync' && isDerived(current, next.trustedRoot)) {
    recordSuccess(store.directory, now, current);
    return { generation: current, changed: false };
  }
  next.state.second_opinion = await secondOpinion(judgedView(tuf));
  const generation = writer.commit({
    ...next,
    tufDirectory: tuf.directory,
    attestations: readAttestationList(current),
  });
  writer.audit(
    'sync',
    auditFacts(
      generation,
      isLowered ? { clock_floor_before: formatInstant(floor), clock_floor: formatInstant(now) } : {},
    ),
  );
  recordSuccess(store.directory, now, generation);
  return { generation, changed: true };
}

/** Whether a generation's derived files are what the configuration makes of its repository today. */
function isDerived(generation: Generation, trustedRoot: Uint8Array): boolean {
  const held = readBoundedIfPresent(generation.trustedRootFile, MAX_TRUSTED_ROOT_BYTES);
  return held?.equals(trustedRoot) ?? false;
}

let attempts = 0;

async function refresh(
  setting: SyncSetting,
  writer: StoreWriter,
  url: string,
  root: PinnedRoot,
  held?: string,
): Promise<RefreshedTuf> {
  const { config, fetcher, now } = setting;
  attempts += 1;
  return await refreshTuf({
    url,
    fetcher,
    directory: join(writer.staging, `tuf-${attempts}`),
    now,
    trustedRoot: root.bytes,
    held,
    trustRoles: new Set(config.trustRoles),
    isNeeded: neededTargets(config),
  });
}

/** What the store will remember of a refreshed repository. Everything the configuration names must be there and usable. */
async function nextState(
  { config, now, warn, store }: SyncSetting,
  tuf: RefreshedTuf,
  pin: StoreState['pin'],
  before: StoreState | undefined,
): Promise<{ state: StoreState; trustedRoot: Uint8Array }> {
  const trust = await deriveTrust(tuf, config, loadLogOrigins(store.directory, before));
  const keys = distributedKeys(trust.targets);
  if (!keys.some((key) => key.usage === 'Rekor'))
    warn(
      `warning: ${tuf.url} distributes no Rekor key: set rekor_key_targets, or publish one with custom.sigstore.usage Rekor`,
    );
  for (const line of leftOut(tuf, trust.ignored)) warn(line);
  for (const { text, hint } of adviceOnUnusedKeys(trust.unused, config)) warn(`warning: ${text}; ${hint}`);
  const instant = formatInstant(now);
  const chosen = (key: 'rekor_key_targets' | 'service_map_target') =>
    ['flag', 'store'].includes(config.origins[key].source);
  const mirrors = before
    ? before.tuf_urls
    : config.origins.tuf_url.source === 'flag'
      ? [...config.tufUrls]
      : undefined;
  const floor = before === undefined ? now : latest(now, parseInstant(before.clock_floor));
  const state: StoreState = {
    format: 'stella-store/v1',
    created_at: instant,
    reference_time: instant,
    clock_floor: formatInstant(floor),
    pin,
    source: { kind: 'sync', url: tuf.url },
    tuf: {
      url: tuf.url,
      first_root: tuf.rootVersions[0]!,
      roles: Object.fromEntries(
        tuf.roles.map(({ name, version, sha256, expires }) => [
          name,
          { version, sha256, expires: formatInstant(expires) },
        ]),
      ),
    },
    ...(mirrors === undefined ? {} : { tuf_urls: mirrors }),
    ...(chosen('rekor_key_targets') ? { rekor_key_targets: [...config.rekorKeyTargets] } : {}),
    ...(chosen('service_map_target') ? { service_map_target: config.serviceMapTarget } : {}),
    ...(config.trustRoles.length > 0 ? { trust_roles: [...config.trustRoles] } : {}),
    bundle_keys: [...(before?.bundle_keys ?? [])],
    ...(await keyHistory(tuf, keys, trust.trustedRoot.tlogs, before, instant)),
    logs: before?.logs ?? [],
    producers: before?.producers ?? {},
    bundles: before?.bundles ?? [],
  };
  return { state, trustedRoot: trustedRootFile(trust) };
}

const MAX_LISTED = 5;

/** What of a repository is not used although it is published; no trust rests on it. */
function leftOut(
  { url, omittedRoles, missingTargets }: RefreshedTuf,
  ignored: DerivedTrust['ignored'],
): string[] {
  const roles = omittedRoles.map(
    ({ role, error }) =>
      `warning: ${error.message} [${error.code}]; no trust rests on the delegated role ${excerpt(role)}, which is left out`,
  );
  const missing = missingTargets
    .slice(0, MAX_LISTED)
    .map(({ error }) => `warning: ${error.message} [${error.code}]; no trust rests on it, it is left out`);
  const usages = ignored
    .slice(0, MAX_LISTED)
    .map(
      ({ name, role, usage }) =>
        `warning: ${excerpt(name)} is listed as ${usage} by the delegated role ${excerpt(role)} of ${url}, which trust_roles does not name: it decides no trust`,
    );
  return [...roles, ...missing, ...more(missingTargets.length, 'target that could not be had'), ...usages];
}

function more(count: number, what: string): string[] {
  return count > MAX_LISTED ? [`warning: ${count - MAX_LISTED} more ${what}`] : [];
}

function isMade(writer: StoreWriter): boolean {
  return writer.current !== undefined;
}

function auditFacts(
  generation: Generation,
  more: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const roles = Object.entries(generation.state.tuf.roles).map(([name, { version }]) => [name, version]);
  return {
    ...more,
    generation: generation.number,
    url: generation.state.tuf.url,
    roles: Object.fromEntries(roles),
    second_opinion: generation.state.second_opinion,
  };
}
