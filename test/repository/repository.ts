import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { addDuration, DAY, type Instant, milliseconds, parseInstant } from '../../src/base/clock.ts';
import { formatPublicKey, generateKey, type KeyAlgorithm } from '../../src/base/keys.ts';
import { type CliResult, type CliSetting, stella } from '../support/cli.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';
import { TufClient } from '../support/tuf-client.ts';

/** When the tests' repositories are made. */
export const BEGIN: Instant = parseInstant('2026-01-10T08:00:00Z');
export const days = (count: number): Instant => addDuration(BEGIN, milliseconds(count * DAY));

/** What the tests look at in metadata of whatever role. */
interface PublishedMetadata {
  readonly signed: {
    readonly version: number;
    readonly expires: string;
    readonly roles: Readonly<
      Record<string, { readonly keyids: readonly string[]; readonly threshold: number }>
    >;
    readonly targets: Readonly<Record<string, { readonly custom?: unknown }>>;
  };
  readonly signatures: readonly { readonly keyid: string }[];
}

let plain: Promise<TestRepository> | undefined;

/** A repository in a temporary directory, worked on through the command line, and its clients. */
export class TestRepository {
  /** A directory that goes away by itself, with room beside the repository. */
  readonly area: string;
  readonly path: string;
  readonly public: string;
  now: number = BEGIN;
  #clients = 0;

  constructor(area = temporaryDirectory()) {
    this.area = area;
    this.path = join(area, 'repo');
    this.public = join(this.path, 'public');
  }

  /** `stella ARGS`, in the repository's directory, as of {@link now}. */
  run(args: readonly string[], setting: CliSetting = {}): Promise<CliResult> {
    return stella(args, { now: this.now, cwd: this.area, env: { STELLA_REPO: this.path }, ...setting });
  }

  /** {@link run}, which must succeed. */
  async ok(args: readonly string[], setting: CliSetting = {}): Promise<CliResult> {
    const result = await this.run(args, setting);
    expect(result.status, result.stderr).toBe(0);
    return result;
  }

  async init(...flags: string[]): Promise<this> {
    // Without flags all are alike, so one is made and copied.
    if (flags.length === 0 && this.now === BEGIN) {
      plain ??= new TestRepository(temporaryTree()).init('--threshold', 'root=1/1');
      cpSync((await plain).path, this.path, { recursive: true });
    } else await this.ok(['repo', 'init', this.path, '--no-passphrase', ...flags]);
    return this;
  }

  /** A file beside the repository. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.area, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  /** A public key file beside the repository. */
  publicKey(name: string, algorithm: KeyAlgorithm = 'ed25519'): string {
    return this.file(name, formatPublicKey(generateKey(algorithm).publicKey));
  }

  /** Published metadata, as its reader finds it. */
  published(name: string): PublishedMetadata {
    return JSON.parse(readFileSync(join(this.public, name), 'utf8')) as PublishedMetadata;
  }

  /** A client that begins with the given root, or with the first. */
  client(root?: string): TufClient {
    this.#clients += 1;
    return new TufClient(join(this.area, `client-${this.#clients}`), this.public, root);
  }
}
