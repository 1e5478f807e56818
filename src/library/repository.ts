import { type Duration, days, type Instant } from '../base/clock.ts';
import type { PublicKey, Signer } from '../base/keys.ts';
import {
  type CeremonyResult,
  publishStaged as publish,
  type RoleProgress,
  type StagedView,
  signStaged,
  singleKeyRing,
} from '../repository/ceremony.ts';
import { delegate } from '../repository/edit/delegations.ts';
import { editKeys } from '../repository/edit/keys.ts';
import { renewRole } from '../repository/edit/renew.ts';
import { addTarget, type NewTarget, removeTarget, retireTarget } from '../repository/edit/targets.ts';
import { initRepository as init, type NewRepository } from '../repository/init.ts';
import type { KeySource, NamedKey } from '../repository/keys/new-key.ts';
import { updateTimestamp as renewTimestamp, type TimestampUpdate } from '../repository/publish/timestamp.ts';
import { addKey, provideKeys, removeKey, rotateKey } from '../repository/role-keys.ts';
import {
  type Editing,
  type EditResult,
  editRepository as edit,
  ringOf,
  type SessionOptions,
  withRepository,
} from '../repository/session.ts';
import { type RepositoryStatus, repositoryStatus as status } from '../repository/status.ts';
import { type EndpointSwap, swapEndpoint } from '../repository/swap-endpoint.ts';
import { type VerifiedRepository, verifyRepository as verify } from '../repository/verify.ts';
import type { TopRole } from '../tuf/roles.ts';
import { checkGiven, checkPath } from './given.ts';

/** A key of a role: its name in repo.yaml, and its public half. */
export interface RoleKey {
  /** `keys/NAME.pem` and `keys/NAME.pub` where the key was made here. */
  readonly name: string;
  /** The public half, which is published. */
  readonly publicKey: PublicKey;
}

/** A delegation to make. */
export interface Delegation {
  /** The delegated role, or what the names of all hash bins begin with. */
  readonly name: string;
  /** The role that delegates; `targets` unless told otherwise. */
  readonly from?: string;
  /** The role's keys: made here, or kept elsewhere. */
  readonly keys: readonly KeySource[];
  /** How many of them must sign; 1 unless told otherwise. */
  readonly threshold?: number;
  /** Patterns of target names, or a number of hash bins (a power of two) for all targets. */
  readonly to:
    | { readonly paths: readonly string[]; readonly terminating: boolean }
    | { readonly hashBins: number };
}

/** Which key of a role to replace. */
export interface RotateKeyOptions {
  /** Name or id of the old key; not needed when the role has one key only. */
  readonly which?: string;
}

/** How many keys of a role must sign after the change. */
export interface ThresholdOptions {
  /** As before unless told otherwise. */
  readonly threshold?: number;
}

/** The changes that one edit of a repository can make. Nothing is published before the edit has returned. */
export interface RepositoryEdit {
  /**
   * Adds or replaces a target. A target that is replaced keeps what the new one does not say about it.
   * @throws StellaError TARGET_NAME, TARGET_EXISTS, TARGET_INVALID, USAGE
   */
  addTarget(target: NewTarget): void;
  /** @throws StellaError TARGET_UNKNOWN */
  removeTarget(name: string): void;
  /**
   * Says that a target is not to be used for anything signed after `validUntil`.
   * @throws StellaError TARGET_UNKNOWN, USAGE
   */
  retireTarget(name: string, validUntil: Instant): void;
  /**
   * Puts a new key in the place of one that a role has.
   * @throws StellaError USAGE
   */
  rotateKey(role: string, source: KeySource, options?: RotateKeyOptions): RoleKey;
  /**
   * Gives a role another key.
   * @throws StellaError USAGE
   */
  addKey(role: string, source: KeySource, options?: ThresholdOptions): RoleKey;
  /**
   * Takes a key from a role.
   * @param which its name or id
   * @throws StellaError USAGE
   */
  removeKey(role: string, which: string, options?: ThresholdOptions): void;
  /** Says how many keys of a role must sign. @throws StellaError USAGE */
  setThreshold(role: string, threshold: number): void;
  /**
   * Delegates paths to a new role, or all targets to hash bins (TAP 15).
   * @throws StellaError USAGE
   */
  delegate(delegation: Delegation): RoleKey[];
  /**
   * Changes one address in the published service map.
   * @throws StellaError SERVICE_MAP_NOT_FOUND, SERVICE_MAP_INVALID, USAGE
   */
  swapEndpoint(swap: EndpointSwap): void;
  /** Issues a role again as it is, with a new expiry. @throws StellaError USAGE */
  renewRole(role: string): void;
}

/**
 * Edits a repository with its lock held, then signs and publishes what changed, or leaves it staged for signatures.
 * @param path the repository's directory
 * @throws StellaError LOCKED, REPO_*, KEY_*, SIGNER_FAILED, WRITE_FAILED, and what the edits throw
 */
export async function editRepository<T>(
  path: string,
  options: SessionOptions,
  change: (changes: RepositoryEdit) => T | Promise<T>,
): Promise<EditResult<T>> {
  checkSession('editRepository', path, options);
  checkGiven('editRepository', { change }, { change: 'function' });
  return edit(path, options, (editing) => change(changesOf(editing, options.now)));
}

/**
 * Makes a repository: keys/, repo.yaml, and the first version of everything, published or staged.
 * @returns the names of each role's keys
 * @throws StellaError REPO_EXISTS, WRITE_FAILED, TARGET_*, USAGE
 */
export async function initRepository(
  path: string,
  wanted: NewRepository,
  options: SessionOptions,
): Promise<EditResult<Record<TopRole, string[]>>> {
  checkSession('initRepository', path, options);
  checkGiven('initRepository', wanted, {
    keyType: 'text',
    keys: 'object',
    expires: 'object',
    targets: 'object',
  });
  return init(path, wanted, options);
}

function checkSession(called: string, path: string, session: unknown): void {
  checkPath(called, 'path', path);
  checkGiven(called, session, { now: 'instant', passphrase: 'function' });
}

function changesOf(editing: Editing, now: Instant): RepositoryEdit {
  const { draft } = editing;
  return {
    addTarget: (target) => void addTarget(draft, target),
    removeTarget: (name) => removeTarget(draft, name),
    retireTarget: (name, validUntil) => void retireTarget(draft, name, validUntil, now),
    rotateKey: (role, source, { which } = {}) => roleKey(rotateKey(editing, role, which, source).added),
    addKey: (role, source, { threshold } = {}) => roleKey(addKey(editing, role, source, threshold)),
    removeKey: (role, which, { threshold } = {}) => void removeKey(editing, role, which, threshold),
    setThreshold: (role, threshold) => editKeys(draft, role, { threshold }),
    delegate({ name, from = 'targets', keys: sources, threshold = 1, to }) {
      const keys = provideKeys(editing, name, sources);
      delegate(draft, { name, from, threshold, to, keys: keys.map(({ publicKey }) => publicKey) });
      return keys.map(roleKey);
    },
    swapEndpoint: (swap) => void swapEndpoint(editing, swap),
    renewRole: (role) => renewRole(draft, role),
  };
}

const roleKey = ({ name, publicKey }: NamedKey): RoleKey => ({ name, publicKey });

/** What a signature on a staged change came to. */
export interface SignedStage {
  /** The staged roles that the key has signed. */
  readonly signed: readonly string[];
  /** Whose signatures the change has now. */
  readonly progress: readonly RoleProgress[];
}

/** How to sign a staged change. */
export interface StageSigning {
  /** The present. */
  readonly now: Instant;
  /** The key to sign with. */
  readonly signer: Signer;
  /** Is asked first, with what the change does computed from the metadata itself. */
  readonly confirm: (view: StagedView) => Promise<boolean>;
  /** Root metadata that the signer knows to be good; without it the one in the repository beside the change counts. */
  readonly trustedRoot?: Uint8Array;
}

/**
 * Adds the signatures of one key to a staged change, wherever a copy of it was carried.
 * @param directory `staged/` of the repository, or a copy of it
 * @throws StellaError REPO_STAGE, KEY_INVALID when the key is none of the staged roles', INTERRUPTED when `confirm`
 * says no
 */
export async function signStagedChange(directory: string, how: StageSigning): Promise<SignedStage> {
  checkPath('signStagedChange', 'directory', directory);
  checkGiven('signStagedChange', how, { now: 'instant', signer: 'object', confirm: 'function' });
  const ring = singleKeyRing(how.signer);
  const { signed, view } = await signStaged(directory, ring, how.now, how.confirm, how.trustedRoot);
  return { signed: signed.map(({ role }) => role), progress: view.progress };
}

/** How to renew a timestamp. */
export interface TimestampRenewal extends Pick<SessionOptions, 'now' | 'passphrase' | 'onMessage'> {
  /** Renew it even if the present one is new. */
  readonly force?: boolean;
  /** How long before its expiry another role is reported; 7 days unless told otherwise. */
  readonly warn?: Duration;
}

const DEFAULT_WARN = days(7);

/**
 * The daily run: signs a new timestamp for the present snapshot, which needs the timestamp key only.
 * @param path the repository's directory
 * @throws StellaError REPO_NOT_FOUND before the first publication, REPO_THRESHOLD, LOCKED, WRITE_FAILED
 */
export async function updateTimestamp(path: string, how: TimestampRenewal): Promise<TimestampUpdate> {
  checkSession('updateTimestamp', path, how);
  checkGiven('updateTimestamp', how, { 'warn?': 'duration' });
  return withRepository(path, how.now, (directory) =>
    renewTimestamp(directory, ringOf(directory, how), how.now, {
      force: how.force ?? false,
      warn: how.warn ?? DEFAULT_WARN,
    }),
  );
}

/** Which copies to join, and how to sign and publish. */
export interface PublishStagedOptions extends SessionOptions {
  /** Directories with copies of the staged change that were signed elsewhere. */
  readonly copies?: readonly string[];
}

/**
 * Joins the signatures of all copies of the staged change, adds those of the keys that are here, and publishes it.
 * @param path the repository's directory
 * @throws StellaError REPO_STAGE, REPO_THRESHOLD naming the keys that may still sign, LOCKED, WRITE_FAILED
 */
export async function publishStaged(path: string, options: PublishStagedOptions): Promise<CeremonyResult> {
  checkSession('publishStaged', path, options);
  const { copies = [], ...session } = options;
  return publish(path, copies, { ...session, oldKeys: session.oldKeys ?? 'sign' });
}

/** What a published repository is judged by. */
export interface VerifyRepositoryOptions {
  /** The present. */
  readonly now: Instant;
  /** Root metadata to begin with; without it, the first root that is there. */
  readonly trustedRoot?: Uint8Array;
}

/**
 * Checks a published repository completely, as clients would: every root, every role, every target file.
 * @param directory what is served
 * @throws StellaError FILE_NOT_FOUND, TUF_INVALID, TUF_SIGNATURE, TUF_MISMATCH, TUF_ROLLBACK, TUF_EXPIRED
 */
export function verifyRepository(directory: string, options: VerifyRepositoryOptions): VerifiedRepository {
  checkPath('verifyRepository', 'directory', directory);
  checkGiven('verifyRepository', options, { now: 'instant', 'trustedRoot?': 'object' });
  return verify(directory, options.now, options.trustedRoot);
}

/**
 * What is published, who can sign it, and what is on its way. Changes nothing.
 * @param path the repository's directory
 * @throws StellaError REPO_NOT_FOUND, REPO_INVALID, CONFIG_INVALID, TUF_*
 */
export function repositoryStatus(path: string, options: { readonly now: Instant }): RepositoryStatus {
  checkPath('repositoryStatus', 'path', path);
  checkGiven('repositoryStatus', options, { now: 'instant' });
  return status(path, options.now);
}
