import {
  days,
  durationBetween,
  formatDuration,
  formatInstant,
  type Instant,
  inSeconds,
  instantAtSeconds,
} from '../../base/clock.ts';
import { maskUrl } from '../../base/safety/masked-url.ts';
import type { Config, ConfigKey } from '../../config/config.ts';
import { formatUsedConfiguration } from '../../config/used-configuration.ts';
import { usedConfiguration } from '../../config/widening.ts';
import type { StoreState } from '../../store/store.ts';
import type { PolicyState, WitnessState } from '../../tlog/witness-policy.ts';
import { adviceOfSource, formatFreshness, freshnessJson } from '../../trust/freshness.ts';
import { adviceOnUnusedKeys } from '../../trust/key-list.ts';
import { refusalsOf, type TrustStatus } from '../../trust/status.ts';
import { formatCount, formatNumber, formatTable } from '../terminal/output.ts';
import { pinnedKeysJson, pinnedKeysText } from './pinned-keys.ts';
import { howPinned, repositoriesStatusJson, repositoriesStatusText } from './repositories-status.ts';
import { secondOpinionText } from './second-opinion-text.ts';

const at = (instant: Instant | undefined) => (instant === undefined ? '-' : formatInstant(instant));

export interface Shown {
  readonly keys: boolean;
  readonly endpoints: boolean;
}

/** The status as one JSON document; always complete. */
export function statusJson(status: TrustStatus, config: Config, store: string): object {
  const { generation, freshness, sync } = status;
  const { state } = generation;
  const refusals = refusalsOf(status);
  const advice = adviceOfSource(state.source);
  return {
    store,
    generation: generation.number,
    created_at: state.created_at,
    pin: state.pin,
    source: sourceJson(state.source),
    url: maskUrl(state.tuf.url),
    freshness: {
      ...freshnessJson(freshness),
      reference: formatInstant(freshness.reference),
      fresh_until: formatInstant(freshness.freshUntil),
      warn_seconds: inSeconds(freshness.window.warn),
      advice_seconds: advice === undefined ? null : inSeconds(days(advice)),
    },
    second_opinion: state.second_opinion ?? null,
    trust_roles: state.trust_roles ?? [],
    clock_floor: state.clock_floor,
    roles: status.roles.map((role) => ({
      ...role,
      expires: formatInstant(role.expires),
      expired: role.expires <= status.rolesAsOf,
    })),
    roles_as_of: formatInstant(status.rolesAsOf),
    service_map_target: config.serviceMapTarget,
    rekor_key_targets: config.rekorKeyTargets,
    rekor_key_targets_missing: status.missingRekorKeys,
    unused_keys: status.unusedKeys.map(({ name, usage }) => ({ target: name, usage })),
    environment: config.environment ?? null,
    keys: status.keys.map((key) => ({
      target: key.target,
      id: key.id,
      algorithm: key.algorithm ?? null,
      usage: key.usage,
      uri: key.uri === undefined ? null : maskUrl(key.uri),
      state: key.life,
      since: key.since === undefined ? null : formatInstant(key.since),
      from: key.from === undefined ? null : formatInstant(key.from),
      until: key.until === undefined ? null : formatInstant(key.until),
    })),
    endpoints: status.services
      ? { from: status.services.from, ...endpointsJson(status.services.endpoints) }
      : null,
    ...(status.servicesProblem
      ? { endpoints_problem: { code: status.servicesProblem.code, message: status.servicesProblem.message } }
      : {}),
    logs: state.logs.map(({ checkpoint: _, ...log }) => {
      const cosigned = status.witnesses.get(log.origin);
      return cosigned
        ? { ...log, quorum_met: cosigned.isMet, witnesses: cosigned.witnesses.map(witnessJson) }
        : log;
    }),
    log_coverage: status.logs.map(({ url, ...log }) => ({
      ...log,
      url: maskUrl(url),
      size: log.size ?? null,
    })),
    bundle_keys: state.bundle_keys,
    pinned_bundle_keys: pinnedKeysJson(status.pinnedBundleKeys),
    sync: sync ?? null,
    ...repositoriesStatusJson(status),
    ...(refusals.length === 0 ? {} : { problems: refusals.map(({ code, message }) => ({ code, message })) }),
  };
}

/** Without what earlier versions kept of a producer that had no advice. */
function sourceJson(source: StoreState['source']): object {
  if (source.kind === 'sync') return { ...source, url: maskUrl(source.url) };
  if (adviceOfSource(source) !== undefined) return source;
  const { stale_after_days: _, ...rest } = source;
  return rest;
}

function endpointsJson(endpoints: NonNullable<TrustStatus['services']>['endpoints']): object {
  const { logs, fulcio, tsa, ctlog, environment } = endpoints;
  return {
    environment: environment ?? null,
    logs,
    fulcio: fulcio ?? null,
    tsa: tsa ?? null,
    ctlog: ctlog ?? null,
  };
}

export function statusText(status: TrustStatus, config: Config, store: string, shown: Shown): string {
  const { generation, sync } = status;
  const { state } = generation;
  const how = howPinned(state.pin);
  const source =
    state.source.kind === 'sync'
      ? `synced from ${maskUrl(state.source.url)}`
      : `imported: bundle ${state.source.sequence} of ${state.source.producer.name}, sealed ${state.source.sealed_at}`;
  const from = (key: ConfigKey) => {
    const origin = config.origins[key];
    return origin.where === undefined ? origin.source : `${origin.source} ${origin.where}`;
  };
  const lines = [
    `trust store         ${store}`,
    `configuration       ${formatUsedConfiguration(usedConfiguration(config))}`,
    `generation          ${generation.number}, made ${state.created_at}, ${source}`,
    `root pin            version ${state.pin.version}, sha256:${state.pin.sha256}, ${how} (${state.pin.at})`,
    `pinned bundle keys  ${pinnedKeysText(status.pinnedBundleKeys)}`,
    `second opinion      ${secondOpinionText(state)}`,
    `freshness           ${standing(status)}`,
    `service_map_target  ${config.serviceMapTarget} (${from('service_map_target')}): ${services(status, config)}`,
    `rekor_key_targets   ${config.rekorKeyTargets.join(', ')} (${from('rekor_key_targets')})${missing(status, config)}`,
  ];
  for (const { text } of adviceOnUnusedKeys(status.unusedKeys, config))
    lines.push(`unused key          ${text}`);
  if (config.trustRoles.length > 0 || (state.trust_roles ?? []).length > 0)
    lines.push(
      `trust_roles         ${config.trustRoles.join(', ')} (${from('trust_roles')})${outdatedRoles(state, config)}`,
    );
  if (config.environment !== undefined)
    lines.push(`environment         ${config.environment} (${from('environment')})`);
  lines.push(
    `last sync           ${sync?.checked_at ?? 'never'}`,
    `last failure        ${sync?.last_failure ? `${sync.last_failure.at} [${sync.last_failure.code}] ${sync.last_failure.message}` : 'none'}`,
    '',
    formatTable([
      ['ROLE', 'VERSION', 'EXPIRES', ''],
      ...status.roles.map((role) => [
        role.name,
        String(role.version),
        formatInstant(role.expires),
        left(role.expires, status),
      ]),
    ]),
  );
  lines.push(...repositoriesStatusText(status));
  if (status.logs.length > 0) {
    const rows = status.logs.map((log) => {
      const carried = state.logs.find(({ origin }) => origin === log.origin);
      return [
        log.origin,
        log.held,
        log.size === undefined ? '-' : formatNumber(log.size),
        carried ? String(carried.first_index) : '-',
        carried ? state.reference_time : '-',
        maskUrl(log.url),
      ];
    });
    lines.push('', formatTable([['LOG', 'HELD', 'SIZE', 'PROVABLE FROM', 'AS OF', 'URL'], ...rows]));
    for (const [origin, cosigned] of status.witnesses) lines.push(witnessText(origin, cosigned));
  }
  if (shown.keys) lines.push('', keysText(status));
  else lines.push('', `${formatCount(allKeysOf(status).length, 'key')}: --show-keys lists them`);
  if (shown.endpoints) lines.push('', endpointsText(status));
  return lines.join('\n');
}

/** Which delegated roles count was decided when the generation was made; the configuration may have changed since. */
function outdatedRoles({ trust_roles: made = [] }: StoreState, { trustRoles }: Config): string {
  const isSame = made.length === trustRoles.length && made.every((role) => trustRoles.includes(role));
  return isSame
    ? ''
    : `: the store was made with ${made.join(', ') || 'none'}; sync or import to apply the change`;
}

function witnessJson({ name, cosignedAt }: WitnessState): object {
  return { name, cosigned_at: cosignedAt === undefined ? null : formatSeconds(cosignedAt) };
}

function witnessText(origin: string, { isMet, witnesses }: PolicyState): string {
  const signed = witnesses.flatMap(({ name, cosignedAt }) =>
    cosignedAt === undefined ? [] : [`${name} at ${formatSeconds(cosignedAt)}`],
  );
  const who = signed.length === 0 ? 'no witness' : signed.join(', ');
  return `${origin}: cosigned by ${who}; the tlog policy is ${isMet ? '' : 'not '}met`;
}

/** Seconds since 1970, which a witness may put beyond what a date can be. */
function formatSeconds(seconds: bigint): string {
  return seconds < 253_402_300_800n ? formatInstant(instantAtSeconds(seconds)) : `${seconds} s after 1970`;
}

function services(status: TrustStatus, config: Config): string {
  if (status.servicesProblem) return status.servicesProblem.message;
  if (!status.services) return 'not in the repository';
  if (config.serviceMapFile !== undefined) return `replaced by ${status.services.from}`;
  return `found as ${status.services.from}`;
}

function missing({ missingRekorKeys }: TrustStatus, { rekorKeyTargets }: Config): string {
  if (missingRekorKeys.length === 0) return '';
  const which = missingRekorKeys.length === rekorKeyTargets.length ? '' : `${missingRekorKeys.join(', ')} `;
  return `: ${which}not in the repository`;
}

/** How fresh it is, unless the clock cannot tell. */
export function standing({ freshness, generation, problems }: TrustStatus): string {
  const behind = problems.find(({ code }) => code === 'CLOCK_BEHIND');
  if (behind) return `unknown: ${behind.message}`;
  return formatFreshness(freshness, generation.state.source.kind === 'sync' ? 'synced' : 'sealed');
}

/** Of what was imported, nothing expires but the window: a role was valid when the bundle was sealed, or was not. */
function left(expires: Instant, { now, rolesAsOf, generation }: TrustStatus): string {
  if (generation.state.source.kind === 'import' && expires > rolesAsOf) return 'valid as of the sealed time';
  return expires > now
    ? `in ${formatDuration(durationBetween(now, expires))}`
    : `EXPIRED ${formatDuration(durationBetween(expires, now))} ago`;
}

/** Keys of all repositories; the targets of further ones are named with them. */
function allKeysOf({ keys, repositories }: TrustStatus): TrustStatus['keys'] {
  const further = repositories.flatMap(({ repository: { name }, keys: own }) =>
    own.map((key) => ({ ...key, target: `${name}: ${key.target}` })),
  );
  return [...keys, ...further];
}

function keysText(status: TrustStatus): string {
  if (allKeysOf(status).length === 0) return 'no keys';
  return formatTable([
    ['TARGET', 'USAGE', 'STATE', 'SINCE', 'UNTIL', 'ALGORITHM', 'ID'],
    ...allKeysOf(status).map((key) => [
      key.target,
      key.usage,
      key.life,
      at(key.from),
      at(key.life === 'revoked' ? key.since : key.until),
      key.algorithm ?? '-',
      key.id,
    ]),
  ]);
}

function endpointsText(status: TrustStatus): string {
  if (status.servicesProblem) return `no endpoints: ${status.servicesProblem.message}`;
  if (!status.services) return 'no endpoints: there is no service map';
  const { from, endpoints } = status.services;
  const { logs, fulcio, tsa, ctlog } = endpoints;
  const rows = [
    ...logs.map((log) => ['rekor', log.url, log.publicKeyTarget ?? '-', log.source]),
    ...Object.entries({ fulcio, tsa, ctlog })
      .filter(([, service]) => service !== undefined)
      .map(([name, service]) => [name, service!.url, service!.target ?? '-', service!.source]),
  ];
  return `endpoints of ${from}\n${formatTable([['SERVICE', 'URL', 'TARGET', 'FROM'], ...rows])}`;
}

/** `root 15, timestamp 762, …`: top-level roles in the order in which they are trusted, then delegated ones. */
export function formatRoles(roles: Readonly<Record<string, { readonly version: number }>>): string {
  const top = ['root', 'timestamp', 'snapshot', 'targets'];
  const rank = (name: string) => (top.includes(name) ? top.indexOf(name) : top.length);
  return Object.entries(roles)
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([name, { version }]) => `${name} ${version}`)
    .join(', ');
}
