import { X509Certificate } from 'node:crypto';
import { excerpt } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import {
  certificateFingerprint,
  type DistributedKeyId,
  type KeyId,
  keyIdOfSpki,
  type PublicKey,
  parsePublicKey,
} from '../base/keys.ts';
import type { Config } from '../config/config.ts';
import type { IgnoredTarget, TargetUsage, TrustTarget } from './targets.ts';
import { parsePublishedRoot, type TrustedRootAuthority, type TrustedRootLog } from './trusted-root.ts';

/** A key or certificate that TUF distributes. */
export interface DistributedKey {
  /** SHA-256 of the SubjectPublicKeyInfo, or of a certificate's DER: 64 lowercase hexadecimal digits. */
  readonly id: DistributedKeyId;
  /** `ecdsa-p256`, `ed25519`, …; `certificate` for certificates. */
  readonly algorithm: string;
  readonly target: string;
  readonly usage: TargetUsage;
  readonly uri: string | undefined;
  readonly validFrom: Instant | undefined;
  readonly validUntil: Instant | undefined;
  /** Marked as expired in the target's metadata. */
  readonly expired: boolean;
}

type Common = Pick<DistributedKey, 'target' | 'usage' | 'uri' | 'validFrom' | 'validUntil' | 'expired'>;

/** PEM certificates, each as DER. */
function certificatesIn(pem: Uint8Array): Uint8Array[] {
  const text = Buffer.from(pem).toString('latin1');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).raw);
}

function keysOfTarget(target: TrustTarget): DistributedKey[] {
  const common: Common = {
    target: target.name,
    usage: target.usage,
    uri: target.uri,
    validFrom: target.validFrom,
    validUntil: target.validUntil,
    expired: target.status === 'Expired',
  };
  try {
    const certificates = certificatesIn(target.bytes);
    if (certificates.length > 0)
      return certificates.map((der) => ({
        ...common,
        id: certificateFingerprint(der),
        algorithm: 'certificate',
      }));
    const key = parsePublicKey(target.bytes);
    return [{ ...common, id: key.id, algorithm: key.algorithm }];
  } catch (cause) {
    throw new StellaError(
      'TARGET_INVALID',
      `target ${excerpt(target.name)} is a ${target.usage} target but holds neither a public key nor certificates`,
      { cause, details: { target: target.name, usage: target.usage } },
    );
  }
}

function tryPublicKey(bytes: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(bytes);
  } catch (error) {
    if (isStellaError(error, 'KEY_INVALID')) return undefined;
    throw error;
  }
}

/** The id that a log's key is listed under. */
export function logKeyIdOf({ publicKey }: Pick<TrustedRootLog, 'publicKey'>): KeyId {
  return tryPublicKey(publicKey)?.id ?? keyIdOfSpki(publicKey);
}

function keysOfTrustedRoot(target: TrustTarget): DistributedKey[] {
  const root = parsePublishedRoot(target);
  const log =
    (usage: TargetUsage) =>
    (entry: TrustedRootLog): DistributedKey => {
      const { validFrom, validUntil } = entry;
      const common = {
        target: target.name,
        usage,
        uri: entry.baseUrl,
        validFrom,
        validUntil,
        expired: false,
      };
      const key = tryPublicKey(entry.publicKey);
      // A key that cannot be used here (a new algorithm) is listed like any other: one of them must not stop the rest.
      return {
        ...common,
        id: logKeyIdOf(entry),
        algorithm: key?.algorithm ?? entry.keyDetails,
      };
    };
  const authority = (usage: TargetUsage) => (entry: TrustedRootAuthority) =>
    entry.chain.map(
      (der): DistributedKey => ({
        id: certificateFingerprint(der),
        algorithm: 'certificate',
        target: target.name,
        usage,
        uri: entry.uri,
        validFrom: entry.validFrom,
        validUntil: entry.validUntil,
        expired: false,
      }),
    );
  return [
    ...root.tlogs.map(log('Rekor')),
    ...root.certificateAuthorities.flatMap(authority('Fulcio')),
    ...root.ctlogs.map(log('CTFE')),
    ...root.timestampAuthorities.flatMap(authority('TSA')),
  ];
}

const SIGSTORE_USAGES: ReadonlySet<TargetUsage> = new Set(['Rekor', 'Fulcio', 'CTFE', 'TSA']);

/**
 * Every key and certificate that trust rests on. Where the repository has a `trusted_root.json`, it alone says which
 * Sigstore services are trusted.
 * @throws StellaError TARGET_INVALID for a target that does not hold what its usage promises, TRUSTED_ROOT_INVALID
 */
export function distributedKeys(targets: readonly TrustTarget[]): DistributedKey[] {
  const root = targets.find((target) => target.usage === 'trusted-root');
  const own = targets.filter(
    ({ usage }) => usage === 'bundle-signer' || usage === 'attestor' || (!root && SIGSTORE_USAGES.has(usage)),
  );
  return [...(root ? keysOfTrustedRoot(root) : []), ...own.flatMap(keysOfTarget)];
}

/** The ids of all keys and certificates in a file of unknown use; none where it holds neither. */
export function keyIdsIn(name: string, bytes: Uint8Array): ReadonlySet<string> {
  const target = { name, status: 'Active', bytes } as const;
  const keys = (['other', 'trusted-root'] as const).flatMap((usage) => {
    try {
      return usage === 'other' ? keysOfTarget({ ...target, usage }) : keysOfTrustedRoot({ ...target, usage });
    } catch {
      return [];
    }
  });
  return new Set(keys.map((key) => key.id));
}

/** What to say of a key that the repository publishes, and that a choice of others keeps from being used. */
export interface UnusedKeyAdvice {
  readonly text: string;
  readonly hint: string;
}

const MAX_LISTED = 5;

/** @param keys `unusedKeys` under this configuration; of many, the first few are named */
export function adviceOnUnusedKeys(
  keys: readonly IgnoredTarget[],
  { origins }: Pick<Config, 'origins'>,
): UnusedKeyAdvice[] {
  const more = keys.length - MAX_LISTED;
  return keys.slice(0, MAX_LISTED).map(({ name, usage }, i) => {
    const setting = usage === 'Rekor' ? 'rekor_key_targets' : 'bundle_key_targets';
    const { source, where } = origins[setting];
    const from = source === 'store' || source === 'flag' ? 'as `trust init --pin` has it' : (where ?? source);
    const others = more > 0 && i === MAX_LISTED - 1 ? `; and ${more} more keys` : '';
    return {
      text: `the repository publishes the ${usage} key ${excerpt(name)}, which is not used: ${setting} (${from}) does not name it${others}`,
      hint: `if the trust team has announced it, name it in ${setting} of section attestor.trust_repo, with the others that are to count`,
    };
  });
}
