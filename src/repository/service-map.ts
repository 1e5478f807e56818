import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { type PublicKey, parsePublicKey } from '../base/keys.ts';
import { parseJson } from '../base/schema.ts';
import { formatServiceMap, parseServiceMap, type ServiceMap } from '../config/service-map.ts';
import { findLogApi, type LogApi } from '../logs/log-api.ts';
import { identifyLog, originLine } from '../logs/log-identity.ts';
import { logUrl } from '../logs/source.ts';
import type { Fetcher } from '../net/types.ts';
import { originOf, rekorV1Tree } from '../tlog/origin.ts';

/** What a log says of itself. */
export interface AskedLog {
  readonly url: string;
  readonly api: LogApi;
  /** What it signs as; of Rekor v1 with the tree that is active now, which is no part of a service map. */
  readonly origin: string;
  readonly size: bigint;
  /** 64 hexadecimal digits; not known of a tile log without a key. */
  readonly logId: string | undefined;
  /**
   * Whether a key that the author gave has signed this. Else it is what the server says: taken on first sight.
   */
  readonly isConfirmed: boolean;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_KEY_BYTES = 64 * 1024;

/**
 * Asks a log what it serves, what it signs as and what its id is.
 * @param keys what the author knows to be the keys of logs; one of them has to be this log's, if any is given
 * @throws StellaError FETCH_*, OFFLINE, NOTE_INVALID, CHECKPOINT_INVALID; CHECKPOINT_SIGNATURE when none of the keys is the
 * log's
 */
export async function askLog(
  url: string,
  fetcher: Fetcher,
  keys: readonly PublicKey[],
  known?: LogApi,
): Promise<AskedLog> {
  const found = await findLogApi(url, fetcher, known);
  const { api } = found;
  const checkpoint = api === 'tiles' ? found.checkpoint : await rekorV1Head(url, fetcher);
  const isConfirmed = keys.length > 0;
  const candidates = isConfirmed || api === 'tiles' ? keys : await rekorV1Keys(url, fetcher);
  if (candidates.length === 0) {
    const { origin, size } = readUnverified(checkpoint);
    return { url, api, origin, size, logId: undefined, isConfirmed };
  }
  const { origin, size, logId } = identifyLog(checkpoint, candidates);
  return { url, api, origin, size, logId, isConfirmed };
}

function readUnverified(checkpoint: Uint8Array): { origin: string; size: bigint } {
  const lines = Buffer.from(checkpoint).toString('utf8').split('\n');
  return { origin: originLine(checkpoint), size: BigInt(/^\d{1,19}$/.exec(lines[1] ?? '')?.[0] ?? 0) };
}

async function rekorV1Head(url: string, fetcher: Fetcher): Promise<Uint8Array> {
  const address = logUrl(url, 'api/v1/log');
  const { bytes } = await fetcher.fetch(address, { most: MAX_ANSWER_BYTES });
  return Buffer.from(parseJson('rekor-v1-log', bytes, address).signedTreeHead);
}

/** The key that Rekor v1 says is its own: as good as the connection that it came by. */
async function rekorV1Keys(url: string, fetcher: Fetcher): Promise<PublicKey[]> {
  try {
    const { bytes } = await fetcher.fetch(logUrl(url, 'api/v1/log/publicKey'), { most: MAX_KEY_BYTES });
    return [parsePublicKey(bytes)];
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND') || isStellaError(error, 'KEY_INVALID')) return [];
    throw error;
  }
}

/** What a service map is to say of a log. */
export function logEntry(asked: AskedLog, target: string | undefined): NonNullable<ServiceMap['rekor']> {
  const { url, api, origin, logId } = asked;
  const isByUrl = api === 'v1' || origin === originOf(url);
  const entry = {
    url,
    ...(logId === undefined ? {} : { log_id: logId }),
    ...(target === undefined ? {} : { public_key_target: target }),
    api,
    ...(isByUrl ? {} : { origin }),
  };
  return parseServiceMap(Buffer.from(JSON.stringify({ version: 1, rekor: entry })), `the log ${url}`).rekor!;
}

/** What the author asks of a map: addresses of services, and targets with their keys. */
export interface MapRequest {
  readonly rekor?: NonNullable<ServiceMap['rekor']>;
  readonly logs?: readonly NonNullable<ServiceMap['rekor']>[];
  readonly fulcio?: ServiceMap['fulcio'];
  readonly tsa?: ServiceMap['tsa'];
  readonly ctlog?: ServiceMap['ctlog'];
  /** The environment whose override is meant, instead of the services themselves. */
  readonly environment?: string;
}

/**
 * A service map with what is asked for in it; what a map that is there already says else stays.
 * @returns checked JSON
 * @throws StellaError SERVICE_MAP_INVALID, URL_CREDENTIALS; USAGE for an environment with what overrides cannot say
 */
export function composeServiceMap(from: ServiceMap | undefined, request: MapRequest): Uint8Array {
  const { environment, rekor, logs = [], fulcio, tsa, ctlog } = request;
  const base: ServiceMap = from ?? { version: 1 };
  if (environment === undefined) {
    const map = {
      ...base,
      ...(rekor ? { rekor } : {}),
      ...(fulcio ? { fulcio } : {}),
      ...(tsa ? { tsa } : {}),
      ...(ctlog ? { ctlog } : {}),
      ...(logs.length > 0 ? { logs: [...(base.logs ?? []), ...logs] } : {}),
    };
    return checked(map);
  }
  const unsayable =
    logs.length > 0 ? 'further logs' : (tsa?.cert_chain_target ?? ctlog?.public_key_target ?? ctlog?.log_id);
  if (unsayable !== undefined)
    throw new StellaError('USAGE', `an environment has no place for ${excerpt(unsayable)}`, {
      hint: 'say it for the service itself, without --environment',
    });
  const override = {
    ...(rekor ? prefixed('rekor', rekor) : {}),
    ...(fulcio ? prefixed('fulcio', fulcio) : {}),
    ...(tsa ? prefixed('tsa', tsa) : {}),
    ...(ctlog ? prefixed('ctlog', ctlog) : {}),
  };
  const before = new Map(Object.entries(base.overrides ?? {})).get(environment);
  // What was said of a log goes with its address.
  const kept = Object.entries(before ?? {}).filter(([field]) => !rekor || !field.startsWith('rekor_'));
  const overrides = new Map<string, unknown>(Object.entries(base.overrides ?? {}));
  overrides.set(environment, { ...Object.fromEntries(kept), ...override });
  return checked({ ...base, overrides: Object.fromEntries(overrides) });
}

const prefixed = (service: string, entry: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(entry).map(([field, value]) => [`${service}_${field}`, value as unknown]),
  );

function checked(map: object): Uint8Array {
  return formatServiceMap(parseServiceMap(Buffer.from(JSON.stringify(map)), 'the service map'));
}

/** One thing that a log says otherwise than the service map. */
export interface MapFinding {
  /** Which entry: `rekor`, `logs.0`, `overrides.staging`. */
  readonly where: string;
  readonly url: string;
  readonly asked?: AskedLog;
  readonly problems: readonly string[];
}

/**
 * Asks every log of a service map whether it is what the map says. One that cannot be had is a finding like any other.
 * @throws StellaError nothing but what no log can cause
 */
export async function checkServiceMap(
  map: ServiceMap,
  fetcher: Fetcher,
  keys: readonly PublicKey[],
): Promise<MapFinding[]> {
  const entries = [
    ...(map.rekor ? [{ where: 'rekor', log: map.rekor }] : []),
    ...(map.logs ?? []).map((log, i) => ({ where: `logs.${i}`, log })),
    ...Object.entries(map.overrides ?? {}).flatMap(([name, own]) =>
      own.rekor_url === undefined
        ? []
        : [
            {
              where: `overrides.${name}`,
              log: {
                url: own.rekor_url,
                log_id: own.rekor_log_id,
                origin: own.rekor_origin,
                api: own.rekor_api,
              },
            },
          ],
    ),
  ];
  return await Promise.all(entries.map(({ where, log }) => checkEntry(where, log, fetcher, keys)));
}

interface SaidOfLog {
  readonly url: string;
  readonly log_id?: string | undefined;
  readonly origin?: string | undefined;
  readonly api?: LogApi | undefined;
}

async function checkEntry(
  where: string,
  said: SaidOfLog,
  fetcher: Fetcher,
  keys: readonly PublicKey[],
): Promise<MapFinding> {
  const { url } = said;
  try {
    const asked = await askLog(url, fetcher, keys);
    const origin = said.origin ?? originOf(url);
    const isTree = rekorV1Tree(asked.origin) !== undefined;
    const problems = [
      ...(said.api !== undefined && said.api !== asked.api
        ? [`it serves ${asked.api}, the map says ${said.api}`]
        : []),
      ...(!isTree && origin !== asked.origin
        ? [
            `it signs as ${excerpt(asked.origin)}, the map says ${said.origin === undefined ? 'nothing, which means' : ''} ${excerpt(origin)}`.replace(
              '  ',
              ' ',
            ),
          ]
        : []),
      ...(said.log_id !== undefined && asked.logId !== undefined && said.log_id !== asked.logId
        ? [`its id is ${asked.logId}, the map says ${said.log_id}`]
        : []),
    ];
    return { where, url, asked, problems };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return { where, url, problems: [`${error.message} [${error.code}]`] };
  }
}
