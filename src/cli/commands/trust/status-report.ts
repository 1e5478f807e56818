import { join } from 'node:path';
import { addDuration, days } from '../../../base/clock.ts';
import { readBoundedIfPresent } from '../../../base/files.ts';
import { maskUrl } from '../../../base/safety/masked-url.ts';
import type { Config } from '../../../config/config.ts';
import { formatUsedConfiguration } from '../../../config/used-configuration.ts';
import { usedConfiguration } from '../../../config/widening.ts';
import type { TrustStore } from '../../../store/store.ts';
import { adviceOfSource } from '../../../trust/freshness.ts';
import type { TrustStatus } from '../../../trust/status.ts';
import { pinnedKeysText } from '../../report/pinned-keys.ts';
import type { Report } from '../../report/report.ts';
import { repositoryStanding } from '../../report/repositories-status.ts';
import { rolesWithSigners } from '../../report/roles.ts';
import { formatRoles, standing } from '../../report/status-text.ts';
import { examine } from '../own/doctor.ts';

const MAX_METADATA_BYTES = 8 * 1024 * 1024;

/** What `trust status --html` draws. */
export async function statusReport(status: TrustStatus, store: TrustStore, config: Config): Promise<Report> {
  const { generation, freshness, now } = status;
  const { state, tufDirectory } = generation;
  const { source } = state;
  const advice = adviceOfSource(source);
  const findings = await examine(store, config, now);
  return {
    title: `Trust store, generation ${generation.number}`,
    standing: `Verified again from the pinned root when this page was written. ${
      source.kind === 'import'
        ? `Behind the gap: roles hold as of the sealed time, ${source.sealed_at}.`
        : `Synced from ${maskUrl(source.url)}.`
    }`,
    now,
    facts: [
      ['store', store.directory],
      ['configuration', formatUsedConfiguration(usedConfiguration(config))],
      ['made', state.created_at],
      ['freshness', standing(status)],
      ['root pin', `version ${state.pin.version}, sha256:${state.pin.sha256}, ${state.pin.how}`],
      ['pinned bundle keys', pinnedKeysText(status.pinnedBundleKeys)],
      ['clock floor', state.clock_floor],
      ...status.repositories.map(
        (one) =>
          [
            `repository ${one.repository.name}`,
            `${maskUrl(one.repository.tuf.url)}; root pin version ${one.repository.pin.version}, sha256:${one.repository.pin.sha256}, ${one.repository.pin.how}; ${formatRoles(one.repository.tuf.roles)}; ${repositoryStanding(one, source.kind === 'import' ? 'sealed' : 'synced')}`,
          ] as const,
      ),
      ...(source.kind === 'import'
        ? [
            [
              'bundle',
              `number ${source.sequence} of ${source.producer.name}, sha256:${source.manifest_sha256}`,
            ] as const,
          ]
        : []),
    ],
    roles: await rolesWithSigners(status.roles, async (name) =>
      readBoundedIfPresent(join(tufDirectory, name), MAX_METADATA_BYTES),
    ),
    rolesAsOf: status.rolesAsOf,
    advisedUntil: advice === undefined ? undefined : addDuration(freshness.reference, days(advice)),
    window: {
      reference: freshness.reference,
      freshUntil: freshness.freshUntil,
      acceptedUntil: freshness.acceptedUntil,
    },
    keys: [
      ...status.keys,
      ...status.repositories.flatMap(({ repository, keys }) =>
        keys.map((key) => ({ ...key, target: `${repository.name}: ${key.target}` })),
      ),
    ].map((key) => ({
      name: key.target,
      usage: key.usage,
      life: key.life,
      since: key.life === 'revoked' ? key.since : key.from,
      until: key.until,
      id: key.id,
    })),
    logs: state.logs.map((log) => ({
      origin: log.origin,
      size: log.tree_size,
      firstIndex: log.first_index,
      consistentFrom: undefined,
      rootHash: log.root_hash,
    })),
    checks: findings.map(({ check, result, detail }) => ({ name: check, result, detail })),
    sizes: [],
  };
}
