import { expect, test } from 'vitest';
import { instant } from '../../src/base/clock.ts';
import { formatMetrics } from '../../src/trust/metrics.ts';
import type { TrustStatus } from '../../src/trust/status.ts';

test('labels of hostile names stay labels', () => {
  const status = {
    generation: {
      number: 1,
      state: {
        source: { kind: 'sync' },
        logs: [{ origin: 'a"} 1\nevil{x="\\', tree_size: 5, first_index: 0 }],
      },
    },
    freshness: { state: 'fresh', reference: 1000, age: 6000, acceptedUntil: 2000 },
    roles: [{ name: 'team "x"', version: 3, expires: 5000 }],
    keys: [],
    problems: [],
    repositories: [],
  } as unknown as TrustStatus;
  const lines = formatMetrics(status, undefined, instant(7000)).trimEnd().split('\n');
  expect(lines).toContain('stella_trust_age_seconds 6');
  expect(lines).toContain('stella_tuf_role_expires_timestamp_seconds{role="team \\"x\\""} 5');
  expect(lines).toContain('stella_log_tree_size{origin="a\\"} 1\\nevil{x=\\"\\\\"} 5');
  expect(lines.filter((line) => line.startsWith('evil'))).toEqual([]);
});

test('a store that does not verify is a metric, and what the syncs came to is kept', () => {
  const text = formatMetrics(
    undefined,
    {
      format: 'stella-sync/v1',
      failures: 2,
      failures_since: 1,
      last_failure: { at: '2026-01-25T12:00:00Z', code: 'TUF_EXPIRED', message: 'm' },
    },
    instant(0),
  );
  expect(text).toContain('stella_trust_valid 0\n');
  expect(text).toContain('stella_sync_last_failure_timestamp_seconds{code="TUF_EXPIRED"} 1769342400\n');
});
