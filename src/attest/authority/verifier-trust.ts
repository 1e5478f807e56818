/**
 * attest/authority/: whom the trust names, and whether they vouch: certificate chains, timestamp authorities, CT logs,
 * the keys of attestors and logs, as of the instants that matter. It turns what a store, a trusted root or a single
 * key gives into one form that verification reads. It never judges what an attestation says and never looks for trust
 * anywhere but in what it was given.
 * Start here, then store-trust.ts for where trust comes from and chain.ts for certificates.
 */

import { createPublicKey } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { DISTANT_FUTURE, DISTANT_PAST, type Instant, instant } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/codes.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { type DistributedKeyId, type PublicKey, publicKeyOf } from '../../base/keys.ts';
import type { UsedConfiguration } from '../../config/used-configuration.ts';
import { logDirectory, tileReader } from '../../logs/store.ts';
import { openCheckpoint } from '../../tlog/checkpoint.ts';
import type { HashReader } from '../../tlog/merkle.ts';
import { originOf, rekorV1Tree } from '../../tlog/origin.ts';
import { isKeyName, rekorV1KeyOf, type VerifierKey, verifierKeyOf } from '../../tlog/verifier-key.ts';
import type { WitnessPolicy } from '../../tlog/witness-policy.ts';
import type { Freshness } from '../../trust/freshness.ts';
import {
  parseTrustedRoots,
  type TrustedRoot,
  type TrustedRootAuthority,
  type TrustedRootLog,
} from '../../trust/trusted-root.ts';
import { CertificateJudge, loadAuthority } from './chain.ts';
import { knownInstanceOf } from './known-instances.ts';
import type { AttestorKey, TrustedAuthority, TrustedLog, VerifierInstance } from './material.ts';
import { attestorsOf, type RegistryKey } from './registry-keys.ts';

/** A checkpoint that came with the trust, and the tiles to prove things with. */
export interface HeldLog {
  readonly origin: string;
  readonly logId: string;
  readonly size: bigint;
  readonly rootHash: Uint8Array;
  /** The signed note. */
  readonly checkpoint: Buffer;
  /** In C2SP layout. */
  readonly directory: string;
  readonly tiles: HashReader;
}

/** The carried logs as they are told of: a signed checkpoint each, and the directory that has their tiles. */
export interface CarriedLogs {
  readonly logs: readonly { readonly origin: string; readonly checkpoint: string }[];
  /** `logs/` of a trust store or an opened bundle. */
  readonly directory: string;
}

/** A key that an earlier generation distributed and that the repository has since withdrawn. */
export interface RevokedKey {
  readonly keyId: DistributedKeyId;
  /** For a log's key, what entries name the log by: 64 hexadecimal digits, or the first 8. */
  readonly logIds?: readonly string[] | undefined;
  readonly target: string;
  /** What the key was for: `Rekor`, `attestor`, … */
  readonly usage?: string;
  readonly removedAt: Instant;
}

/** Where trust comes from and as of when. */
export interface TrustOrigin {
  /** How to call it in verdicts: `trust store generation 3`, `trusted root FILE`. */
  readonly name: string;
  readonly kind: 'store' | 'trusted-root' | 'sigstore' | 'key';
  readonly generation?: number;
  /** As of when the trust holds: when it was sealed, or last synced. */
  readonly sealedAt?: Instant;
  readonly how?: 'sealed' | 'synced';
  readonly freshness?: Freshness;
  /** The configuration that it is judged by, where it is by one. */
  readonly configuration?: UsedConfiguration;
}

/** Everything that a verification believes. Build it once and verify any number of attestations with it. */
export interface VerifierTrust {
  readonly origin: TrustOrigin;
  readonly instances: readonly VerifierInstance[];
  /** Of all instances, as are the authorities. */
  readonly logs: readonly TrustedLog[];
  readonly authorities: readonly TrustedAuthority[];
  readonly timestampAuthorities: readonly TrustedAuthority[];
  readonly attestors: readonly AttestorKey[];
  /** By SHA-256 of the SPKI, and by log id. */
  readonly revoked: ReadonlyMap<string, RevokedKey>;
  /** By origin of the log. */
  readonly held: ReadonlyMap<string, HeldLog>;
  /** What witnesses must have cosigned every checkpoint. */
  readonly witnessPolicy: WitnessPolicy | undefined;
  readonly certificates: CertificateJudge;
  /** Instances of which nothing is believed, with what their attestations are told by. */
  readonly blocked: readonly BlockedInstance[];
  /** What of the trust material could not be used, and why. */
  readonly problems: readonly string[];
}

/** The trust of one instance, as a store or a file has it. Plain data, so that it can be sent to worker threads. */
export interface TrustedInstance {
  /** How to call it in verdicts, where its certificates do not say that it is a known one. */
  readonly name: string;
  /** The name of the built-in instance that it is: anyone can get a certificate there, so who signed must be demanded. */
  readonly builtIn?: string | undefined;
  readonly trustedRoot: TrustedRoot;
  /** Whether it has logs that its trusted root does not name, e.g. because their key was revoked. */
  readonly hasOtherLogs?: boolean;
  /** Why nothing of it is believed: what attestations of it are refused with. */
  readonly blocked?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hints: readonly string[];
  };
}

/** An instance of which nothing is believed, and the authorities and logs that it would have. */
export interface BlockedInstance {
  readonly name: string;
  readonly error: StellaError;
  readonly authorities: readonly TrustedAuthority[];
  readonly logs: readonly TrustedLog[];
}

/** Plain data, so that it can be sent to worker threads. */
export interface TrustInputs {
  readonly origin: TrustOrigin;
  /** The home repository's first; also those of which nothing is believed. */
  readonly instances?: readonly TrustedInstance[];
  readonly attestors?: readonly AttestorKey[];
  /** Keys of package registries, for what these say of their packages. */
  readonly registryKeys?: readonly RegistryKey[];
  readonly revoked?: readonly RevokedKey[];
  readonly carried?: CarriedLogs | undefined;
  readonly witnessPolicy?: WitnessPolicy | undefined;
}

/**
 * The instances of a trusted root file: one, or one a line.
 * @param name the file's
 * @throws StellaError TRUSTED_ROOT_INVALID, URL_CREDENTIALS
 */
export function instancesOfTrustedRoot(json: Uint8Array, name: string): TrustedInstance[] {
  const roots = parseTrustedRoots(json);
  return roots.map((trustedRoot, i) => ({
    name: roots.length === 1 ? name : `${name} line ${i + 1}`,
    trustedRoot,
  }));
}

/** Loads keys and checks chains, so that verifying needs neither again. Material that cannot be used is left out and named. */
export function loadTrust(inputs: TrustInputs): VerifierTrust {
  const problems: string[] = [];
  const load = <From, To>(
    items: readonly From[],
    what: (item: From) => string,
    use: (item: From) => To,
  ): To[] =>
    items.flatMap((item) => {
      try {
        return [use(item)];
      } catch (error) {
        if (!isStellaError(error)) throw error;
        problems.push(`${what(item)}: ${error.message}`);
        return [];
      }
    });
  const nameOfLog = (log: TrustedRootLog) => `log ${log.baseUrl || log.logId}`;
  const nameOfAuthority = (authority: TrustedRootAuthority) => `authority ${authority.uri}`;
  const instances = (inputs.instances ?? [])
    .filter(({ blocked }) => !blocked)
    .map(
      ({ name, builtIn, trustedRoot: root, hasOtherLogs }): VerifierInstance => ({
        name: knownInstanceOf(root)?.name ?? name,
        builtIn,
        // Named logs count, be they usable or not.
        authorities: load(root.certificateAuthorities, nameOfAuthority, (authority) => ({
          ...loadRootAuthority(authority),
          needsSct: authority.hasCtLogs ?? root.ctlogs.length > 0,
        })),
        ctLogs: load(root.ctlogs, nameOfLog, loadLog),
        logs: load(root.tlogs, nameOfLog, loadLog),
        timestampAuthorities: load(root.timestampAuthorities, nameOfAuthority, loadRootAuthority),
        hasLog: root.tlogs.length > 0 || hasOtherLogs === true,
      }),
    );
  const logs = instances.flatMap((instance) => instance.logs);
  for (const log of instances.flatMap((instance) => [...instance.logs, ...instance.ctLogs]))
    if (Number.isNaN(log.validFrom))
      problems.push(`log ${log.url || log.logId}: the trusted root does not say since when its key is valid`);
  const { carried } = inputs;
  const held = load(
    carried?.logs ?? [],
    ({ origin }) => `checkpoint of ${origin}`,
    (log) => loadHeldLog(log, carried!.directory, logs),
  );
  return {
    origin: inputs.origin,
    instances,
    logs,
    authorities: instances.flatMap(({ authorities }) => authorities),
    timestampAuthorities: instances.flatMap(({ timestampAuthorities }) => timestampAuthorities),
    attestors: [...(inputs.attestors ?? []), ...attestorsOf(inputs.registryKeys ?? [])],
    revoked: new Map(
      (inputs.revoked ?? []).flatMap((key) =>
        [key.keyId, ...(key.logIds ?? [])].map((id): [string, RevokedKey] => [id, key]),
      ),
    ),
    held: new Map(held.map((log) => [log.origin, log])),
    witnessPolicy: inputs.witnessPolicy,
    certificates: new CertificateJudge(instances),
    blocked: (inputs.instances ?? []).flatMap(({ name, blocked, trustedRoot }) =>
      blocked
        ? [
            {
              name,
              error: new StellaError(blocked.code, blocked.message, { hint: [...blocked.hints] }),
              authorities: load(trustedRoot.certificateAuthorities, nameOfAuthority, loadRootAuthority),
              logs: load(trustedRoot.tlogs, nameOfLog, loadLog),
            },
          ]
        : [],
    ),
    problems,
  };
}

/**
 * The same trust with the logs and timestamp authorities of these instances only: what one instance certified no other
 * vouches for.
 */
export function limitedTo(trust: VerifierTrust, instances: readonly VerifierInstance[]): VerifierTrust {
  if (instances.length === trust.instances.length) return trust;
  return {
    ...trust,
    logs: instances.flatMap(({ logs }) => logs),
    timestampAuthorities: instances.flatMap(({ timestampAuthorities }) => timestampAuthorities),
  };
}

/** The revoked key of the log that an entry names by this id, if it was revoked. */
export function revokedLogKey(
  { revoked }: Pick<VerifierTrust, 'revoked'>,
  logId: string,
): RevokedKey | undefined {
  return revoked.get(logId) ?? revoked.get(logId.slice(0, 8));
}

/** The checkpoint is verified again with the log's keys before anything is compared with it. */
function loadHeldLog(
  { origin, checkpoint: text }: CarriedLogs['logs'][number],
  directory: string,
  logs: readonly TrustedLog[],
): HeldLog {
  const note = Buffer.from(text);
  const { checkpoint, signedBy } = openCheckpoint(
    note,
    logs.flatMap(rekorV1Tree(origin) === undefined ? (log) => log.noteKeys : (log) => log.rekorV1Keys),
    { origin },
  );
  const log = logs.find(({ key }) => signedBy.some(({ publicKey }) => publicKey.id === key.id))!;
  const own = logDirectory(directory, origin);
  const { size, rootHash } = checkpoint;
  return {
    origin,
    logId: log.logId,
    size,
    rootHash,
    checkpoint: note,
    directory: own,
    tiles: tileReader(own, checkpoint),
  };
}

function loadLog(log: TrustedRootLog): TrustedLog {
  const [origin, key] = [originOf(log.baseUrl), loadKey(log)];
  const said = log.checkpointKeyId ?? log.logId;
  return {
    logId: log.logId,
    checkpointKeyId: log.checkpointKeyId,
    origin,
    name: origin || log.logId,
    url: log.baseUrl,
    key,
    noteKeys: noteKeysOf(origin, key, said),
    rekorV1Keys: withIds(rekorV1KeyOf(origin, key), [keyIdOf(said)]),
    validFrom: log.validFrom ?? instant(Number.NaN),
    validUntil: log.validUntil ?? DISTANT_FUTURE,
  };
}

function loadKey(log: TrustedRootLog): PublicKey {
  const isPkcs1 = log.keyDetails.startsWith('PKCS1_RSA');
  for (const type of isPkcs1 ? (['pkcs1', 'spki'] as const) : (['spki', 'pkcs1'] as const)) {
    try {
      return publicKeyOf(createPublicKey({ key: Buffer.from(log.publicKey), format: 'der', type }));
    } catch {
      // the other encoding, then
    }
  }
  throw new StellaError('KEY_INVALID', 'its key cannot be used');
}

/**
 * What a log may sign checkpoints as: its origin, with the key id that its trusted root says, that its key gives (C2SP
 * signed-note), or that Rekor v1 makes of keys of every kind.
 */
function noteKeysOf(origin: string, key: PublicKey, said: string): VerifierKey[] {
  // A name that cannot be one has signed nothing.
  if (!isKeyName(origin)) return [];
  return withIds(verifierKeyOf(origin, key), [keyIdOf(said), rekorV1KeyOf(origin, key).keyId]);
}

const keyIdOf = (said: string) => Buffer.from(said.slice(0, 8), 'hex');

/** A key by its own id and by others, each id once. */
function withIds(own: VerifierKey, others: readonly Uint8Array[]): VerifierKey[] {
  const ids = [...others, own.keyId];
  return ids
    .filter((id, i) => !ids.slice(0, i).some((earlier) => equalBytes(earlier, id)))
    .map((keyId) => ({ ...own, keyId }));
}

function loadRootAuthority(authority: TrustedRootAuthority): TrustedAuthority {
  return loadAuthority(
    authority.uri,
    authority.chain.map((der) => Buffer.from(der)),
    authority.validFrom ?? DISTANT_PAST,
    authority.validUntil ?? DISTANT_FUTURE,
  );
}
