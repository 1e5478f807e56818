/**
 * library/: what programs import, through src/index.ts: the same functions that the commands call, with options in one
 * object and nothing internal in their types. It adds no rule and takes none away: a program gets the verdicts and
 * refusals of the command line. It never reads the clock or the environment, never prints, and importing it changes no
 * other module.
 * Start here for a trust store, then sync.ts, verifier.ts, bundle.ts and repository.ts.
 */

import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { storeTrustInputs } from '../attest/authority/store-trust.ts';
import { requireInputs } from '../attest/document/find.ts';
import type { Sha256Hex } from '../base/bytes.ts';
import type { Duration, Instant } from '../base/clock.ts';
import type { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { Sealed } from '../bundle/seal.ts';
import type { AcceptRules } from '../consumer/accept.ts';
import type { BundleCheck } from '../consumer/check-list.ts';
import { type Checked, checkBundle, importBundle } from '../consumer/import.ts';
import { exportSnapshot } from '../producer/export.ts';
import { parseFingerprint } from '../trust/pin.ts';
import { configuredFetcher, loadTrustSetting } from '../trust/setting.ts';
import { checkGiven } from './given.ts';
import { PLACE, type TrustPlace } from './place.ts';
import { makeVerifier, type Verifier } from './verifier.ts';

/** What is asked of a bundle, and who vouches for it. */
export interface BundleRules {
  /** The present. */
  readonly now: Instant;
  /** Root metadata that you vouch for, for an empty trust store. */
  readonly root?: Uint8Array;
  /** `sha256:` and the hexadecimal SHA-256 of root metadata that you vouch for, for an empty trust store. */
  readonly rootFingerprint?: string;
  /** Believe the root that the bundle brings, for an empty trust store. The store remembers that it did. */
  readonly trustOnFirstUse?: boolean;
  /** Keys whose bundles are accepted beside those that TUF names. They are remembered. */
  readonly bundleKeys?: readonly PublicKey[];
  /** Refuse a bundle that was sealed longer ago; without it the configuration decides. */
  readonly rejectIfStale?: Duration;
  /** An exception for this once: accept up to this age, also past the producer's advice. */
  readonly maxAge?: Duration;
  /** Further repositories that the store holds and that the bundle may, and must, leave out. */
  readonly dropRepositories?: readonly string[];
  /** Told of every check as it is done. */
  readonly onCheck?: (check: BundleCheck) => void;
  /** Told how many bytes of content have been checked, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What is asked of a bundle that is to be imported, and who vouches for it. */
export interface ImportOptions extends BundleRules {
  /** How to call the bundle in the audit log; its path, or `stream`, unless told otherwise. */
  readonly name?: string;
}

/** How to verify with a trust store. */
export interface VerifierOptions {
  /** The present: how fresh the store is, is judged by it and is part of every verdict. */
  readonly now: Instant;
  /** An exception for this once: accept a trust store up to this old. */
  readonly maxAge?: Duration;
}

/** A bundle that passed every check. */
export interface CheckedBundle {
  /** What the bundle holds. */
  readonly manifest: Manifest;
  /** SHA-256 of manifest.json, hexadecimal. */
  readonly manifestSha256: Sha256Hex;
  /** The trusted keys that have signed it. */
  readonly signers: readonly PublicKey[];
  /** `stale` is still accepted, and a reason to ask for a newer one. */
  readonly freshness: 'fresh' | 'stale';
  /** The last instant at which it would be accepted. */
  readonly acceptedUntil: Instant;
  /** The trust store holds this very bundle already. */
  readonly alreadyHeld: boolean;
  /** Every check in its order, with what it found. */
  readonly checks: readonly BundleCheck[];
}

/** A bundle that is the current trust now. */
export interface ImportedBundle extends CheckedBundle {
  /** Number of the generation that is current now. */
  readonly generation: number;
}

/** What to seal beside the trust itself. */
export interface SealTrustOptions {
  /** The present. */
  readonly now: Instant;
  /** The bundle to make, `NAME.tar.zst`. */
  readonly out: string;
  /** Whether a regular file of that name is replaced, in one step; otherwise FILE_EXISTS is thrown. */
  readonly replace?: boolean;
  /** The newest so many entries of each log are provable from the bundle; 10,000 unless told otherwise. */
  readonly depth?: number;
  /** Carry the entries themselves too. */
  readonly entries?: boolean;
  /** Attestations to carry along: files, directories, patterns. */
  readonly attestations?: readonly string[];
  /** A bundle, or a site's receipt of one, that the other side holds: what it carried is left out. */
  readonly since?: string;
  /** Told how much is done of each part of the work. */
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** What was sealed. */
export interface SealedTrust extends Sealed {
  /** The key that signed. Publish it as a target, or let the other side pin it, unless TUF names it already. */
  readonly signer: PublicKey;
  /** Whether TUF names the signer. */
  readonly signerIsDistributed: boolean;
  /** The attestations carried along; those with an error will not verify on the other side. */
  readonly attestations: readonly { readonly name: string; readonly error?: StellaError }[];
}

/** A trust store under its configuration: what the commands `stella trust` and `stella attest` work with. */
export interface Trust {
  /** Directory of the trust store. */
  readonly store: string;

  /**
   * Seals what verification behind the gap will need: the repository as published, the newest part of each log, and
   * attestations. The store must have been made and synced, see `initTrust` and `syncTrust`.
   * @throws StellaError STORE_*, TUF_EXPIRED, LOG_*, CHECKPOINT_*, FETCH_*, OFFLINE, KEY_*, FILE_*, WRITE_FAILED,
   * LOCKED
   */
  seal(options: SealTrustOptions): Promise<SealedTrust>;

  /**
   * Checks a bundle as {@link Trust.import} would, and changes nothing.
   * @param bundle a path, or a stream of the file's bytes
   * @throws StellaError as the failing check says; its details name the check
   */
  check(bundle: string | Readable, rules: BundleRules): Promise<CheckedBundle>;

  /**
   * Imports a bundle: every check, then one commit. Whatever fails, the store stays what it was.
   * @param bundle a path, or a stream of the file's bytes
   * @throws StellaError as the failing check says; LOCKED, STORE_UNWRITABLE
   */
  import(bundle: string | Readable, options: ImportOptions): Promise<ImportedBundle>;

  /**
   * A verifier that believes the store's current generation, which is verified again from its pinned root first. It keeps
   * to that generation: make a new one to see a later import.
   * @throws StellaError STORE_*, CLOCK_BEHIND, TUF_*, TARGET_*, SERVICE_MAP_*
   */
  verifier(options: VerifierOptions): Promise<Verifier>;
}

const DEFAULT_DEPTH = 10_000;
const RULES = {
  now: 'instant',
  'maxAge?': 'duration',
  'rejectIfStale?': 'duration',
  'rootFingerprint?': 'text',
} as const;

/**
 * Loads the configuration and finds the trust store, which need not exist yet.
 * @throws StellaError CONFIG_*, FILE_*, STORE_CORRUPT, STORE_TOO_NEW; USAGE where `env` or `cwd` is missing
 */
export function openTrust(place: TrustPlace): Trust {
  checkGiven('openTrust', place, PLACE);
  const { env, cwd } = place;
  // What the store remembers counts, so that the configuration is read again for each piece of work.
  const load = () =>
    loadTrustSetting(
      { file: place.config, env, cwd },
      { local_cache_path: place.store, offline_mode: place.offline },
    );
  const sourceOf = (called: string, bundle: string | Readable) => {
    checkGiven(called, { bundle }, { bundle: typeof bundle === 'object' ? 'object' : 'text' });
    return typeof bundle === 'string' ? resolve(cwd, bundle) : bundle;
  };
  return {
    store: load().store.directory,

    async seal(options) {
      checkGiven('seal', options, { now: 'instant', out: 'text', 'depth?': 'count', 'since?': 'text' });
      const { store, config } = load();
      const { sealed, signingKey, signerIsDistributed, attestations } = await exportSnapshot(store, {
        now: options.now,
        config,
        fetcher: await configuredFetcher(config, env),
        out: resolve(cwd, options.out),
        replace: options.replace ?? false,
        producer: { name: 'stella', version: packageJson.version },
        sealedAt: undefined,
        anySealedTime: false,
        depth: BigInt(options.depth ?? DEFAULT_DEPTH),
        entries: options.entries ?? false,
        attestations: requireInputs(options.attestations ?? [], cwd),
        since: options.since === undefined ? undefined : resolve(cwd, options.since),
        partSize: undefined,
        ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      });
      return {
        ...sealed,
        signer: signingKey.key.publicKey,
        signerIsDistributed,
        attestations: attestations.map(({ name, error }) => ({ name, ...(error ? { error } : {}) })),
      };
    },

    async check(bundle, rules) {
      checkGiven('check', rules, RULES);
      const { store, config } = load();
      const accept = { config, ...acceptRules(rules) };
      return describe(await checkBundle(store, sourceOf('check', bundle), accept, rules.onCheck));
    },

    async import(bundle, options) {
      checkGiven('import', options, { ...RULES, 'name?': 'text' });
      const { name, ...rules } = options;
      const { store, config } = load();
      const accept = { config, ...acceptRules(rules) };
      const called = name ?? (typeof bundle === 'string' ? bundle : 'stream');
      const imported = await importBundle(store, sourceOf('import', bundle), called, accept, rules.onCheck);
      return { ...describe(imported), generation: imported.generation.number };
    },

    async verifier(options) {
      checkGiven('verifier', options, { now: 'instant', 'maxAge?': 'duration' });
      const { now, maxAge } = options;
      const { store, config } = load();
      const { requireIdentity } = config;
      return makeVerifier(await storeTrustInputs({ store, config, now, maxAge }), { now, requireIdentity });
    },
  };
}

function acceptRules(rules: BundleRules): Omit<AcceptRules, 'config'> {
  const { now, root, rootFingerprint, trustOnFirstUse, onProgress } = rules;
  return {
    now,
    bundleKeys: rules.bundleKeys ?? [],
    ...(rules.dropRepositories ? { dropRepositories: new Set(rules.dropRepositories) } : {}),
    rejectAfter: rules.rejectIfStale,
    maxAge: rules.maxAge,
    vouchers: {
      root,
      fingerprint: rootFingerprint === undefined ? undefined : parseFingerprint(rootFingerprint),
      firstUse: trustOnFirstUse,
    },
    ...(onProgress ? { onProgress } : {}),
  };
}

function describe({ acceptance, checks }: Checked): CheckedBundle {
  const { manifest, manifestSha256, signers, freshness, alreadyHeld } = acceptance;
  return {
    manifest,
    manifestSha256,
    signers,
    // What is blocked was refused.
    freshness: freshness.state === 'stale' ? 'stale' : 'fresh',
    acceptedUntil: freshness.acceptedUntil,
    alreadyHeld,
    checks,
  };
}
