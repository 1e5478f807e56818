import { type Instant, instant } from '../base/clock.ts';
import type { SyncRecord } from '../store/sync-record.ts';
import { refusalsOf, type TrustStatus } from './status.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const seconds = (instant: Instant) => instant / 1000;

function label(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string[] {
  if (samples.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => {
      const text = Object.entries(labels).map(([key, each]) => `${key}="${label(each)}"`);
      return `${name}${text.length === 0 ? '' : `{${text.join(',')}}`} ${value}`;
    }),
  ];
}

const one = (value: number): Sample[] => [[{}, value]];

/**
 * The state of a trust store in Prometheus's text format 0.0.4, for a node exporter's textfile collector. Times are
 * seconds since 1970, so that ages go on growing although nobody writes the file anew.
 * @param status `undefined` when the store does not verify
 */
export function formatMetrics(
  status: TrustStatus | undefined,
  sync: SyncRecord | undefined,
  now: Instant,
): string {
  const lines = [
    ...family('stella_metrics_timestamp_seconds', 'gauge', 'When this file was written.', one(seconds(now))),
    ...family('stella_trust_valid', 'gauge', 'Whether the trust store verifies.', one(status ? 1 : 0)),
    ...(status ? storeLines(status) : []),
    ...(sync ? syncLines(sync) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function storeLines(status: TrustStatus): string[] {
  const { generation, freshness, keys, repositories } = status;
  const roles = [
    ...status.roles.map((role) => ({ ...role, of: {} })),
    ...repositories.flatMap((one) =>
      one.roles.map((role) => ({ ...role, of: { repository: one.repository.name } })),
    ),
  ];
  const refusals = refusalsOf(status).filter(
    ({ code }, i, all) => all.findIndex((other) => other.code === code) === i,
  );
  const states = ['fresh', 'stale', 'blocked'] as const;
  const counts = new Map<string, { usage: string; state: string; count: number }>();
  for (const { usage, life } of keys) {
    const id = `${usage} ${life}`;
    counts.set(id, { usage, state: life, count: (counts.get(id)?.count ?? 0) + 1 });
  }
  const { logs } = generation.state;
  return [
    ...family(
      'stella_trust_generation',
      'gauge',
      'Number of the current generation.',
      one(generation.number),
    ),
    ...family(
      'stella_trust_reference_timestamp_seconds',
      'gauge',
      'The instant that the trust speaks for.',
      one(seconds(freshness.reference)),
    ),
    ...family(
      'stella_trust_age_seconds',
      'gauge',
      'Age of the trust when this file was written.',
      one(freshness.age / 1000),
    ),
    ...family(
      'stella_trust_accepted_until_timestamp_seconds',
      'gauge',
      'When the staleness window ends.',
      one(seconds(freshness.acceptedUntil)),
    ),
    ...family(
      'stella_trust_freshness',
      'gauge',
      'Which freshness state applied when this file was written.',
      states.map((state) => [{ state }, freshness.state === state ? 1 : 0]),
    ),
    ...family(
      'stella_tuf_role_version',
      'gauge',
      'Version of a TUF role.',
      roles.map((role) => [{ role: role.name, ...role.of }, role.version]),
    ),
    // Of what was imported the window ends; an alert on a role that nothing there can renew would never be silent.
    ...(generation.state.source.kind === 'import'
      ? family(
          'stella_tuf_carried_role_expires_timestamp_seconds',
          'gauge',
          'Expiry of a TUF role as carried; it had to be valid when the bundle was sealed.',
          roles.map((role) => [{ role: role.name, ...role.of }, seconds(role.expires)]),
        )
      : family(
          'stella_tuf_role_expires_timestamp_seconds',
          'gauge',
          'Expiry of a TUF role.',
          roles.map((role) => [{ role: role.name, ...role.of }, seconds(role.expires)]),
        )),
    ...family(
      'stella_trust_refused',
      'gauge',
      'Whether other commands refuse the trust store, and for which reasons.',
      refusals.length === 0 ? one(0) : refusals.map(({ code }) => [{ code }, 1]),
    ),
    ...family(
      'stella_trust_keys',
      'gauge',
      'Keys and certificates by usage and state.',
      [...counts.values()].map(({ usage, state, count }) => [{ usage, state }, count]),
    ),
    ...family(
      'stella_log_tree_size',
      'gauge',
      'Size of a transparency log at the checkpoint held.',
      logs.map((log) => [{ origin: log.origin }, log.tree_size]),
    ),
    ...family(
      'stella_log_first_index',
      'gauge',
      'Lowest entry that is provable from the tiles held.',
      logs.map((log) => [{ origin: log.origin }, log.first_index]),
    ),
    ...family(
      'stella_repository_reference_timestamp_seconds',
      'gauge',
      'The instant that a further repository speaks for.',
      repositories.map((one) => [{ repository: one.repository.name }, seconds(one.freshness.reference)]),
    ),
    ...family(
      'stella_repository_accepted_until_timestamp_seconds',
      'gauge',
      'When the staleness window of a further repository ends.',
      repositories.map((one) => [{ repository: one.repository.name }, seconds(one.freshness.acceptedUntil)]),
    ),
    ...family(
      'stella_repository_blocked',
      'gauge',
      'Whether attestations of the instance of a further repository are refused, and for which reason.',
      repositories.map(({ repository: { name }, blocked }) => [
        { repository: name, ...(blocked ? { code: blocked.code } : {}) },
        blocked ? 1 : 0,
      ]),
    ),
    ...family(
      'stella_repository_sync_failures_since_success',
      'gauge',
      'Syncs of a further repository that failed since the last that succeeded.',
      repositories.flatMap((one): Sample[] =>
        one.sync ? [[{ repository: one.repository.name }, one.sync.failures_since]] : [],
      ),
    ),
  ];
}

function syncLines(sync: SyncRecord): string[] {
  const failure = sync.last_failure;
  return [
    ...family(
      'stella_sync_failures_total',
      'counter',
      'Syncs that failed since the store was made.',
      one(sync.failures),
    ),
    ...family(
      'stella_sync_failures_since_success',
      'gauge',
      'Syncs that failed since the last that succeeded.',
      one(sync.failures_since),
    ),
    ...(sync.checked_at === undefined
      ? []
      : family(
          'stella_sync_last_success_timestamp_seconds',
          'gauge',
          'When a sync last succeeded.',
          one(seconds(instant(Date.parse(sync.checked_at)))),
        )),
    ...(failure === undefined
      ? []
      : family(
          'stella_sync_last_failure_timestamp_seconds',
          'gauge',
          'When a sync last failed, and with which code.',
          [[{ code: failure.code }, seconds(instant(Date.parse(failure.at)))]],
        )),
  ];
}
