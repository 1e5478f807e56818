import { formatBase64 } from '../base/bytes.ts';
import { formatInstant, type Instant, MINUTE, parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import { readAttestationList } from '../store/attestation-list.ts';
import { loadRepositories, pinnedRootOf } from '../store/generation.ts';
import { loadLogOrigins } from '../store/log-origins.ts';
import { HOME } from '../store/repositories.ts';
import { clockFloorOf, type Generation, type StoreState, type StoreWriter } from '../store/store.ts';
import { recordFailure, recordSync, referenceOf } from '../store/sync-record.ts';
import { judgedView, type SecondOpinion, secondOpinion } from '../tuf/second-opinion.ts';
import { pinFacts } from './bundle-keys.ts';
import { deriveTrust } from './derived-trust.ts';
import { withHintsOfInit, withHintsOfSync } from './first-hints.ts';
import { type Followed, type FollowedTuf, followRepository, type SyncSetting, urlsOf } from './follow.ts';
import { furtherInstance } from './instance.ts';
import { type FollowedRepository, isDerived, nextGeneration } from './next-generation.ts';
import type { PinnedRoot, RootVoucher } from './pin.ts';

export type { SyncSetting } from './follow.ts';

export interface Synced {
  readonly generation: Generation;
  /** Whether there is a new generation. */
  readonly changed: boolean;
  /** Present when nothing was asked because the last answer is recent enough: when that was. */
  readonly fresh?: Instant;
  /** Why further repositories stayed as they were, by name. */
  readonly failures: ReadonlyMap<string, StellaError>;
}

/** A further repository of a new store. */
export interface FurtherRepository {
  readonly name: string;
  /** The repository and its mirrors, where told; else as configured or built in. */
  readonly urls: readonly string[];
  readonly voucher: RootVoucher;
}

const NO_FAILURES: Synced['failures'] = new Map();

/**
 * Makes a trust store from a TUF repository, and others that contribute an instance each.
 * @param replace whether to start again where there is a store; its generations are kept
 * @throws StellaError STORE_EXISTS, CONFIG_INVALID, PIN_MISMATCH, TARGET_UNKNOWN, SERVICE_MAP_NOT_FOUND, TUF_*, FETCH_*, OFFLINE, …
 */
export async function initTrust(
  setting: SyncSetting,
  voucher: RootVoucher,
  bundleKeys: readonly PublicKey[],
  replace: boolean,
  further: readonly FurtherRepository[] = [],
): Promise<Synced> {
  const { store, config, now } = setting;
  return await store.change(now, async (writer) => {
    if (!replace && isMade(writer))
      throw new StellaError('STORE_EXISTS', `there is a trust store in ${store.directory} already`);
    const wanted: Followed[] = [
      { name: HOME, urls: config.tufUrls, root: voucher },
      ...further.map(({ name, urls, voucher: root }) => ({
        name,
        urls: urls.length > 0 ? urls : urlsOf(name, config, undefined),
        root,
      })),
    ];
    const followed: FollowedRepository[] = [];
    for (const each of wanted) {
      const { name } = each;
      const told = further.find((one) => one.name === name)?.urls ?? [];
      const tuf = await withHintsOfInit(() => named(name, () => followRepository(setting, writer, each)));
      const opinion = await named(name, () => judged(setting, undefined, name, tuf));
      followed.push({ name, tuf, opinion, urls: told.length > 0 ? told : undefined, before: undefined });
    }
    checkDifferent(followed);
    const next = await nextGeneration(setting, undefined, followed);
    const floor = replace ? clockFloorOf(writer) : undefined;
    if (floor !== undefined && floor > now) next.state.clock_floor = formatInstant(floor);
    for (const key of bundleKeys) next.state.bundle_keys.push(formatBase64(key.spki));
    const generation = writer.commit({ ...next, attestations: [] });
    writer.audit('init', auditFacts(generation, { pin: generation.state.pin, replaced: replace }));
    if (bundleKeys.length > 0) writer.audit('pin', pinFacts(generation, bundleKeys));
    recordSync(store.directory, now, generation);
    return { generation, changed: true, failures: NO_FAILURES };
  });
}

/**
 * Brings the trust store up to date. An unchanged repository costs two small requests and makes no new generation. A
 * further repository that fails stays as it is, and ages; so does the home repository, whose failure is thrown once the
 * others have been brought up to date.
 * @param force ask even though the last answer is more recent than `refresh_interval_minutes`
 * @throws StellaError STORE_NOT_INITIALIZED, CLOCK_BEHIND, STORE_CORRUPT, TUF_*, FETCH_*, OFFLINE, …
 */
export async function syncTrust(setting: SyncSetting, force: boolean): Promise<Synced> {
  const { store, config, now } = setting;
  const current = requireForSync(setting);
  const last = current.repositories
    .map((repository) => referenceOf(store.directory, current, repository))
    .reduce((a, b) => (a < b ? a : b));
  const { dropRepositories = new Set() } = setting;
  checkDropped(current, dropRepositories);
  if (
    dropRepositories.size === 0 &&
    !force &&
    current.state.source.kind === 'sync' &&
    now - last < config.refreshIntervalMinutes * MINUTE
  )
    return { generation: current, changed: false, fresh: last, failures: NO_FAILURES };
  return await store.change(now, async (writer) => {
    try {
      return await syncLocked(setting, writer);
    } catch (error) {
      if (isStellaError(error) && !isRecorded(error)) {
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

/** @throws StellaError USAGE for a repository that is not held */
function checkDropped({ repositories }: Generation, dropped: ReadonlySet<string>): void {
  const held = repositories.filter(({ isHome }) => !isHome).map(({ name }) => name);
  const unknown = [...dropped].find((name) => !held.includes(name));
  if (unknown === undefined) return;
  throw new StellaError(
    'USAGE',
    `the trust store holds no further repository ${unknown} that could be dropped`,
    {
      hint: held.length === 0 ? 'it holds none' : `it holds ${held.join(', ')}`,
    },
  );
}

async function syncLocked(setting: SyncSetting, writer: StoreWriter): Promise<Synced> {
  const { store, config, now, warn } = setting;
  const current = writer.current ?? requireForSync(setting);
  // What guards against rollback must be whole before anything is compared with it.
  const held = await loadRepositories(current);
  const failures = new Map<string, StellaError>();
  const outcomes: FollowedRepository[] = [];
  for (const loaded of held) {
    const { repository } = loaded;
    const { name, urls, directory, isHome } = repository;
    if (setting.dropRepositories?.has(name)) continue;
    const before = { ...loaded, reference: referenceOf(store.directory, current, repository) };
    let tuf: FollowedTuf | undefined;
    let opinion: SecondOpinion | undefined;
    try {
      const root: PinnedRoot = { bytes: pinnedRootOf(current, repository), pin: repository.pin };
      const addresses = isHome ? config.tufUrls : urlsOf(name, config, repository);
      const followed = await withHintsOfSync(() =>
        named(name, () =>
          followRepository(setting, writer, { name, urls: addresses, root, held: directory }),
        ),
      );
      opinion = await named(name, () => judged(setting, current, name, followed));
      tuf = followed;
    } catch (error) {
      if (!isStellaError(error)) throw error;
      failures.set(name, error);
    }
    outcomes.push({ name, tuf, opinion, urls, before });
  }
  for (const [name, { code, message }] of failures)
    writer.audit('refusal', {
      command: 'trust sync',
      ...(name === HOME ? {} : { repository: name }),
      code,
      message,
    });
  const homeFailure = failures.get(HOME);
  const result = await commitOutcomes(setting, writer, current, outcomes, warn);
  recordSync(store.directory, now, result.generation, failures);
  if (homeFailure) {
    recorded.add(homeFailure);
    throw homeFailure;
  }
  return { ...result, failures };
}

/** Failures that are in the record and the audit log already. */
const recorded = new WeakSet<StellaError>();
const isRecorded = (error: StellaError) => recorded.has(error);

async function commitOutcomes(
  setting: SyncSetting,
  writer: StoreWriter,
  current: Generation,
  outcomes: readonly FollowedRepository[],
  warn: SyncSetting['warn'],
): Promise<Pick<Synced, 'generation' | 'changed'>> {
  const unchanged = { generation: current, changed: false };
  const home = outcomes[0]!;
  const floor = parseInstant(current.state.clock_floor);
  const isLowered = setting.lowerClockFloor === true && floor > setting.now && home.tuf !== undefined;
  const isSynced = current.state.source.kind === 'sync';
  const isDropping = outcomes.length < current.repositories.length;
  // What was imported is not half synced: it speaks for the instant at which it was sealed.
  if (!home.tuf && (!isSynced || (!isDropping && outcomes.every(({ tuf }) => !tuf?.tuf.changed))))
    return unchanged;
  const next = await nextGeneration({ ...setting, warn }, current, outcomes, writer.staging);
  const isChanged = isDropping || outcomes.some(({ tuf }) => tuf?.tuf.changed);
  if (isLowered) next.state.clock_floor = formatInstant(setting.now);
  else if (!isChanged && isSynced && isDerived(current, next.trustedRoots)) return unchanged;
  const generation = writer.commit({ ...next, attestations: readAttestationList(current) });
  const dropped = [...(setting.dropRepositories ?? [])];
  writer.audit(
    'sync',
    auditFacts(generation, {
      ...(dropped.length > 0 ? { dropped } : {}),
      ...(isLowered
        ? { clock_floor_before: formatInstant(floor), clock_floor: formatInstant(setting.now) }
        : {}),
    }),
  );
  return { generation, changed: true };
}

/**
 * Finds out by itself whether a repository that was followed amounts to what it is for, so that one that does not leaves
 * the others alone; and has tuf-js judge it, where anything has changed.
 * @throws StellaError TUF_SECOND_OPINION, TARGET_*, SERVICE_MAP_*, TRUSTED_ROOT_INVALID
 */
async function judged(
  { store, config }: SyncSetting,
  current: Generation | undefined,
  name: string,
  { tuf }: FollowedTuf,
): Promise<SecondOpinion | undefined> {
  const source = { name, view: tuf };
  if (name === HOME) await deriveTrust([source], config, loadLogOrigins(store.directory, current?.state));
  else await furtherInstance(source);
  return tuf.changed ? await secondOpinion(judgedView(tuf)) : undefined;
}

/** One repository under two names would count twice. @throws StellaError USAGE */
function checkDifferent(outcomes: readonly FollowedRepository[]): void {
  const seen = new Map<string, string>();
  for (const { name, tuf } of outcomes) {
    const { sha256 } = tuf!.root.pin;
    const other = seen.get(sha256);
    if (other !== undefined)
      throw new StellaError('USAGE', `the repositories ${other} and ${name} are one and the same`, {
        hint: 'name each repository once',
      });
    seen.set(sha256, name);
  }
}

/** A refusal says which of several repositories it is about. */
async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isStellaError(error) && name !== HOME ? error.with({ details: { repository: name } }) : error;
  }
}

function isMade(writer: StoreWriter): boolean {
  return writer.current !== undefined;
}

const versionsOf = ({ roles }: StoreState['tuf']) =>
  Object.fromEntries(Object.entries(roles).map(([name, { version }]) => [name, version]));

/** What the audit log says of a generation that was synced. */
function auditFacts(
  { number, state }: Generation,
  facts: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { repositories } = state;
  return {
    ...facts,
    generation: number,
    url: state.tuf.url,
    roles: versionsOf(state.tuf),
    second_opinion: state.second_opinion,
    ...(repositories
      ? {
          repositories: Object.fromEntries(
            repositories.map(({ name, pin, tuf, second_opinion }) => [
              name,
              { url: tuf.url, pin, roles: versionsOf(tuf), second_opinion },
            ]),
          ),
        }
      : {}),
  };
}
