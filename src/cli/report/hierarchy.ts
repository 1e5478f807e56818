import { formatInstant, type Instant } from '../../base/clock.ts';
import type { ReportRole } from './report.ts';
import { line, rect, svg, text, WIDTH } from './svg.ts';

const BOX = { width: 176, height: 98, gap: 12 };
const LEVEL = 146;
/** More delegated roles than this are a number, not boxes. */
const MAX_DELEGATED = 12;

/**
 * Who says who may sign: root above timestamp, snapshot and targets, delegated roles below.
 * @param asOf when the roles must be valid
 */
export function drawHierarchy(roles: readonly ReportRole[], asOf: Instant): string {
  const root = roles.find(({ parent }) => parent === undefined);
  const top = roles.filter(({ parent }) => parent === 'root');
  const all = roles.filter(({ parent }) => parent !== undefined && parent !== 'root');
  const delegated = all.slice(0, MAX_DELEGATED);
  const places = new Map<string, { x: number; y: number }>();
  const perRow = Math.floor((WIDTH + BOX.gap) / (BOX.width + BOX.gap));
  const place = (row: readonly ReportRole[], y: number) => {
    const width = row.length * (BOX.width + BOX.gap) - BOX.gap;
    row.forEach(({ name }, i) => {
      places.set(name, { x: (WIDTH - width) / 2 + i * (BOX.width + BOX.gap), y });
    });
  };
  if (root) place([root], 4);
  place(top, 4 + LEVEL);
  for (let i = 0; i < delegated.length; i += perRow)
    place(delegated.slice(i, i + perRow), 4 + LEVEL * (2 + i / perRow));
  const shown = [...(root ? [root] : []), ...top, ...delegated];
  const lines = shown.flatMap(({ name, parent }) => {
    const [to, from] = [places.get(name), parent === undefined ? undefined : places.get(parent)];
    if (!to || !from) return [];
    const [x1, x2, y] = [from.x + BOX.width / 2, to.x + BOX.width / 2, to.y - 20];
    return [
      line(x1, from.y + BOX.height, x1, y, 'link'),
      line(x1, y, x2, y, 'link'),
      line(x2, y, x2, to.y, 'link'),
    ];
  });
  const rows = 2 + Math.ceil(delegated.length / perRow);
  const rest = all.length - delegated.length;
  const height = 4 + LEVEL * (rows - 1) + BOX.height + (rest > 0 ? 30 : 6);
  return svg(
    height,
    'Trust hierarchy',
    'The root names the keys of every other role. Each box has name and version, how many of how many keys must sign, and the expiry.',
    [
      ...lines,
      ...shown.map((role) => box(role, places.get(role.name)!, asOf)),
      ...(rest > 0
        ? [
            text(WIDTH / 2, height - 8, `and ${rest} more delegated roles, see the table`, {
              anchor: 'middle',
              kind: 'soft',
            }),
          ]
        : []),
    ].join('\n'),
  );
}

function box(role: ReportRole, { x, y }: { x: number; y: number }, asOf: Instant): string {
  const expired = role.expires <= asOf;
  const inner = BOX.width - 20;
  const { signers } = role;
  return [
    rect(x, y, BOX.width, BOX.height, expired ? 'box bad' : 'box'),
    text(x + 10, y + 22, `${role.name} ${role.version}`, { kind: 'strong', width: inner }),
    text(x + 10, y + 44, signers ? formatSigners(signers) : 'signers not at hand', { width: inner }),
    text(x + 10, y + 66, `${expired ? 'EXPIRED' : 'until'} ${formatInstant(role.expires).slice(0, 10)}`, {
      kind: expired ? 'badtext' : '',
      width: inner,
    }),
    ...keyDots(role, x, y),
  ].join('');
}

/** One dot per key, those that are needed filled. */
function keyDots({ signers }: ReportRole, x: number, y: number): string[] {
  const count = Math.min(signers?.keyIds.length ?? 0, 5);
  return Array.from(
    { length: count },
    (_, i) =>
      `<circle cx="${x + 15 + i * 13}" cy="${y + 83}" r="4" class="${i < signers!.threshold ? 'dot full' : 'dot'}"/>`,
  );
}

export function formatSigners({ threshold, keyIds }: NonNullable<ReportRole['signers']>): string {
  return `${threshold} of ${keyIds.length} ${keyIds.length === 1 ? 'key signs' : 'keys sign'}`;
}
