import { escapeHtml } from './html.ts';

/** Width of every picture in its own units; the page scales it. */
export const WIDTH = 760;

/** A picture with a name and a description for those who cannot see it. `content` is SVG. */
export function svg(height: number, title: string, description: string, content: string): string {
  const id = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  return `<svg viewBox="0 0 ${WIDTH} ${Math.ceil(height)}" role="img" aria-labelledby="${id}-title ${id}-text">
<title id="${id}-title">${escapeHtml(title)}</title><desc id="${id}-text">${escapeHtml(description)}</desc>
${content}
</svg>`;
}

const at = (value: number) => String(Math.round(value * 10) / 10);

export function rect(x: number, y: number, width: number, height: number, kind: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(width, 0))}" height="${at(height)}" rx="4" class="${kind}"/>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" class="${kind}"/>`;
}

/** Text that is cut to what fits: about 7 units per character, 8 in bold. */
export function text(
  x: number,
  y: number,
  content: string,
  {
    anchor = 'start',
    kind = '',
    width = WIDTH,
  }: { anchor?: 'start' | 'middle' | 'end'; kind?: string; width?: number } = {},
): string {
  const most = Math.max(3, Math.floor(width / (kind === 'strong' ? 8.4 : 7.2)));
  const cut = content.length > most ? `${content.slice(0, most - 1)}…` : content;
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" class="${kind}">${escapeHtml(cut)}</text>`;
}

/** Values of [from, to] to positions of [left, right]. */
export function scale(from: number, to: number, left: number, right: number): (value: number) => number {
  const span = to - from || 1;
  return (value) => left + ((Math.min(Math.max(value, from), to) - from) / span) * (right - left);
}
