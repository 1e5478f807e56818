import {
  addDuration,
  DAY,
  days,
  durationBetween,
  earliest,
  formatInstant,
  type Instant,
  instant,
  latest,
  longest,
  milliseconds,
} from '../../base/clock.ts';
import type { Report, ReportKey } from './report.ts';
import { line, rect, scale, svg, text, WIDTH } from './svg.ts';

const LEFT = 190;
const RIGHT = WIDTH - 14;
const ROW = 28;
const TOP = 46;

interface Row {
  readonly label: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly kind: string;
  readonly note: string;
  /** Whether it goes on beyond what is known. */
  readonly open?: boolean;
}

const date = (instant: Instant) => formatInstant(instant).slice(0, 10);

/** Every expiry against today and the staleness window. */
export function drawTimeline({ roles, rolesAsOf, window, advisedUntil, now, keys }: Report): string {
  const start = earliest(now, window.reference);
  const isOver = window.acceptedUntil < now;
  const rows: Row[] = [
    {
      label: 'fresh here',
      from: window.reference,
      to: window.freshUntil,
      kind: isOver ? 'quiet' : 'good',
      note: `until ${date(window.freshUntil)}`,
    },
    {
      label: 'stale, accepted here',
      from: window.freshUntil,
      to: window.acceptedUntil,
      kind: isOver ? 'quiet' : 'warn',
      note: `until ${date(window.acceptedUntil)}`,
    },
    ...(isOver
      ? [
          {
            label: 'refused here',
            from: window.acceptedUntil,
            to: now,
            kind: 'bad',
            note: `since ${date(window.acceptedUntil)}`,
            open: true,
          },
        ]
      : []),
    ...(advisedUntil === undefined
      ? []
      : [
          {
            label: "the producer's advice",
            from: window.reference,
            to: advisedUntil,
            kind: 'quiet',
            note: `until ${date(advisedUntil)}`,
          },
        ]),
    ...roles.map((role) => ({
      label: role.name,
      from: earliest(start, role.expires),
      to: role.expires,
      kind: role.expires <= rolesAsOf ? 'bad' : 'bar',
      note: roleNote(role.expires, rolesAsOf, now),
    })),
    ...keys
      .filter(({ until, life }) => until !== undefined && (life === 'active' || life === 'grace'))
      .map((key) => ({
        label: key.name,
        from: earliest(start, key.until!),
        to: key.until!,
        kind: key.until! <= now ? 'bad' : 'bar',
        note: `${key.usage} until ${date(key.until!)}`,
      })),
  ];
  return drawRows(
    'Timeline of every expiry',
    `Bars end where something expires; the vertical line is today, ${date(now)}.`,
    rows,
    now,
  );
}

/** What was valid when it was sealed has not expired for those behind the gap: nothing there could renew it. */
function roleNote(expires: Instant, asOf: Instant, now: Instant): string {
  if (expires <= asOf) return `expired ${date(expires)}`;
  return expires <= now ? `${date(expires)}, valid when sealed` : `expires ${date(expires)}`;
}

const LIFE_KINDS: Readonly<Record<ReportKey['life'], string>> = {
  active: 'good',
  grace: 'warn',
  retired: 'quiet',
  revoked: 'bad',
};

/** The life of each key: since when, until when, and where it is in it. */
export function drawKeys({ keys, now }: Report): string {
  const known = keys.flatMap(({ since, until }) => [since, until]).filter((at) => at !== undefined);
  const start = earliest(addDuration(now, days(-30)), ...known);
  const rows = keys.map((key): Row => {
    // What has ended ends there; what is in use goes on.
    const ended = key.life === 'revoked' ? key.since : key.until;
    return {
      label: key.name,
      from: key.life === 'revoked' ? start : (key.since ?? start),
      to: ended ?? latest(addDuration(now, days(30)), ...known),
      kind: LIFE_KINDS[key.life],
      note: `${key.life}${key.until === undefined ? '' : `, until ${date(key.until)}`}`,
      open: ended === undefined,
    };
  });
  return drawRows(
    'Life of each key',
    `One bar per key; the vertical line is today, ${date(now)}.`,
    rows,
    now,
  );
}

const FAR = days(800);

/** The widest range that still shows what is near: far ends are cut and say so. */
function rangeOf(rows: readonly Row[], now: Instant): { from: Instant; to: Instant } {
  const ends = rows.map(({ to }) => to).filter((to) => durationBetween(now, to) < FAR);
  const near = latest(...ends, addDuration(now, days(14)));
  const from = latest(earliest(...rows.map((row) => row.from), now), instant(now - FAR));
  const margin = longest(milliseconds((near - from) * 0.04), DAY);
  return { from: instant(from - margin), to: addDuration(near, margin) };
}

function drawRows(title: string, description: string, rows: readonly Row[], now: Instant): string {
  const { from, to } = rangeOf(rows, now);
  const x = scale(from, to, LEFT, RIGHT);
  const height = TOP + rows.length * ROW + 10;
  const today = x(now);
  const ticks = Array.from({ length: 5 }, (_, i) => instant(from + ((to - from) * (i + 0.5)) / 5));
  return svg(
    height,
    title,
    description,
    [
      ...ticks.map(
        (tick) =>
          line(x(tick), 22, x(tick), height - 6, 'grid') +
          text(x(tick), 14, date(tick), { anchor: 'middle', kind: 'soft' }),
      ),
      ...rows.map((row, i) => {
        const y = TOP + i * ROW;
        const [left, right] = [x(row.from), x(row.to)];
        const more = row.open || row.to > to ? ' →' : '';
        const inside = right - left > row.note.length * 7.4 + 20;
        return [
          text(0, y + 15, row.label, { width: LEFT - 12 }),
          rect(left, y + 2, Math.max(right - left, 3), 18, row.kind),
          inside
            ? text(left + 8, y + 15, row.note + more, { kind: `on-${row.kind}` })
            : right + row.note.length * 7.4 < RIGHT
              ? text(right + 8, y + 15, row.note + more, { kind: 'soft' })
              : text(left - 8, y + 15, row.note + more, { anchor: 'end', kind: 'soft' }),
        ].join('');
      }),
      line(today, 22, today, height - 4, 'today'),
      text(today, 36, 'today', { anchor: 'middle', kind: 'strong' }),
    ].join('\n'),
  );
}
