/**
 * store/: the local trust store: immutable numbered generations, what they share, the audit log, the record of syncs.
 * A change is staged, verified and synced, and becomes current by one rename with the lock held; whatever interrupts
 * it leaves the old generation (`commit` below). It never fetches, and what it reads of a generation is believed only
 * after it was verified again.
 * Start here, then generation.ts for how one is verified again, audit.ts for the chain of what happened.
 */

import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { type Instant, parseInstant } from '../base/clock.ts';
import { CODES } from '../base/codes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { whyModeIsFixed } from '../base/file-system/modes.ts';
import {
  checkMedium,
  makeDirectory,
  readOwnIfPresent,
  removeLeftovers,
  replaceFile,
  STAGING_PREFIX,
  syncDirectory,
  syncTree,
  withStagingAsync,
  writeError,
  writeNewFile,
} from '../base/files.ts';
import { ifInterrupted } from '../base/interrupt.ts';
import { withLock } from '../base/lock.ts';
import { whoElseCanWrite } from '../base/safety/ownership.ts';
import type { StoreState } from '../base/schema-types.ts';
import { adoptTree } from './adopt.ts';
import { type CarriedAttestation, formatAttestationList } from './attestation-list.ts';
import { type AuditEvent, appendAudit, nextAuditMark, recoverAudit } from './audit.ts';
import { checkClock } from './clock-floor.ts';
import {
  formatOfState,
  type HeldRepository,
  HOME,
  repositoriesOf,
  repositoryDirectory,
} from './repositories.ts';
import { parseState } from './state.ts';

export type { StoreState } from '../base/schema-types.ts';

const TRUSTED_ROOT = 'trusted_root.json';
const TRUSTED_ROOTS = 'trusted_root.jsonl';
const KEPT_GENERATIONS = 5;
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/** One immutable, numbered version of the trust store. Nothing in it is believed before it is verified again. */
export interface Generation {
  readonly number: number;
  readonly directory: string;
  /** The home repository first, then the others by name. */
  readonly repositories: readonly HeldRepository[];
  /** The home repository as published. */
  readonly tufDirectory: string;
  /** Sigstore TrustedRoot JSON of the home repository, derived for other verifiers. */
  readonly trustedRootFile: string;
  /** The trusted roots of all instances, one a line, the home repository's first. */
  readonly trustedRootsFile: string;
  /** manifest.json and manifest.cose of the bundle that was imported; absent where the generation comes from none. */
  readonly manifestFile: string;
  readonly signatureFile: string;
  /** The names of the attestations that came with it; see `readAttestationList`. */
  readonly attestationsFile: string;
  readonly state: StoreState;
}

/** Sigstore TrustedRoot JSON for other verifiers. */
export interface TrustedRootFiles {
  /** Of the home repository. */
  readonly home: Uint8Array;
  /** Of all instances, one a line. */
  readonly all: Uint8Array;
}

/** What becomes the next generation. The directories lie inside the staging directory and are moved, not copied. */
export interface NextGeneration {
  readonly state: Omit<StoreState, 'format'>;
  /** The directory of each repository of the state, by name. */
  readonly repositories: ReadonlyMap<string, string>;
  readonly trustedRoots: TrustedRootFiles;
  /** Of the bundle that it comes from, for mirrors. */
  readonly sealed?: { readonly manifest: Uint8Array; readonly signature: Uint8Array };
  /** New files for `logs/`, laid out as there: `<sha256 of origin>/tile/…`. */
  readonly logsDirectory?: string;
  /** What the generation carries, by name. */
  readonly attestations: readonly CarriedAttestation[];
  /** New files for `attestations/`. */
  readonly attestationsDirectory?: string;
}

/** A trust store that this process may change: its lock is held. */
export interface StoreWriter {
  readonly current: Generation | undefined;
  /** A directory on the same file system, removed when the work ends. */
  readonly staging: string;
  /** Makes the staged work durable and makes it the current generation, in one rename. */
  commit(next: NextGeneration): Generation;
  audit(event: AuditEvent, facts: Readonly<Record<string, unknown>>): void;
}

/** The local trust store (`local_cache_path`). Reading needs no lock and writes nothing. */
export class TrustStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get logsDirectory(): string {
    return join(this.directory, 'logs');
  }

  get attestationsDirectory(): string {
    return join(this.directory, 'attestations');
  }

  /**
   * The current generation, or `undefined` where there is no store yet.
   * @throws StellaError STORE_CORRUPT, STORE_TOO_NEW, FILE_UNREADABLE
   */
  current(): Generation | undefined {
    for (let attempt = 0; ; attempt += 1) {
      const number = this.#currentNumber();
      if (number === undefined) return undefined;
      try {
        return this.generation(number);
      } catch (error) {
        // An import may have moved on and removed it since CURRENT was read; a second look finds the new one.
        if (attempt >= 3 || this.#currentNumber() === number) throw error;
      }
    }
  }

  /**
   * The current generation.
   * @param now given by what trusts it, not by what only shows it
   * @throws StellaError STORE_NOT_INITIALIZED, and as {@link current}; with `now` CLOCK_BEHIND and STORE_UNSAFE
   */
  require(now?: Instant): Generation {
    const current = this.current();
    if (!current)
      throw new StellaError('STORE_NOT_INITIALIZED', `there is no trust store in ${this.directory}`);
    if (now !== undefined) {
      this.#checkSafe();
      checkClock(now, parseInstant(current.state.clock_floor), current.state.source.kind);
    }
    return current;
  }

  /**
   * Who besides its users can write into the store, in words: what is trusted by it is refused then.
   */
  writableBy(): string | undefined {
    return whoElseCanWrite(this.directory) ?? whoElseCanWrite(join(this.directory, 'generations'));
  }

  /** @throws StellaError STORE_UNSAFE */
  #checkSafe(): void {
    const who = this.writableBy();
    if (who !== undefined)
      throw new StellaError('STORE_UNSAFE', `the trust store is not to be trusted: ${who}`, {
        hint: [
          whyModeIsFixed(this.directory) === 'file-system'
            ? 'mount the file system so that no one else can write to it, e.g. with `umask=022`, or set local_cache_path to one with permissions'
            : `run \`chmod -R go-w ${this.directory}\``,
          'if it may have been changed, move it away and make it again: `stella trust init --tuf-url URL`, or `stella trust import FILE`',
        ],
      });
  }

  /** @throws StellaError STORE_CORRUPT, STORE_TOO_NEW */
  generation(number: number): Generation {
    const directory = join(this.directory, 'generations', String(number));
    const path = join(directory, 'state.json');
    const bytes = readOwnIfPresent(path, MAX_STATE_BYTES);
    if (!bytes)
      throw new StellaError('STORE_CORRUPT', `generation ${number} of the trust store has no state.json`);
    const state = parseState(bytes, path);
    return {
      number,
      directory,
      repositories: repositoriesOf(state, directory),
      tufDirectory: join(directory, repositoryDirectory(HOME)),
      trustedRootFile: join(directory, 'sigstore', TRUSTED_ROOT),
      trustedRootsFile: join(directory, 'sigstore', TRUSTED_ROOTS),
      manifestFile: join(directory, 'manifest.json'),
      signatureFile: join(directory, 'manifest.cose'),
      attestationsFile: join(directory, 'attestations.json'),
      state,
    };
  }

  /** Numbers of the generations that are kept, ascending. */
  generations(): number[] {
    const directory = join(this.directory, 'generations');
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .filter((name) => /^[1-9]\d{0,14}$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * Runs `work` with the store's lock held and a staging directory in it. Whatever `work` throws, the current
   * generation stays what it was.
   * @throws StellaError LOCKED, STORE_UNSAFE, STORE_UNWRITABLE, and whatever `work` throws
   */
  async change<T>(now: Instant, work: (writer: StoreWriter) => Promise<T>): Promise<T> {
    const made = this.#makeDirectory();
    this.#checkSafe();
    const ended = ifInterrupted(() => this.#removeIfUnused(made));
    try {
      return await withLock(this.directory, async () => {
        removeLeftovers(this.directory);
        recoverAudit(this.directory, now, this.#readableNumber());
        const readCurrent = () => this.current();
        let current: { readonly generation: Generation | undefined } | undefined;
        return await withStagingAsync(this.directory, STAGING_PREFIX, async (staging) =>
          work({
            // Read when it is asked for, so that a damaged store can be started anew.
            get current() {
              current ??= { generation: readCurrent() };
              return current.generation;
            },
            staging,
            commit: (next) => this.#commit(staging, next),
            audit: (event, facts) => appendAudit(this.directory, now, event, facts),
          }),
        );
      });
    } catch (error) {
      throw this.#isOwnWriteError(error)
        ? new StellaError('STORE_UNWRITABLE', `the trust store cannot be written: ${error.message}`, {
            cause: error,
            ...knownHint(error),
          })
        : error;
    } finally {
      ended();
      this.#removeIfUnused(made);
    }
  }

  /** A write that failed in here, not in some output of the work. */
  #isOwnWriteError(error: unknown): error is StellaError {
    return isStellaError(error, 'WRITE_FAILED') && isInside(this.directory, error.file);
  }

  /** A damaged store can still be started anew, so what is wrong with it is left for others to say. */
  #readableNumber(): number | undefined {
    try {
      return this.#currentNumber();
    } catch {
      return undefined;
    }
  }

  #currentNumber(): number | undefined {
    const text = readOwnIfPresent(join(this.directory, 'CURRENT'), 64)?.toString('latin1');
    if (text === undefined) return undefined;
    if (!/^[1-9]\d{0,14}\n$/.test(text))
      throw new StellaError(
        'STORE_CORRUPT',
        `${join(this.directory, 'CURRENT')} does not hold a generation number`,
      );
    return Number(text);
  }

  /** A damaged store remembers nothing. */
  #auditMark(): StoreState['audit'] {
    try {
      return this.current()?.state.audit;
    } catch {
      return undefined;
    }
  }

  /** A damaged CURRENT must not keep a store from being made anew. */
  #lastNumber(): number {
    try {
      return this.#currentNumber() ?? 0;
    } catch (error) {
      if (isStellaError(error, 'STORE_CORRUPT')) return 0;
      throw error;
    }
  }

  #commit(staging: string, next: NextGeneration): Generation {
    const number = Math.max(this.#lastNumber(), ...this.generations()) + 1;
    const generations = join(this.directory, 'generations');
    const directory = join(generations, String(number));
    const staged = join(staging, 'generation');
    try {
      mkdirSync(staged);
      for (const [name, from] of next.repositories) renameSync(from, join(staged, repositoryDirectory(name)));
      writeNewFile(join(staged, 'sigstore', TRUSTED_ROOT), next.trustedRoots.home, { sync: false });
      writeNewFile(join(staged, 'sigstore', TRUSTED_ROOTS), next.trustedRoots.all, { sync: false });
      const audit = nextAuditMark(this.directory, this.#auditMark());
      const state: StoreState = { ...next.state, format: formatOfState(next.state), audit };
      writeNewFile(join(staged, 'state.json'), Buffer.from(`${formatCanonicalJson(state)}\n`), {
        sync: false,
      });
      writeNewFile(join(staged, 'attestations.json'), formatAttestationList(next.attestations), {
        sync: false,
      });
      if (next.sealed) {
        writeNewFile(join(staged, 'manifest.json'), next.sealed.manifest, { sync: false });
        writeNewFile(join(staged, 'manifest.cose'), next.sealed.signature, { sync: false });
      }
      // Content first, names after: what is named anywhere in the store is whole.
      syncTree(staged);
      if (next.logsDirectory) adoptTree(next.logsDirectory, this.logsDirectory);
      if (next.attestationsDirectory) adoptTree(next.attestationsDirectory, this.attestationsDirectory);
      makeDirectory(generations);
      renameSync(staged, directory);
      syncDirectory(generations);
      replaceFile(join(this.directory, 'CURRENT'), Buffer.from(`${number}\n`));
    } catch (cause) {
      throw writeError(this.directory, cause, 'STORE_UNWRITABLE');
    }
    this.#prune(number);
    return this.generation(number);
  }

  /** The new generation is durable by now; older ones only serve for looking back. */
  #prune(current: number): void {
    for (const number of this.generations()
      .filter((n) => n < current)
      .slice(0, -(KEPT_GENERATIONS - 1))) {
      rmSync(join(this.directory, 'generations', String(number)), { recursive: true, force: true });
    }
  }

  /** The first of the directories that had to be made, if any. */
  #makeDirectory(): string | undefined {
    try {
      if (!existsSync(this.directory)) checkMedium(this.directory);
      return makeDirectory(this.directory, 0o755);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StellaError('STORE_UNWRITABLE', `cannot make the trust store: ${why}`, {
        cause,
        ...(isStellaError(cause) ? knownHint(cause) : {}),
      });
    }
  }

  /** A first import that is refused leaves no empty store behind. */
  #removeIfUnused(made: string | undefined): void {
    if (made === undefined || readdirSync(this.directory).some((name) => name !== 'lock')) return;
    rmSync(join(this.directory, 'lock'), { force: true });
    for (let path = this.directory; path.length >= made.length; path = dirname(path)) {
      try {
        rmdirSync(path);
      } catch {
        return; // somebody else has put something there meanwhile
      }
    }
  }
}

/** What helps, where more is known than that something cannot be written. */
function knownHint({ hints }: StellaError): { readonly hint?: readonly string[] } {
  return hints.includes(CODES.WRITE_FAILED.hint) ? {} : { hint: hints };
}

/** Whether a path is of the store itself, or below it. */
function isInside(directory: string, path: string | undefined): boolean {
  return path !== undefined && join(path, sep).startsWith(join(directory, sep));
}

/** Starting anew does not turn the clock back, as far as the old store can still be read. */
export function clockFloorOf(writer: StoreWriter): Instant | undefined {
  try {
    return writer.current && parseInstant(writer.current.state.clock_floor);
  } catch {
    return undefined;
  }
}

export function openStore(directory: string): TrustStore {
  return new TrustStore(directory);
}
