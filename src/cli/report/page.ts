import { formatInstant, type Instant } from '../../base/clock.ts';
import { formatBytes } from '../terminal/output.ts';
import { drawLogs, drawSizes } from './coverage.ts';
import { drawHierarchy, formatSigners } from './hierarchy.ts';
import { escapeHtml, formatPage } from './html.ts';
import type { Report } from './report.ts';
import { STYLE } from './style.ts';
import { drawKeys, drawTimeline } from './timeline.ts';

/** A report as one page: each part a picture, and a table that says the same. */
export function formatReport(report: Report): string {
  const { title, standing, now, facts, roles, keys, logs, checks, sizes } = report;
  const at = (instant: Instant | undefined) => (instant === undefined ? '–' : formatInstant(instant));
  const parts = [
    part('Checks', checks, '', ['check', 'result', 'detail'], ({ name, result, detail }) => [
      name,
      result,
      detail,
    ]),
    part(
      'Trust hierarchy',
      roles,
      () => drawHierarchy(roles, report.rolesAsOf),
      ['role', 'version', 'signers', 'expires', 'key ids'],
      (role) => [
        role.name,
        String(role.version),
        role.signers ? formatSigners(role.signers) : '–',
        at(role.expires),
        role.signers?.keyIds.join(' ') ?? '–',
      ],
    ),
    part(
      'Expiry',
      roles,
      () => drawTimeline(report),
      [],
      () => [],
    ),
    part(
      'Keys',
      keys,
      () => drawKeys(report),
      ['key', 'usage', 'state', 'since', 'until', 'id'],
      (key) => [key.name, key.usage, key.life, at(key.since), at(key.until), key.id],
    ),
    part(
      'Logs',
      logs,
      () => drawLogs(logs),
      ['log', 'size', 'provable from', 'earlier checkpoints', 'root hash'],
      (log) => [
        log.origin,
        log.size.toLocaleString('en-US'),
        log.firstIndex.toLocaleString('en-US'),
        log.consistentFrom?.map((size) => size.toLocaleString('en-US')).join(' ') || '–',
        log.rootHash,
      ],
    ),
    part(
      'Sizes',
      sizes,
      () => drawSizes(sizes),
      ['part', 'entries', 'size'],
      (size) => [size.name, size.entries.toLocaleString('en-US'), formatBytes(size.bytes)],
    ),
  ];
  const terms = facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return formatPage(
    title,
    STYLE,
    `<main>
<h1>${escapeHtml(title)}</h1>
<p class="standing">${escapeHtml(standing)}</p>
<dl>${terms.join('\n')}</dl>
${parts.filter((one) => one !== '').join('\n')}
<p class="soft">As of ${escapeHtml(formatInstant(now))}.</p>
</main>`,
  );
}

function part<T>(
  heading: string,
  items: readonly T[],
  picture: '' | (() => string),
  columns: readonly string[],
  row: (item: T) => readonly string[],
): string {
  if (items.length === 0) return '';
  const head = columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join('');
  const rows = items.map((item) => {
    const cells = row(item).map((value) => `<td${classOf(value)}>${escapeHtml(value)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  const table = `<table><caption>${escapeHtml(heading)}</caption><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
  return `<section><h2>${escapeHtml(heading)}</h2>
${picture === '' ? '' : `<figure>${picture()}</figure>`}
${columns.length === 0 ? '' : `<div class="scroll" tabindex="0" role="group" aria-label="${escapeHtml(heading)}, table">${table}</div>`}
</section>`;
}

function classOf(value: string): string {
  if (/^[0-9a-f]{40,}$/.test(value) || /^(?:[0-9a-f]{64} ?)+$/.test(value)) return ' class="hex"';
  if (/^\d{4}-\d\d-\d\dT\S+Z$/.test(value)) return ' class="time"';
  if (value === 'ok' || value === 'active') return ' class="goodtext"';
  if (value === 'warning' || value === 'grace') return ' class="warntext"';
  if (value === 'problem' || value === 'revoked') return ' class="badtext"';
  return '';
}
