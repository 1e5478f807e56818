/**
 * consumer/: the far side of the gap: opens a sealed bundle, checks it in one fixed order, and makes it the current
 * trust; the same for the sealed state that a mirror serves. Every check passes or the store stays exactly as it was.
 * It never uses the network for a bundle in a file, and a bundle never vouches for itself: the operator does, or the
 * store.
 * Start here, then check-list.ts for the order, accept.ts for the checks, trust-from-url.ts for mirrors.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBase64 } from '../base/bytes.ts';
import { formatInstant, type Instant, parseInstant } from '../base/clock.ts';
import { isStellaError } from '../base/errors.ts';
import { withStagingAsync } from '../base/files.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import type { PublicKey } from '../base/keys.ts';
import { checkClock } from '../store/clock-floor.ts';
import { HOME, heldHistory } from '../store/repositories.ts';
import {
  clockFloorOf,
  type Generation,
  type StoreState,
  type StoreWriter,
  type TrustStore,
} from '../store/store.ts';
import { isSameLog } from '../tlog/origin.ts';
import { ownBundleKeys, pinFacts, pinnedBundleKeys, usedBundleKeys } from '../trust/bundle-keys.ts';
import { trustedRootFiles } from '../trust/derived-trust.ts';
import { adviceOf } from '../trust/freshness.ts';
import { keyHistory } from '../trust/key-history.ts';
import { distributedKeys } from '../trust/key-list.ts';
import type { TufView } from '../tuf/view.ts';
import {
  type Acceptance,
  type AcceptPlace,
  type AcceptRules,
  acceptBundle,
  type BundleSource,
} from './accept.ts';
import type { CarriedRepository } from './carried-repositories.ts';
import { type BundleCheck, CheckList } from './check-list.ts';

/** Bundles that a delta may build on; a site that is further behind needs a full one. */
const REMEMBERED_BUNDLES = 1000;

export interface Checked {
  readonly acceptance: Acceptance;
  readonly checks: readonly BundleCheck[];
}

export interface Imported extends Checked {
  /** The generation that is current now. */
  readonly generation: Generation;
  /** The bundle keys that this import has pinned. */
  readonly newlyPinned: readonly PublicKey[];
}

export interface ImportRules extends AcceptRules {
  /**
   * Whether to start anew where there is a store: nothing of it counts but its clock floor, and its generations are kept.
   */
  readonly replace?: boolean;
}

/**
 * Checks a bundle as {@link importBundle} would, and changes nothing.
 * @throws StellaError as the failing check says
 */
export async function checkBundle(
  store: TrustStore,
  source: BundleSource,
  rules: AcceptRules,
  onCheck?: (result: BundleCheck) => void,
): Promise<Checked> {
  const checks = new CheckList(onCheck);
  const acceptance = await withStagingAsync(tmpdir(), 'stella-verify-', (staging) =>
    acceptBundle(source, placeOf(store, staging, store.current()), rules, checks),
  );
  return { acceptance, checks: checks.results };
}

/**
 * Checks a bundle as other sites would that trust what this store trusts, and changes nothing: the same list, but what
 * this store holds sets no measure (a delta's base and its logs are there, not here), and every key that it ever sealed with counts.
 * @throws StellaError as the failing check says; PIN_MISMATCH for a bundle of another repository
 */
export async function checkBundleForOthers(
  store: TrustStore,
  source: BundleSource,
  rules: AcceptRules,
): Promise<Acceptance> {
  return await withStagingAsync(tmpdir(), 'stella-verify-', (staging) => {
    const place = placeOf(store, staging, store.current());
    const ownKeys = [...place.ownKeys, ...usedBundleKeys(store.directory)];
    return acceptBundle(source, { ...place, ownKeys, forOthers: true }, rules, new CheckList());
  });
}

/**
 * Imports a bundle: every check, then one commit. Whatever fails, the store stays what it was; refusals are written to
 * the audit log of a store that there is.
 * @param name how to call the bundle in the audit log
 * @throws StellaError as the failing check says; LOCKED, STORE_UNWRITABLE
 */
export async function importBundle(
  store: TrustStore,
  source: BundleSource,
  name: string,
  rules: ImportRules,
  onCheck?: (result: BundleCheck) => void,
): Promise<Imported> {
  return await store.change(rules.now, async (writer) => {
    const checks = new CheckList(onCheck);
    const { replace = false } = rules;
    // A store that is started anew may be a damaged one.
    const current = () => (replace ? undefined : writer.current);
    const floor = replace ? clockFloorOf(writer) : undefined;
    try {
      if (floor !== undefined) checkClock(rules.now, floor, 'import');
      const place = placeOf(store, writer.staging, current());
      const acceptance = await acceptBundle(source, place, rules, checks);
      if (acceptance.alreadyHeld)
        return { acceptance, checks: checks.results, generation: current()!, newlyPinned: [] };
      await letInterruptsIn();
      const made = await checks.run('commit', async () => {
        const committed = await commit(writer, acceptance, rules, current()?.state, floor);
        writer.audit('import', {
          bundle: name,
          ...(replace ? { replaced: true } : {}),
          generation: committed.number,
          manifest_sha256: acceptance.manifestSha256,
          sequence: acceptance.manifest.sequence,
          sealed_at: acceptance.manifest.sealed_at,
          signers: acceptance.signers.map((key) => key.id),
          second_opinion: acceptance.secondOpinion,
          ...(committed.state.repositories
            ? { repositories: repositoryFacts(committed.state.repositories) }
            : {}),
          ...(rules.dropRepositories?.size ? { dropped: [...rules.dropRepositories] } : {}),
          checks: checks.results.map(({ check, status }) => `${check} ${status}`),
        });
        const added = newlyPinned(current()?.state, acceptance);
        if (added.length > 0) writer.audit('pin', pinFacts(committed, added));
        return {
          detail: `generation ${committed.number}`,
          value: { generation: committed, newlyPinned: added },
        };
      });
      return { acceptance, checks: checks.results, ...made };
    } catch (error) {
      if (isStellaError(error) && current()) {
        const { checks: _, ...details } = error.details ?? {};
        writer.audit('refusal', {
          command: 'trust import',
          bundle: name,
          code: error.code,
          message: error.message,
          ...details,
        });
      }
      throw error;
    }
  });
}

function placeOf(store: TrustStore, staging: string, current: Generation | undefined): AcceptPlace {
  const { directory, logsDirectory, attestationsDirectory } = store;
  return { staging, current, logsDirectory, attestationsDirectory, ownKeys: ownBundleKeys(directory) };
}

/** The keys that this import pins. */
function newlyPinned(before: StoreState | undefined, { pinnedKeys }: Acceptance): PublicKey[] {
  const known = new Set(pinnedBundleKeys(before).map((key) => key.id));
  return pinnedKeys.filter((key) => !known.has(key.id));
}

async function commit(
  writer: StoreWriter,
  acceptance: Acceptance,
  rules: AcceptRules,
  before: StoreState | undefined,
  floor: Instant | undefined,
): Promise<Generation> {
  const { contentDirectory, tufDirectory, repositories, trust } = acceptance;
  const part = (name: string) => join(contentDirectory, name);
  removeCheckpoints(part('logs'));
  const state = await nextState(acceptance, before, rules);
  if (floor !== undefined) state.clock_floor = later(formatInstant(floor), state.clock_floor);
  return writer.commit({
    state,
    repositories: new Map([
      [HOME, tufDirectory],
      ...repositories.map(({ name, directory }): [string, string] => [name, directory]),
    ]),
    trustedRoots: trustedRootFiles(trust),
    sealed: acceptance.sealed,
    attestations: acceptance.manifest.attestations ?? [],
    ...(existsSync(part('logs')) ? { logsDirectory: part('logs') } : {}),
    ...(existsSync(part('attestations')) ? { attestationsDirectory: part('attestations') } : {}),
  });
}

/** Tiles are shared between generations because they never change; a checkpoint belongs to one generation's state. */
function removeCheckpoints(logs: string): void {
  for (const name of existsSync(logs) ? readdirSync(logs) : [])
    rmSync(join(logs, name, 'checkpoint'), { force: true });
}

async function nextState(
  acceptance: Acceptance,
  before: StoreState | undefined,
  rules: AcceptRules,
): Promise<Omit<StoreState, 'format'>> {
  const { manifest, manifestSha256, signers, pin, view, trust } = acceptance;
  const seen = { sequence: manifest.sequence, sealed_at: manifest.sealed_at };
  const advice = adviceOf(manifest);
  const pinnedKeys = new Set([
    ...(before?.bundle_keys ?? []),
    ...acceptance.pinnedKeys.map((key) => formatBase64(key.spki)),
  ]);
  const { config } = rules;
  const isChosen = (key: 'rekor_key_targets' | 'service_map_target') => config.origins[key].source === 'flag';
  const rekor_key_targets = isChosen('rekor_key_targets')
    ? [...config.rekorKeyTargets]
    : before?.rekor_key_targets;
  const service_map_target = isChosen('service_map_target')
    ? config.serviceMapTarget
    : before?.service_map_target;
  return {
    created_at: formatInstant(rules.now),
    reference_time: manifest.sealed_at,
    clock_floor: later(before?.clock_floor, manifest.sealed_at),
    pin,
    source: {
      kind: 'import',
      manifest_sha256: manifestSha256,
      ...seen,
      ...(advice === undefined ? {} : { stale_after_days: advice }),
      producer: manifest.producer,
      signers: signers.map((key) => key.id),
      ...(rules.mirror === undefined ? {} : { mirror: rules.mirror }),
      ...(acceptance.fileSha256 === undefined ? {} : { file_sha256: acceptance.fileSha256 }),
    },
    tuf: {
      url: manifest.tuf.url,
      first_root: view.rootVersions[0]!,
      roles: rolesOf(view),
    },
    ...(rekor_key_targets ? { rekor_key_targets } : {}),
    ...(service_map_target ? { service_map_target } : {}),
    ...(config.trustRoles.length > 0 ? { trust_roles: [...config.trustRoles] } : {}),
    ...(acceptance.secondOpinion ? { second_opinion: acceptance.secondOpinion } : {}),
    bundle_keys: [...pinnedKeys],
    ...(await keyHistory(
      view,
      distributedKeys(trust.targets),
      trust.instances[0]!.trustedRoot.tlogs,
      before,
      manifest.sealed_at,
    )),
    ...(acceptance.repositories.length === 0
      ? {}
      : { repositories: await Promise.all(acceptance.repositories.map((one) => furtherNext(one, trust))) }),
    logs: [
      // A log that this bundle does not carry is still one that must not be rolled back by the next.
      ...(before?.logs ?? []).filter((held) => !acceptance.logs.some(({ log }) => isSameLog(held, log))),
      ...acceptance.logs.map(({ log, checkpoint }) => ({
        origin: log.origin,
        url: log.url,
        log_id: log.log_id,
        tree_size: log.tree_size,
        root_hash: log.root_hash,
        first_index: log.first_index,
        checkpoint,
      })),
    ],
    producers: { ...before?.producers, ...Object.fromEntries(signers.map((key) => [key.id, seen])) },
    bundles: [...(before?.bundles ?? []), { ...seen, manifest_sha256: manifestSha256 }].slice(
      -REMEMBERED_BUNDLES,
    ),
  };
}

/** What the audit log says of further repositories. */
function repositoryFacts(repositories: NonNullable<StoreState['repositories']>): Record<string, unknown> {
  return Object.fromEntries(
    repositories.map(({ name, pin, tuf, second_opinion, expired }) => [
      name,
      { url: tuf.url, pin, root: tuf.roles['root']?.version, second_opinion, expired },
    ]),
  );
}

/** What the store will remember of a further repository. */
async function furtherNext(
  { name, carried, pin, view, asOf, expired, secondOpinion, held }: CarriedRepository,
  { instances }: Acceptance['trust'],
): Promise<NonNullable<StoreState['repositories']>[number]> {
  const { target, trustedRoot } = instances.slice(1).find((instance) => instance.name === name)!;
  const at = formatInstant(asOf);
  return {
    name,
    pin,
    tuf: { url: carried.url, first_root: view.rootVersions[0]!, roles: rolesOf(view) },
    reference_time: at,
    ...(expired === undefined ? {} : { expired }),
    ...(secondOpinion ? { second_opinion: secondOpinion } : {}),
    ...(await keyHistory(view, distributedKeys([target!]), trustedRoot.tlogs, heldHistory(held), at)),
  };
}

function rolesOf({ roles }: TufView): StoreState['tuf']['roles'] {
  return Object.fromEntries(
    roles.map(({ name, version, sha256, expires }) => [
      name,
      { version, sha256, expires: formatInstant(expires) },
    ]),
  );
}

function later(a: string | undefined, b: string): string {
  return a !== undefined && parseInstant(a) > parseInstant(b) ? a : b;
}
