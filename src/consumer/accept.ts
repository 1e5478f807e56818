import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Sha256Hex } from '../base/bytes.ts';
import {
  type Duration,
  durationBetween,
  formatDuration,
  formatInstant,
  type Instant,
  parseInstant,
} from '../base/clock.ts';
import { formatCoseSign } from '../base/cose.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { startFileDigest } from '../base/file-digest.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Manifest } from '../base/schema-types.ts';
import { openBundle, type SealedBundle } from '../bundle/open.ts';
import type { Config } from '../config/config.ts';
import { loadWitnessPolicy } from '../logs/witness-policy-file.ts';
import { CLOCK_TOLERANCE, checkClock } from '../store/clock-floor.ts';
import { carriedOrigins } from '../store/log-origins.ts';
import { HOME, repositoryDirectory } from '../store/repositories.ts';
import type { Generation, StoreState } from '../store/store.ts';
import { bundleKeysOf, pinnedBundleKeys } from '../trust/bundle-keys.ts';
import { type DerivedTrust, deriveTrust, logPublicKeysOf, logsOfTrust } from '../trust/derived-trust.ts';
import { withHintsOfImport } from '../trust/first-hints.ts';
import {
  adviceOf,
  checkFreshness,
  configuredWindow,
  type Freshness,
  type FreshnessWindow,
  formatAdmission,
  judgeFreshness,
} from '../trust/freshness.ts';
import { formatFingerprint, type RootVouchers } from '../trust/pin.ts';
import { loadTuf } from '../tuf/load.ts';
import { judgedView, type SecondOpinion, secondOpinion } from '../tuf/second-opinion.ts';
import type { TufView } from '../tuf/view.ts';
import { checkBundlePin } from './bundle-pin.ts';
import { type BundleKeyRules, findBundleSigners } from './bundle-signers.ts';
import { checkCarriedAttestations } from './carried-attestations.ts';
import { type AcceptedLog, checkCarriedLogs } from './carried-logs.ts';
import {
  type CarriedRepository,
  checkCarriedRoles,
  checkRepositories,
  checkRepositoriesNotBack,
  checkTrustRoles,
  describeRepository,
  isOfRepository,
  type PinnedRepository,
  pinRepositories,
} from './carried-repositories.ts';
import { isRecovery, loadCarriedRoots } from './carried-roots.ts';
import type { BundleFinding, CheckList } from './check-list.ts';
import { addMirroredAttestations } from './mirrored-base.ts';
import { checkBase, checkNoRollback, isSameBundle } from './rollback.ts';

/** A file, a stream of its bytes, or a bundle that is open already, e.g. of a mirror. */
export type BundleSource = string | Readable | SealedBundle;

/** What an operator and the configuration ask of a bundle. */
export interface AcceptRules {
  readonly now: Instant;
  readonly vouchers: RootVouchers;
  /** Bundle signing keys pinned by `--bundle-key`, beside those of TUF and of the store. */
  readonly bundleKeys: readonly PublicKey[];
  /** A person at a terminal who may give the key of an unknown signer. */
  readonly askForKey?: BundleKeyRules['askForKey'];
  readonly config: Config;
  /** `--reject-if-stale`. */
  readonly rejectAfter: Duration | undefined;
  /** `--max-age`: an exception for this run. */
  readonly maxAge: Duration | undefined;
  /** Further repositories that the store holds and that the bundle no longer carries (`--drop-repository`). */
  readonly dropRepositories?: ReadonlySet<string>;
  /** The sealed mirror that the bundle is served by. */
  readonly mirror?: string;
  /** Told how many bytes of content have been checked, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Where to work: the store that is asked to accept, and a directory for what is unpacked. */
export interface AcceptPlace {
  readonly staging: string;
  readonly current: Generation | undefined;
  /** `logs/` and `attestations/` of that store. */
  readonly logsDirectory: string;
  readonly attestationsDirectory: string;
  /** Keys that this store seals with itself. */
  readonly ownKeys: readonly PublicKey[];
  /**
   * Whether the bundle is judged for other sites, to be carried there: the store says by its pin and its keys who may be
   * believed; what it holds sets no measure, and a delta's base is where the bundle goes.
   */
  readonly forOthers?: boolean;
}

/** A bundle that passed every check, unpacked in the staging directory. */
export interface Acceptance {
  readonly manifest: Manifest;
  readonly manifestSha256: Sha256Hex;
  /** The exact bytes of manifest.json, and manifest.cose. */
  readonly sealed: { readonly manifest: Uint8Array; readonly signature: Uint8Array };
  /** The store holds this very bundle; it was checked up to its digests, and there is nothing to do. */
  readonly alreadyHeld: boolean;
  readonly pin: StoreState['pin'];
  readonly view: TufView;
  /** The repositories besides the home repository. */
  readonly repositories: readonly CarriedRepository[];
  readonly trust: DerivedTrust;
  /** What tuf-js says of the home repository; it is not asked about a bundle that the store holds. */
  readonly secondOpinion: SecondOpinion | undefined;
  readonly signers: readonly PublicKey[];
  /** Bundle keys that somebody vouched for in this run. */
  readonly pinnedKeys: readonly PublicKey[];
  /** As verification will judge it, by configuration and advice: what a flag of this run allows is not kept. */
  readonly freshness: Freshness;
  /** The window that this run had the bundle pass. */
  readonly window: FreshnessWindow;
  /** SHA-256 of the bundle's file, where it was read from one. */
  readonly fileSha256: Sha256Hex | undefined;
  readonly logs: readonly AcceptedLog[];
  /** The home repository as published, with the store's own earlier roots. */
  readonly tufDirectory: string;
  /** The unpacked content, of which `logs/` and `attestations/` are wanted. */
  readonly contentDirectory: string;
}

/**
 * The one ordered list of checks that a bundle must pass before anything of it is believed. Changes nothing outside the
 * staging directory.
 * @throws StellaError whatever the first failing check says, with the record of all checks so far in its details
 */
export async function acceptBundle(
  source: BundleSource,
  place: AcceptPlace,
  rules: AcceptRules,
  checks: CheckList,
): Promise<Acceptance> {
  // A pipe can be read once only.
  const digest = typeof source === 'string' && isFile(source) ? startFileDigest(source) : undefined;
  try {
    const bundle = await openChecked(source, place, checks);
    try {
      const isWhole = bundle.parts === undefined && bundle.seekable;
      return await acceptOpened(bundle, isWhole ? digest?.sha256 : undefined, place, rules, checks);
    } finally {
      await bundle.close();
    }
  } finally {
    await digest?.stop();
  }
}

/** What cannot even be looked at is for whoever opens it to refuse. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The container and the manifest are read in one pass; which of the two failed is told by the code. */
async function openChecked(
  source: BundleSource,
  place: AcceptPlace,
  checks: CheckList,
): Promise<SealedBundle> {
  let bundle: SealedBundle | undefined;
  let failure: unknown;
  try {
    const isOpen = typeof source === 'object' && 'manifest' in source;
    const held = place.current?.state.source;
    const checkedManifest = held?.kind === 'import' ? held.manifest_sha256 : undefined;
    bundle = isOpen ? source : await openBundle(source, { staging: place.staging, checkedManifest });
  } catch (error) {
    failure = error;
  }
  const isOfManifest =
    isStellaError(failure) && /^(?:MANIFEST|COSE)_/.test(failure.code) && failure.code !== 'MANIFEST_MISSING';
  await checks.run('container', () => {
    if (!bundle && !isOfManifest) throw failure;
    return { detail: 'a tar.zst archive that begins with a manifest', value: undefined };
  });
  return await checks.run('manifest', () => {
    if (!bundle) throw failure;
    const { manifest } = bundle;
    return {
      detail: `${manifest.format}, number ${manifest.sequence} of ${manifest.producer.name}, sealed at ${manifest.sealed_at}, ${manifest.entries.length} entries`,
      value: bundle,
    };
  });
}

async function acceptOpened(
  bundle: SealedBundle,
  digest: Promise<Sha256Hex | undefined> | undefined,
  place: AcceptPlace,
  rules: AcceptRules,
  checks: CheckList,
): Promise<Acceptance> {
  const { manifest, manifestSha256 } = bundle;
  const { current, staging } = place;
  const held = current?.state;
  const state = place.forOthers ? undefined : held;
  const sealedAt = parseInstant(manifest.sealed_at);
  // The metadata is unpacked first and alone: nobody has vouched for the rest yet.
  const trustDirectory = join(staging, 'trust');
  const tufDirectory = join(trustDirectory, repositoryDirectory(HOME));
  const contentDirectory = join(staging, 'content');

  await checks.failAs('digests', () =>
    bundle.extract(trustDirectory, { select: ({ path }) => isOfRepository(path) }),
  );
  const pin = await checks.run('pin', async () => {
    const home = await checkBundlePin(loadCarriedRoots(tufDirectory), tufDirectory, {
      current,
      forOthers: place.forOthers ?? false,
      vouchers: rules.vouchers,
      now: rules.now,
    });
    const further = pinRepositories(manifest, {
      current,
      directory: trustDirectory,
      now: rules.now,
    });
    const detail = [home.detail, ...further.map(describeRepository)].join('; ');
    return { detail, value: { ...home.value, further } };
  });

  // What was found good when it was imported is not judged by two again.
  const isHeld = state !== undefined && isSameBundle(state, manifestSha256);
  const { view, repositories, trust, second } = await checks.run('tuf', () =>
    withHintsOfImport(() => checkTuf(manifest, tufDirectory, pin, sealedAt, rules, { isHeld, state })),
  );

  const { signers, pinned } = await checks.run('signature', async () => {
    const found = await findBundleSigners(bundle, {
      trusted: [...bundleKeysOf(trust.targets, sealedAt), ...pinnedBundleKeys(held), ...place.ownKeys],
      given: rules.bundleKeys,
      threshold: rules.config.bundleKeyThreshold,
      askForKey: held ? undefined : rules.askForKey,
    });
    return { detail: `by ${found.signers.map((key) => formatFingerprint(key.id)).join(', ')}`, value: found };
  });

  await checks.run('clock', () => checkTimes(manifest, sealedAt, held, rules.now));
  const { freshness, window } = await checks.run('staleness', () => checkAge(manifest, sealedAt, rules));

  const alreadyHeld = await checks.run('rollback', () => {
    if (isHeld) return { detail: 'the store holds this very bundle', value: true };
    const ids = signers.map((key) => key.id);
    const recovers = state !== undefined && isRecovery(state.tuf.roles, manifest.tuf.roles, tufDirectory);
    if (state) checkNoRollback(state, { manifest, manifestSha256, signers: ids, recovers });
    const dropped = rules.dropRepositories ?? new Set();
    if (state) checkRepositoriesNotBack(current!, repositories, dropped);
    if (place.forOthers) return { detail: 'for other sites: what is held here does not count', value: false };
    // Beside a mirror's delta lies what it leaves out.
    if (!bundle.mirror) checkBase(manifest, ids, state);
    const recovered = recovers ? '; the root has rotated the keys of timestamp or snapshot' : '';
    return {
      detail: state ? `newer than what the store holds${recovered}` : 'the store is empty',
      value: false,
    };
  });
  const accepted = {
    manifest,
    manifestSha256,
    sealed: { manifest: bundle.manifestBytes, signature: formatCoseSign(bundle.signatures) },
    alreadyHeld,
    pin: pin.state,
    view,
    repositories,
    trust,
    secondOpinion: second,
    signers,
    pinnedKeys: pinned,
    freshness,
    window,
    tufDirectory,
    contentDirectory,
  };
  const fileSha256 = await checks.run('digests', async () => {
    const progress = rules.onProgress ? { onProgress: rules.onProgress } : {};
    if (!alreadyHeld) await bundle.extract(contentDirectory, progress);
    const sha256 = await digest;
    // A damaged copy of what is held already is still worth refusing: it may be carried further.
    if (alreadyHeld && (sha256 === undefined || sha256 !== heldFile(state))) await bundle.verifyAll(progress);
    return { detail: `all ${manifest.entries.length} entries are what the manifest says`, value: sha256 };
  });
  if (alreadyHeld) return { ...accepted, fileSha256, logs: [] };
  // Whoever holds the base can tell whether a delta continues it; here there is nothing to put it together with.
  if (place.forOthers && manifest.base) return { ...accepted, fileSha256, logs: [] };
  const logs = await checks.run('logs', () => {
    const { tlogPolicy } = rules.config;
    const policy = tlogPolicy === undefined ? undefined : loadWitnessPolicy(tlogPolicy);
    return checkCarriedLogs(
      manifest,
      {
        directory: contentDirectory,
        logsDirectory: place.logsDirectory,
        keys: logPublicKeysOf(trust),
        named: logsOfTrust(trust, sealedAt),
        policy,
        mirror: bundle.mirror,
      },
      state,
    );
  });
  await checks.run('attestations', async () => {
    const [carried, held] = [join(contentDirectory, 'attestations'), place.attestationsDirectory];
    if (manifest.base && bundle.mirror) await addMirroredAttestations(manifest, bundle.mirror, carried, held);
    return checkCarriedAttestations(manifest, [carried, held]);
  });
  return { ...accepted, fileSha256, logs };
}

/** The digest of the file that was imported last, if it was one. */
function heldFile(state: StoreState | undefined): string | undefined {
  return state?.source.kind === 'import' ? state.source.file_sha256 : undefined;
}

/** Behind the gap the sealed time is the reference for expiry: nothing there could have been refreshed since. */
async function checkTuf(
  manifest: Manifest,
  directory: string,
  {
    root: trustedRoot,
    further,
  }: { readonly root: Uint8Array; readonly further: readonly PinnedRepository[] },
  sealedAt: Instant,
  rules: AcceptRules,
  { isHeld, state }: { readonly isHeld: boolean; readonly state: StoreState | undefined },
): Promise<BundleFinding<CheckedTuf>> {
  const view = await loadTuf({
    url: manifest.tuf.url,
    directory,
    trustedRoot,
    asOf: sealedAt,
    trustRoles: new Set(rules.config.trustRoles),
  });
  checkTrustRoles(manifest.trust_roles ?? [], rules.config.trustRoles);
  checkCarriedRoles(view, manifest.tuf.roles, 'the bundle');
  // What the carried logs sign as is shown by their checkpoints, which are checked below; what is held says it first.
  const origins = new Map([...carriedOrigins(manifest.logs), ...carriedOrigins(state?.logs ?? [])]);
  const second = isHeld ? undefined : await secondOpinion(judgedView(view));
  const repositories = await checkRepositories(further, sealedAt, isHeld);
  const trust = await deriveTrust([{ name: HOME, view }, ...repositories], rules.config, origins);
  const versions = view.roles.map((role) => `${role.name} ${role.version}`).join(', ');
  const others = repositories.map(
    ({ name, asOf, expired }) =>
      `; ${name} ${expired === undefined ? `as of ${formatInstant(asOf)}` : `EXPIRED (${expired})`}`,
  );
  return {
    detail: `${versions}; valid as of ${manifest.sealed_at}${others.join('')}`,
    value: { view, repositories, trust, second },
  };
}

interface CheckedTuf {
  readonly view: TufView;
  readonly repositories: readonly CarriedRepository[];
  readonly trust: DerivedTrust;
  readonly second: SecondOpinion | undefined;
}

/** A clock that is wrong says nothing about how old a bundle is. */
function checkTimes(
  { sealed_at }: Manifest,
  sealedAt: Instant,
  state: StoreState | undefined,
  now: Instant,
): BundleFinding<undefined> {
  if (state) checkClock(now, parseInstant(state.clock_floor), state.source.kind);
  if (sealedAt > now + CLOCK_TOLERANCE) {
    throw new StellaError(
      'SEALED_IN_FUTURE',
      `the bundle was sealed at ${sealed_at}, ${formatDuration(durationBetween(now, sealedAt))} ahead of this machine's clock`,
    );
  }
  const before = state ? ', and behind nothing that the store has seen' : '';
  return { detail: `this machine's clock is not behind the sealed time${before}`, value: undefined };
}

function checkAge(
  manifest: Manifest,
  sealedAt: Instant,
  rules: AcceptRules,
): BundleFinding<{ freshness: Freshness; window: FreshnessWindow }> {
  const advice = adviceOf(manifest);
  const window = configuredWindow(rules.config, advice, rules);
  const judged = judgeFreshness(sealedAt, rules.now, window);
  checkFreshness(judged, 'the bundle', 'BUNDLE_STALE');
  const freshness = judgeFreshness(sealedAt, rules.now, configuredWindow(rules.config, advice));
  return { detail: formatAdmission(freshness, window), value: { freshness, window } };
}
