import { formatBytes, formatCount } from '../terminal/output.ts';
import type { ReportLog, ReportSize } from './report.ts';
import { line, rect, scale, svg, text, WIDTH } from './svg.ts';

const LOG_ROW = 94;
/** Checkpoints closer than this would be one blur. */
const MAX_LINKS = 60;

/** Of each log: which entries are provable, and from which earlier sizes its growth is. */
export function drawLogs(logs: readonly ReportLog[]): string {
  return svg(
    logs.length * LOG_ROW + 4,
    'Coverage of each log',
    'The whole bar is the log; the filled part holds the entries that are provable. Arcs lead from earlier checkpoints whose growth to this one is provable.',
    logs.map((log, i) => drawLog(log, i * LOG_ROW)).join('\n'),
  );
}

function drawLog(log: ReportLog, top: number): string {
  const x = scale(0, log.size, 1, WIDTH - 1);
  const y = top + 38;
  const links = (log.consistentFrom ?? []).slice(-MAX_LINKS);
  const first = x(log.firstIndex);
  return [
    text(1, top + 16, log.origin, { kind: 'strong', width: WIDTH / 2 }),
    text(WIDTH - 1, top + 16, formatCount(log.size, 'entry', 'entries'), { anchor: 'end', kind: 'soft' }),
    rect(1, y, WIDTH - 2, 16, 'track'),
    // However few of a large log, what is held is seen.
    ...(log.firstIndex < log.size
      ? [rect(Math.min(first, WIDTH - 4), y, Math.max(WIDTH - 1 - first, 3), 16, 'good')]
      : []),
    ...links.map((size) => {
      const at = x(size);
      const bend = (at + WIDTH - 1) / 2;
      return `<path d="M${at.toFixed(1)} ${y} Q${bend.toFixed(1)} ${y - 24} ${WIDTH - 1} ${y}" class="arc"/>${line(at, y - 2, at, y + 18, 'mark')}`;
    }),
    text(1, y + 31, `provable from entry ${log.firstIndex.toLocaleString('en-US')}`, {
      kind: 'soft',
      width: WIDTH / 2,
    }),
    ...(log.consistentFrom === undefined
      ? []
      : [
          text(
            WIDTH - 1,
            y + 31,
            `growth provable from ${formatCount(log.consistentFrom.length, 'checkpoint')}`,
            {
              anchor: 'end',
              kind: 'soft',
              width: WIDTH / 2,
            },
          ),
        ]),
  ].join('');
}

const SIZE_ROW = 28;

/** What the parts weigh, on one scale. */
export function drawSizes(sizes: readonly ReportSize[]): string {
  const most = Math.max(1, ...sizes.map(({ bytes }) => bytes));
  const x = scale(0, most, 130, WIDTH - 210);
  return svg(
    sizes.length * SIZE_ROW + 4,
    'Sizes by part',
    sizes.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(', '),
    sizes
      .map(({ name, bytes, entries }, i) => {
        const y = i * SIZE_ROW;
        return [
          text(0, y + 18, name, { width: 122 }),
          rect(130, y + 5, Math.max(x(bytes) - 130, 2), 18, 'bar'),
          text(
            Math.max(x(bytes), 132) + 8,
            y + 18,
            `${formatBytes(bytes)}, ${formatCount(entries, 'entry', 'entries')}`,
            {
              kind: 'soft',
            },
          ),
        ].join('');
      })
      .join('\n'),
  );
}
