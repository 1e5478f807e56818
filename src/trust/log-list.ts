import type { Instant } from '../base/clock.ts';
import { isStellaError } from '../base/errors.ts';
import { type PublicKey, parsePublicKey } from '../base/keys.ts';
import type { Endpoints, LogEndpoint } from '../config/service-map.ts';
import { originOf } from '../tlog/origin.ts';
import type { TrustedRoot, TrustedRootLog } from './trusted-root.ts';

/** A log that the trust names, and what it says of it. */
export interface NamedTrustLog {
  /** As the service map or the trusted root has it. */
  readonly url: string;
  readonly from: 'service map' | 'trusted root';
  /** What it signs its checkpoints as: what the service map says, else its URL without scheme (C2SP tlog-checkpoint). */
  readonly origin: string;
  /** Whether the service map says the origin itself, or said it for a trusted root. */
  readonly isOriginSaid: boolean;
  /**
   * The keys by which another origin may be found in a checkpoint: those that TUF names for this log. None where the service
   * map says the origin, and where a trusted root was published, of which every client takes the origin from the URL.
   */
  readonly ownKeys: readonly PublicKey[];
  /** The keys that may sign its checkpoints. */
  readonly keys: readonly PublicKey[];
  readonly logId: string | undefined;
  readonly api: 'tiles' | 'v1' | undefined;
}

/** What the trust of one home repository and of further instances amounts to, as far as logs are concerned. */
export interface LogSources {
  readonly endpoints: Endpoints | undefined;
  /** The home repository's. */
  readonly trustedRoot: TrustedRoot;
  /** Whether the home repository publishes its trusted root, or it was assembled from targets. */
  readonly isPublished: boolean;
  /** Addresses that targets with keys of logs say themselves, where the trusted root was assembled from them. */
  readonly addresses?: ReadonlySet<string>;
  /** Trusted roots of further instances. */
  readonly further?: readonly TrustedRoot[];
}

/**
 * The logs that the trust names at an instant: those of the service map, then those of the trusted roots whose keys are
 * valid then. One that both name is listed once, as the service map has it.
 */
export function namedLogs(sources: LogSources, now: Instant): NamedTrustLog[] {
  const { endpoints, trustedRoot, isPublished, addresses = new Set(), further = [] } = sources;
  const own = trustedRoot.tlogs.flatMap(keyed);
  const all = own.map(({ key }) => key);
  const ofMap = (endpoints?.logs ?? []).map((log) => ofEndpoint(log, own, all, isPublished));
  const mapped = new Set(
    ofMap.flatMap(({ origin, url }) => [origin, originOf(url), withoutApi(originOf(url))]),
  );
  // Of an assembled root some addresses are only names that clients need.
  const known = isPublished
    ? trustedRoot.tlogs
    : trustedRoot.tlogs.filter(({ baseUrl }) => addresses.has(baseUrl));
  const byOrigin = new Map<string, NamedTrustLog>();
  for (const { log, key } of [...known, ...further.flatMap((root) => root.tlogs)].flatMap(keyed)) {
    const origin = originOf(log.baseUrl);
    if (!/^(?:https?|file):\/\//.test(log.baseUrl) || mapped.has(origin) || !isValidAt(log, now)) continue;
    const before = byOrigin.get(origin);
    byOrigin.set(origin, {
      url: log.baseUrl,
      from: 'trusted root',
      origin,
      isOriginSaid: true,
      ownKeys: [],
      keys: [...(before?.keys ?? []), key],
      logId: undefined,
      api: undefined,
    });
  }
  return [...ofMap, ...byOrigin.values()];
}

/** The path below which Rekor v2 serves checkpoint and tiles. */
const withoutApi = (origin: string) => origin.replace(/\/api\/v2$/, '');

interface KeyedLog {
  readonly log: TrustedRootLog;
  readonly key: PublicKey;
}

/** A key of a kind that is not known signs nothing that could be checked here. */
function keyed(log: TrustedRootLog): KeyedLog[] {
  try {
    return [{ log, key: parsePublicKey(log.publicKey) }];
  } catch (error) {
    if (!isStellaError(error, 'KEY_INVALID')) throw error;
    return [];
  }
}

/** Both ends belong to it; a log whose start is unknown is valid never. */
const isValidAt = ({ validFrom, validUntil }: TrustedRootLog, now: Instant) =>
  validFrom !== undefined && validFrom <= now && (validUntil === undefined || now <= validUntil);

function ofEndpoint(
  log: LogEndpoint,
  own: readonly KeyedLog[],
  all: readonly PublicKey[],
  isPublished: boolean,
): NamedTrustLog {
  const origin = log.origin ?? originOf(log.url);
  const isOwn = ({ log: { baseUrl } }: KeyedLog) => originOf(baseUrl) === origin;
  return {
    url: log.url,
    from: 'service map',
    origin,
    isOriginSaid: log.origin !== undefined,
    ownKeys: isPublished || log.origin !== undefined ? [] : own.filter(isOwn).map(({ key }) => key),
    keys: all,
    logId: log.logId,
    api: log.api,
  };
}
