import type { Instant } from '../../base/clock.ts';
import type { PublicKey } from '../../base/keys.ts';
import type { VerifierKey } from '../../tlog/verifier-key.ts';
import type { Certificate } from '../x509/certificate.ts';

/** A transparency log (Rekor, CT or embedded) whose key is trusted for a time. */
export interface TrustedLog {
  /** 64 lowercase hexadecimal digits; 8 for newer logs whose trusted root gives no more. */
  readonly logId: string;
  /** What the trusted root says that checkpoints name the log's key by, if it does: 8 or 64 hexadecimal digits. */
  readonly checkpointKeyId: string | undefined;
  /** The log's name in checkpoints: its URL without scheme and trailing slash; empty where no URL is known. */
  readonly origin: string;
  /** How to call it: its origin, else its id. */
  readonly name: string;
  readonly url: string;
  readonly key: PublicKey;
  /** What it may sign checkpoints of its origin as; none without one. */
  readonly noteKeys: readonly VerifierKey[];
  /** What it may sign checkpoints of Rekor v1 as: under any name. */
  readonly rekorV1Keys: readonly VerifierKey[];
  /** Both ends inclusive. A log without a start in its trusted root has NaN here: it never was valid. */
  readonly validFrom: Instant;
  readonly validUntil: Instant;
}

/** Whether an entry that names its log by `id` means this one: by its log id or its checkpoint key id, either of which may be cut. */
export function isLogNamed(log: Pick<TrustedLog, 'logId' | 'checkpointKeyId'>, id: string): boolean {
  return isIdOf(log.logId, id) || (log.checkpointKeyId !== undefined && isIdOf(log.checkpointKeyId, id));
}

const isIdOf = (own: string, id: string) => own === id || (own.length === 8 && id.startsWith(own));

/** One certificate of a trusted chain, already checked against the next one. */
export interface ChainMember {
  readonly certificate: Certificate;
  readonly key: PublicKey;
  readonly isAuthority: boolean;
  readonly pathLength: number;
}

/** A certificate or timestamp authority: its chain, leaf first, and when the whole of it was valid. */
export interface TrustedAuthority {
  readonly uri: string;
  readonly chain: readonly ChainMember[];
  /** Whether CT logs must vouch for what it issues. */
  readonly needsSct?: boolean;
  /** Both ends inclusive: what the trusted root says, narrowed to the certificates' own validity. */
  readonly validFrom: Instant;
  readonly validUntil: Instant;
}

/**
 * An instance: certificate authorities, CT logs, transparency logs and timestamp authorities that belong together. What
 * one of them certifies only its own logs and timestamp authorities vouch for.
 */
export interface VerifierInstance {
  /** How to call it in verdicts. */
  readonly name: string;
  /** The built-in public name that it was added by; anyone can get a certificate there. */
  readonly builtIn: string | undefined;
  readonly authorities: readonly TrustedAuthority[];
  readonly ctLogs: readonly TrustedLog[];
  readonly logs: readonly TrustedLog[];
  readonly timestampAuthorities: readonly TrustedAuthority[];
  /** Whether it has a transparency log, usable here or not: then what it certifies must be logged. */
  readonly hasLog: boolean;
}

/** A key that may sign attestations. */
export interface AttestorKey {
  readonly key: PublicKey;
  /** How to call it: by its target, or by the file that was given. */
  readonly name: string;
  /** The target that distributes it. Without one it has no name that a policy could mean. */
  readonly target?: string | undefined;
  /** The only type of statements that it may sign, where it is the key of a registry. */
  readonly predicateType?: string;
  readonly validFrom: Instant;
  readonly validUntil: Instant;
}
