import {
  addDuration,
  days,
  durationBetween,
  formatDuration,
  type Instant,
  parseInstant,
} from '../../../base/clock.ts';
import type { Manifest, ManifestEntry } from '../../../bundle/manifest.ts';
import { sectionOf } from '../../../bundle/manifest.ts';
import type { SealedBundle } from '../../../bundle/open.ts';
import { signerIds } from '../../../bundle/signature.ts';
import { adviceOf, type Freshness, formatFreshness } from '../../../trust/freshness.ts';
import type { Report } from '../../report/report.ts';
import { rolesWithSigners } from '../../report/roles.ts';
import { formatRoles } from '../../report/status-text.ts';
import { formatBytes, formatCount, formatTable, printable } from '../../terminal/output.ts';

/** What a bundle says of itself, in sections of rows, for text and HTML alike. Nothing in it is verified. */
export interface BundleReport {
  readonly title: string;
  readonly sections: readonly { readonly heading: string; readonly rows: readonly (readonly string[])[] }[];
}

/** What the reports on a bundle are made from. */
export interface ReportedBundle {
  readonly bundle: SealedBundle;
  readonly name: string;
  /** Bytes of the file, where it is one. */
  readonly size: number | undefined;
  readonly now: Instant;
  /** By this machine's configuration and the producer's advice: what an import here goes by. */
  readonly freshness: Freshness;
  /** Why no log is carried, where none is. */
  readonly whyNoLogs?: string | undefined;
}

export function bundleReport(reported: ReportedBundle): BundleReport {
  const { bundle, name } = reported;
  const { manifest } = bundle;
  const sealedAt = parseInstant(manifest.sealed_at);
  return {
    title: name,
    sections: [
      { heading: 'Bundle', rows: facts(reported) },
      {
        heading: 'Signatures (not verified here)',
        rows: signerIds(bundle).map(({ kid, alg }) => [alg, `sha256:${kid}`]),
      },
      {
        heading: `TUF metadata of ${manifest.tuf.url}`,
        rows: Object.entries(manifest.tuf.roles).map(([role, { version, expires }]) => [
          role,
          `version ${version}`,
          expiry(expires, sealedAt),
        ]),
      },
      ...(manifest.repositories ?? []).map(({ name, url, as_of, roles }) => ({
        heading: `TUF metadata of the repository ${name} (${url})${as_of === undefined ? '' : ` as of ${as_of}`}`,
        rows: Object.entries(roles).map(([role, { version, expires }]) => [
          role,
          `version ${version}`,
          expiry(expires, sealedAt),
        ]),
      })),
      {
        heading: 'Logs',
        rows: reported.whyNoLogs === undefined ? manifest.logs.map(logRow) : [[reported.whyNoLogs]],
      },
      { heading: 'Attestations', rows: (manifest.attestations ?? []).map(({ name: one }) => [one]) },
      {
        heading: 'Entries',
        rows: sectionsOf(manifest).map((section) => sectionRow(section, manifest.entries)),
      },
    ].filter(({ rows }) => rows.length > 0),
  };
}

/** The folders of a bundle, in archive order; those of every bundle also where they are empty. */
function sectionsOf({ entries }: Manifest): string[] {
  const used = entries.flatMap(({ path }) => sectionOf(path) ?? []);
  return [...new Set(['attestations/', 'logs/', 'tuf/', ...used])].sort();
}

function facts({ bundle, name, size, now, freshness }: ReportedBundle): string[][] {
  const { manifest } = bundle;
  const advice = adviceOf(manifest);
  const content = manifest.entries.reduce((sum, entry) => sum + entry.size, 0);
  return [
    ['file', size === undefined ? name : `${name}, ${formatBytes(size)}`],
    ['manifest', `sha256:${bundle.manifestSha256}`],
    ['sealed at', `${manifest.sealed_at} (${age(parseInstant(manifest.sealed_at), now)})`],
    [
      'producer',
      `${manifest.producer.name}, version ${manifest.producer.version}, bundle number ${manifest.sequence}`,
    ],
    ['freshness', formatFreshness(freshness, 'sealed')],
    ['advice', advice === undefined ? 'none' : `the producer advises ${advice} days at most`],
    ['service map', manifest.service_map_target ?? 'none'],
    ...(manifest.base
      ? [['builds on', `bundle number ${manifest.base.sequence}, sha256:${manifest.base.manifest_sha256}`]]
      : []),
    ['content', `${formatCount(manifest.entries.length, 'entry', 'entries')}, ${formatBytes(content)}`],
  ];
}

function age(time: Instant, now: Instant): string {
  const past = durationBetween(time, now);
  return past >= 0 ? `${formatDuration(past)} ago` : `in ${formatDuration(durationBetween(now, time))}`;
}

/** Roles must be valid when the bundle is sealed: nothing behind the gap can renew them. */
function expiry(expires: string, sealedAt: Instant): string {
  return parseInstant(expires) <= sealedAt
    ? `EXPIRED ${expires}, before it was sealed`
    : `expires ${expires}, valid as of the sealed time`;
}

function logRow(log: Manifest['logs'][number]): string[] {
  return [
    log.origin,
    `${log.tree_size} entries`,
    log.first_index < log.tree_size ? `provable from ${log.first_index}` : 'no entry provable',
  ];
}

function sectionRow(section: string, entries: readonly ManifestEntry[]): string[] {
  const inside = entries.filter(({ path }) => path.startsWith(section));
  const size = inside.reduce((sum, entry) => sum + entry.size, 0);
  return [section, formatCount(inside.length, 'entry', 'entries'), formatBytes(size)];
}

export function reportText({ sections }: BundleReport): string {
  return sections
    .map(({ heading, rows }) => {
      const table = formatTable(rows.map((row) => row.map(printable)));
      return `${printable(heading)}\n${table.replace(/^/gm, '  ')}`;
    })
    .join('\n\n');
}

/** What `snapshot inspect --html` draws. */
export async function bundlePicture(reported: ReportedBundle): Promise<Report> {
  const { bundle, name, now, freshness } = reported;
  const { manifest } = bundle;
  const sealedAt = parseInstant(manifest.sealed_at);
  const advice = adviceOf(manifest);
  const paths = new Set(manifest.entries.map(({ path }) => path));
  const roles = Object.entries(manifest.tuf.roles).map(([role, { version, expires }]) => ({
    name: role,
    version,
    expires: parseInstant(expires),
  }));
  return {
    title: `Sealed bundle ${name}`,
    standing:
      'What the bundle says of itself. Nothing on this page was verified: `stella trust snapshot verify FILE` does that.',
    now,
    facts: [
      ...facts(reported).map(([term, value]) => [term!, value!] as const),
      ['TUF repository', manifest.tuf.url],
      ...(manifest.repositories ?? []).map(
        ({ name, url, as_of, roles }) =>
          [
            `repository ${name}`,
            `${url}; ${formatRoles(roles)}${as_of === undefined ? '' : `; as of ${as_of}`}`,
          ] as const,
      ),
      ...signerIds(bundle).map(({ kid, alg }) => ['signed by', `${alg}, sha256:${kid}`] as const),
    ],
    roles: await rolesWithSigners(roles, async (file) =>
      paths.has(`tuf/${file}`) ? await bundle.readEntry(`tuf/${file}`) : undefined,
    ),
    rolesAsOf: sealedAt,
    window: freshness,
    advisedUntil: advice === undefined ? undefined : addDuration(sealedAt, days(advice)),
    keys: [],
    logs: manifest.logs.map((log) => ({
      origin: log.origin,
      size: log.tree_size,
      firstIndex: log.first_index,
      consistentFrom: log.consistent_from,
      rootHash: log.root_hash,
    })),
    checks: [],
    sizes: sectionsOf(manifest).map((section) => {
      const inside = manifest.entries.filter(({ path }) => path.startsWith(section));
      return {
        name: section,
        entries: inside.length,
        bytes: inside.reduce((sum, entry) => sum + entry.size, 0),
      };
    }),
  };
}
