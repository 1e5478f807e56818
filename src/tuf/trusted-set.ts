import { excerpt, sha256Hex } from '../base/bytes.ts';
import { durationBetween, formatDuration, formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { delegationRule } from './delegation.ts';
import { checkMetaFile } from './meta-file.ts';
import {
  entryOf,
  type MetadataFile,
  type MetadataKinds,
  type MetaFile,
  signedBytes,
  type TufRoot,
  type TufSnapshot,
  type TufTargets,
  type TufTimestamp,
} from './metadata.ts';
import { expiryOf, parseMetadata } from './parse-metadata.ts';
import { renewalOf, roleFile, THEN_SYNC, type TopRole } from './roles.ts';
import { checkThreshold, ruleOf, type SigningRule } from './signature.ts';
import type { TufRole } from './types.ts';

/** Where bytes come from: what a store holds was verified before, so that damage to it is another finding. */
export type MetadataOrigin = 'source' | 'held';

interface Trusted<M extends MetadataFile> {
  readonly metadata: M;
  readonly bytes: Uint8Array;
}

/**
 * The metadata that a client trusts, and the rules by which it comes to trust more (TUF specification §5.2–§5.6). Pure:
 * it is given bytes and judges them as of one instant.
 */
export class TrustedSet {
  readonly #repository: string;
  readonly #url: string;
  readonly #referenceTime: Instant;
  #root: Trusted<TufRoot>;
  #timestamp: Trusted<TufTimestamp> | undefined;
  #snapshot: Trusted<TufSnapshot> | undefined;
  readonly #targets = new Map<string, Trusted<TufTargets>>();

  /**
   * §5.2: the root that was vouched for. An expired one is a beginning, too.
   * @param url how to call the repository in messages
   * @param referenceTime §5.1: the instant as of which expiry is judged
   * @throws StellaError TUF_INVALID, TUF_SIGNATURE
   */
  constructor(url: string, referenceTime: Instant, trustedRoot: Uint8Array) {
    this.#url = url;
    this.#repository = `TUF repository ${url}`;
    this.#referenceTime = referenceTime;
    const metadata = this.#parse('root', trustedRoot, 'root', 'source');
    this.#checkSigned(metadata, ruleOf(metadata, 'root'), 'root');
    this.#root = { metadata, bytes: trustedRoot };
  }

  get root(): TufRoot {
    return this.#root.metadata;
  }

  get timestamp(): TufTimestamp | undefined {
    return this.#timestamp?.metadata;
  }

  get snapshot(): TufSnapshot | undefined {
    return this.#snapshot?.metadata;
  }

  /** A trusted targets role: `targets`, or a delegated one. */
  targets(role: string): TufTargets | undefined {
    return this.#targets.get(role)?.metadata;
  }

  /** The trusted roles, top-level ones first, then in the order in which they came. */
  get roles(): (TufRole & { readonly bytes: Uint8Array })[] {
    const all: [string, Trusted<MetadataFile> | undefined][] = [
      ['root', this.#root],
      ['timestamp', this.#timestamp],
      ['snapshot', this.#snapshot],
      ...this.#targets,
    ];
    return all.flatMap(([name, trusted]) => (trusted ? [roleOf(name, trusted)] : []));
  }

  /**
   * The next root (§5.3.4–§5.3.7). Its expiry does not matter before the last is known.
   * @throws StellaError TUF_INVALID, TUF_SIGNATURE, TUF_ROLLBACK, TUF_MISMATCH; STORE_CORRUPT for malformed held bytes
   */
  updateRoot(bytes: Uint8Array, origin: MetadataOrigin): void {
    const metadata = this.#parse('root', bytes, 'root', origin);
    const { version } = this.root.signed;
    // §5.3.4: signed as the old root and as the new one demand. The old one comes first: it is what is trusted.
    const data = signedBytes(metadata);
    this.#checkSigned(metadata, ruleOf(this.root, 'root'), 'root', data);
    // §5.3.5
    if (metadata.signed.version !== version + 1)
      throw this.#error(
        metadata.signed.version > version ? 'TUF_MISMATCH' : 'TUF_ROLLBACK',
        `root.json: expected version ${version + 1}, got ${metadata.signed.version}`,
      );
    this.#checkSigned(metadata, ruleOf(metadata, 'root'), 'root', data);
    this.#root = { metadata, bytes };
  }

  /**
   * A timestamp (§5.4.2–§5.4.4). One that has expired stays as a guard against rollback, and is refused.
   * @returns false where its version is the trusted one's: then that one stays
   * @throws StellaError TUF_EXPIRED (of the root, too), TUF_INVALID, TUF_SIGNATURE, TUF_ROLLBACK; STORE_CORRUPT
   */
  updateTimestamp(bytes: Uint8Array, origin: MetadataOrigin): boolean {
    // §5.3.10
    this.#checkExpiry(this.root, 'root');
    const metadata = this.#parse('timestamp', bytes, 'timestamp', origin);
    // §5.4.2
    this.#checkSigned(metadata, ruleOf(this.root, 'timestamp'), 'timestamp');
    const old = this.timestamp?.signed;
    if (old) {
      // §5.4.3.1
      const { version, meta } = metadata.signed;
      if (version < old.version)
        throw this.#error(
          'TUF_ROLLBACK',
          `timestamp.json: its version ${version} is less than the trusted ${old.version}`,
        );
      if (version === old.version) {
        this.checkFinalTimestamp();
        return false;
      }
      // §5.4.3.2
      const [next, last] = [meta['snapshot.json'].version, old.meta['snapshot.json'].version];
      if (next < last)
        throw this.#error(
          'TUF_ROLLBACK',
          `timestamp.json: it names version ${next} of the snapshot, which is less than the trusted ${last}`,
        );
    }
    this.#timestamp = { metadata, bytes };
    this.checkFinalTimestamp();
    return true;
  }

  /** §5.4.4. @throws StellaError TUF_EXPIRED */
  checkFinalTimestamp(): void {
    this.#checkExpiry(this.timestamp!, 'timestamp');
  }

  /** How the trusted timestamp names the snapshot. */
  get snapshotMeta(): MetaFile {
    return this.timestamp!.signed.meta['snapshot.json'];
  }

  /**
   * A snapshot (§5.5.2–§5.5.6). One of another version than the timestamp names stays as a guard against rollback, and is
   * refused.
   * @param origin a held one was the right one for an earlier timestamp: it is not compared with the hashes of this one
   * @throws StellaError TUF_EXPIRED (of the timestamp, too), TUF_MISMATCH, TUF_INVALID, TUF_SIGNATURE, TUF_ROLLBACK; STORE_CORRUPT
   */
  updateSnapshot(bytes: Uint8Array, origin: MetadataOrigin): void {
    this.checkFinalTimestamp();
    // §5.5.2
    if (origin === 'source') this.checkSnapshotFile(bytes);
    const metadata = this.#parse('snapshot', bytes, 'snapshot', origin);
    // §5.5.3
    this.#checkSigned(metadata, ruleOf(this.root, 'snapshot'), 'snapshot');
    // §5.5.5, against whatever was trusted: §5.5.4 comes last, so that an old snapshot can guard.
    for (const [file, { version }] of Object.entries(this.snapshot?.signed.meta ?? {})) {
      const next = entryOf(metadata.signed.meta, file);
      if (!next) throw this.#error('TUF_ROLLBACK', `snapshot.json: it lists ${excerpt(file)} no more`);
      if (next.version < version)
        throw this.#error(
          'TUF_ROLLBACK',
          `snapshot.json: it lists version ${next.version} of ${excerpt(file)}, which is less than the trusted ${version}`,
        );
    }
    this.#snapshot = { metadata, bytes };
    this.#checkFinalSnapshot();
  }

  /** §5.5.6 and §5.5.4 */
  #checkFinalSnapshot(): void {
    const snapshot = this.snapshot!;
    this.#checkExpiry(snapshot, 'snapshot');
    const [actual, named] = [snapshot.signed.version, this.snapshotMeta.version];
    if (actual !== named)
      throw this.#error(
        'TUF_MISMATCH',
        `snapshot.json: its version ${actual} is not ${named}, which the timestamp names`,
      );
  }

  /** Whether bytes are the snapshot that the trusted timestamp names. @throws StellaError TUF_MISMATCH */
  checkSnapshotFile(bytes: Uint8Array): void {
    checkMetaFile(bytes, this.snapshotMeta, `${this.#repository}: snapshot.json`);
  }

  /** How the trusted snapshot names a targets role; `undefined` where it does not list it. */
  targetsMeta(role: string): MetaFile | undefined {
    return entryOf(this.snapshot!.signed.meta, `${role}.json`);
  }

  /**
   * Targets metadata, top-level or delegated (§5.6.2–§5.6.5).
   * @param delegator a trusted role that delegates to it; `root` for the top-level one
   * @throws StellaError TUF_MISMATCH, TUF_INVALID, TUF_SIGNATURE, TUF_EXPIRED; STORE_CORRUPT
   */
  updateTargets(bytes: Uint8Array, role: string, delegator: string, origin: MetadataOrigin): void {
    const file = roleFile(role);
    const meta = this.targetsMeta(role);
    if (!meta) throw this.#error('TUF_INVALID', `the snapshot does not list the role ${excerpt(role)}`);
    // §5.6.2
    checkMetaFile(bytes, meta, `${this.#repository}: ${file}`);
    const metadata = this.#parse('targets', bytes, role, origin);
    // §5.6.3
    this.#checkSigned(metadata, this.#ruleOf(role, delegator), role);
    // §5.6.4
    if (metadata.signed.version !== meta.version)
      throw this.#error(
        'TUF_MISMATCH',
        `${file}: its version ${metadata.signed.version} is not ${meta.version}, which the snapshot names`,
      );
    // §5.6.5
    this.#checkExpiry(metadata, role);
    this.#targets.set(role, { metadata, bytes });
  }

  /** What a role says of itself that was refused for nothing but its expiry. */
  expiredRole(role: string, bytes: Uint8Array): TufRole & { readonly bytes: Uint8Array } {
    return roleOf(role, { metadata: this.#parse('targets', bytes, role, 'source'), bytes });
  }

  /**
   * A role that two others delegate to must be signed as each of them demands.
   * @throws StellaError TUF_SIGNATURE, TUF_INVALID
   */
  checkDelegation(role: string, delegator: string): void {
    this.#checkSigned(this.targets(role)!, this.#ruleOf(role, delegator), role);
  }

  #ruleOf(role: string, delegator: string): SigningRule {
    if (delegator === 'root') return ruleOf(this.root, 'targets');
    const rule = delegationRule(this.targets(delegator)!, role);
    if (!rule)
      throw this.#error('TUF_INVALID', `${excerpt(delegator)} does not delegate to ${excerpt(role)}`);
    return rule;
  }

  #parse<K extends TopRole>(
    kind: K,
    bytes: Uint8Array,
    role: string,
    origin: MetadataOrigin,
  ): MetadataKinds[K] {
    const what = `${this.#repository}: ${roleFile(role)}`;
    return parseMetadata(kind, bytes, what, origin === 'held' ? 'STORE_CORRUPT' : 'TUF_INVALID');
  }

  #checkSigned(metadata: MetadataFile, rule: SigningRule, role: string, data?: Uint8Array): void {
    checkThreshold(metadata, rule, roleFile(role), data);
  }

  #checkExpiry(metadata: MetadataFile, role: string): void {
    const at = expiryOf(metadata);
    if (this.#referenceTime < at) return;
    throw new StellaError(
      'TUF_EXPIRED',
      `TUF metadata expired: ${roleFile(role)} of ${this.#url} expired ${formatInstant(at)}, ${formatDuration(durationBetween(at, this.#referenceTime))} before ${formatInstant(this.#referenceTime)}`,
      {
        details: { role, expires: formatInstant(at), url: this.#url },
        hint: [renewalOf(role), THEN_SYNC],
      },
    );
  }

  #error(code: 'TUF_INVALID' | 'TUF_MISMATCH' | 'TUF_ROLLBACK', message: string): StellaError {
    return new StellaError(code, `${this.#repository}: ${message}`, { details: { url: this.#url } });
  }
}

function roleOf(name: string, { metadata, bytes }: Trusted<MetadataFile>): TufRole & { bytes: Uint8Array } {
  return {
    name,
    version: metadata.signed.version,
    expires: expiryOf(metadata),
    sha256: sha256Hex(bytes),
    bytes,
  };
}
