import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  Key,
  Metadata,
  MetaFile,
  Root,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from '@tufjs/models';
import { Delegations } from '@tufjs/models/dist/delegations.js';
import { DelegatedRole, Role, SuccinctRoles } from '@tufjs/models/dist/role.js';
import { sha256Hex } from '../../src/base/bytes.ts';
import { DAY, formatInstant, type Instant, instant, parseInstant } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import { generateKey, type PrivateKey, sign } from '../../src/base/keys.ts';
import type { Fetcher } from '../../src/net/types.ts';

export const REPOSITORY_URL = 'http://tuf.test/';
export const NOW: Instant = parseInstant('2026-01-25T12:00:00Z');

const TOP = ['root', 'timestamp', 'snapshot', 'targets'] as const;
export type TopRole = (typeof TOP)[number];

/** What the models declare unchangeable. */
type Open<T> = { -readonly [K in keyof T]: T[K] };

export function tufKey(key: PrivateKey, keyID: string = key.publicKey.id): Key {
  const raw = Buffer.from(key.publicKey.spki.subarray(-32)).toString('hex');
  return new Key({ keyID, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: raw } });
}

/** Signs with each key and gives the file's bytes. */
export function signed(
  metadata: Open<Root> | Open<Timestamp> | Open<Snapshot> | Open<Targets>,
  keys: readonly PrivateKey[],
): Buffer {
  const container = new Metadata(metadata as Root);
  for (const key of keys) {
    container.sign(
      (data) => new Signature({ keyID: key.publicKey.id, sig: Buffer.from(sign(key, data)).toString('hex') }),
    );
  }
  return Buffer.from(JSON.stringify(container.toJSON()));
}

/** Signs whatever it is given: what another implementation would sign, or a thief of the key. */
export function signAnything(fields: unknown, key: PrivateKey): Buffer {
  const metadata = new Metadata({ toJSON: () => fields } as never);
  metadata.sign(
    (data) => new Signature({ keyID: key.publicKey.id, sig: Buffer.from(sign(key, data)).toString('hex') }),
  );
  return Buffer.from(JSON.stringify(metadata.toJSON()));
}

/**
 * A TUF repository in memory that is its own fetcher. `publish` signs whatever was changed; an attacker's part is played
 * by writing to `files` what no honest repository would serve.
 */
export class TufRepository implements Fetcher {
  /** What is served, by path below the repository's URL. */
  readonly files = new Map<string, Uint8Array>();
  readonly requests: string[] = [];
  readonly keys: Record<TopRole, PrivateKey[]>;
  readonly root: Open<Root>;
  readonly timestamp: Open<Timestamp>;
  readonly snapshot: Open<Snapshot>;
  readonly targets: Open<Targets>;
  readonly delegated = new Map<string, { role: Open<Targets>; keys: PrivateKey[] }>();
  /** Whether timestamp and snapshot carry lengths and hashes; optional in TUF. */
  withHashes = true;

  constructor(now: number = NOW, consistentSnapshot = true) {
    this.keys = {
      root: [generateKey()],
      timestamp: [generateKey()],
      snapshot: [generateKey()],
      targets: [generateKey()],
    };
    const options = (days: number) => ({
      version: 0,
      specVersion: '1.0.31',
      expires: formatInstant(instant(now + days * DAY)),
    });
    this.root = new Root({ ...options(365), version: 1, consistentSnapshot });
    for (const role of TOP) for (const key of this.keys[role]) this.root.addKey(tufKey(key), role);
    this.timestamp = new Timestamp({ ...options(1), snapshotMeta: new MetaFile({ version: 1 }) });
    this.snapshot = new Snapshot({ ...options(7), meta: {} });
    this.targets = new Targets({ ...options(30), targets: {} });
    this.publishRoot();
  }

  addTarget(name: string, content: Uint8Array | string, custom?: object, role = 'targets'): TargetFile {
    const bytes = Buffer.from(content);
    const hash = sha256Hex(bytes);
    const target = new TargetFile({
      path: name,
      length: bytes.length,
      hashes: { sha256: hash },
      unrecognizedFields: custom === undefined ? {} : { custom: custom as Record<string, never> },
    });
    const owner = role === 'targets' ? this.targets : this.delegated.get(role)!.role;
    owner.targets[name] = target;
    const slash = name.lastIndexOf('/') + 1;
    const published = this.root.consistentSnapshot
      ? `${name.slice(0, slash)}${hash}.${name.slice(slash)}`
      : name;
    this.files.set(`targets/${published}`, bytes);
    return target;
  }

  delegate(
    name: string,
    options: {
      paths?: string[];
      pathHashPrefixes?: string[];
      terminating?: boolean;
      parent?: string;
      threshold?: number;
    },
  ): { role: Open<Targets>; keys: PrivateKey[] } {
    const parent = options.parent === undefined ? this.targets : this.delegated.get(options.parent)!.role;
    parent.delegations ??= new Delegations({ keys: {}, roles: {} });
    const keys = [generateKey()];
    const delegated = this.delegated.get(name) ?? {
      role: new Targets({ version: 0, specVersion: '1.0.31', expires: this.targets.expires, targets: {} }),
      keys,
    };
    this.delegated.set(name, delegated);
    for (const key of delegated.keys) parent.delegations.keys[key.publicKey.id] = tufKey(key);
    parent.delegations.roles![name] = new DelegatedRole({
      name,
      keyIDs: delegated.keys.map((key) => key.publicKey.id),
      threshold: options.threshold ?? 1,
      terminating: options.terminating ?? false,
      ...(options.pathHashPrefixes
        ? { pathHashPrefixes: options.pathHashPrefixes }
        : { paths: options.paths ?? ['*'] }),
    });
    return delegated;
  }

  /** TAP 15: `2 ** bitLength` bins named `PREFIX-0` … */
  delegateToBins(prefix: string, bitLength: number): void {
    const key = generateKey();
    const bins = new SuccinctRoles({
      keyIDs: [key.publicKey.id],
      threshold: 1,
      bitLength,
      namePrefix: prefix,
    });
    this.targets.delegations = new Delegations({
      keys: { [key.publicKey.id]: tufKey(key) },
      succinctRoles: bins,
    });
    for (const name of bins.getRoles()) {
      const role = new Targets({
        version: 0,
        specVersion: '1.0.31',
        expires: this.targets.expires,
        targets: {},
      });
      this.delegated.set(name, { role, keys: [key] });
    }
  }

  setThreshold(role: TopRole, threshold: number): void {
    const { keyIDs } = this.root.roles[role]!;
    this.root.roles[role] = new Role({ keyIDs: [...keyIDs], threshold });
  }

  /** Replaces a role's keys in the root; the root itself stays signed by old and new keys. */
  rotate(role: TopRole, keys: PrivateKey[] = [generateKey()]): void {
    const old = this.keys[role];
    this.keys[role] = keys;
    this.root.roles[role] = new Role({ keyIDs: [], threshold: 1 });
    for (const key of keys) this.root.addKey(tufKey(key), role);
    this.root.version += 1;
    this.publishRoot(role === 'root' ? [...old, ...keys] : this.keys.root);
  }

  publishRoot(keys: readonly PrivateKey[] = this.keys.root): void {
    this.files.set(`${this.root.version}.root.json`, signed(this.root, keys));
  }

  /** New versions of delegated roles, targets, snapshot and timestamp. */
  publish(): this {
    for (const [name, { role, keys }] of this.delegated) this.#publishTargets(name, role, keys);
    this.#publishTargets('targets', this.targets, this.keys.targets);
    this.publishSnapshot();
    return this;
  }

  publishSnapshot(): void {
    this.snapshot.version += 1;
    const bytes = signed(this.snapshot, this.keys.snapshot);
    this.files.set(this.nameOf('snapshot', this.snapshot.version), bytes);
    this.timestamp.snapshotMeta = this.#meta(this.snapshot.version, bytes);
    this.publishTimestamp();
  }

  publishTimestamp(): void {
    this.timestamp.version += 1;
    this.files.set('timestamp.json', signed(this.timestamp, this.keys.timestamp));
  }

  nameOf(role: string, version: number): string {
    return this.root.consistentSnapshot ? `${version}.${role}.json` : `${role}.json`;
  }

  #publishTargets(name: string, role: Open<Targets>, keys: readonly PrivateKey[]): void {
    role.version += 1;
    const bytes = signed(role, keys);
    this.files.set(this.nameOf(name, role.version), bytes);
    this.snapshot.meta[`${name}.json`] = this.#meta(role.version, bytes);
  }

  #meta(version: number, bytes: Uint8Array): MetaFile {
    return new MetaFile(
      this.withHashes ? { version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } } : { version },
    );
  }

  get firstRoot(): Uint8Array {
    return this.files.get('1.root.json')!;
  }

  async fetch(url: string, { most }: { most: number }): Promise<{ bytes: Uint8Array }> {
    const path = decodeURIComponent(url.slice(REPOSITORY_URL.length));
    this.requests.push(path);
    const bytes = this.files.get(path);
    if (!bytes) throw new StellaError('FETCH_NOT_FOUND', `404 ${url}`);
    if (bytes.length > most) throw new StellaError('FETCH_TOO_LARGE', `${url} has more than ${most} bytes`);
    return { bytes };
  }

  /** Writes what is served to a directory, for file:// URLs and servers. */
  writeTo(directory: string): string {
    for (const [path, bytes] of this.files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
    return directory;
  }
}
