import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { LAYERS } from './support/layers.ts';

const PAGE = readFileSync('docs/architecture.md', 'utf8');
const MIN_PLATE_LINES = 5;
const MAX_PLATE_LINES = 10;

/** The cells of a table's rows, below the headings that it is found by. */
function rowsOf(headings: readonly string[]): string[][] {
  const lines = PAGE.split('\n');
  const begin = lines.indexOf(`| ${headings.join(' | ')} |`);
  if (begin < 0)
    throw new Error(`docs/architecture.md has no table with the headings ${headings.join(', ')}`);
  const rows: string[][] = [];
  for (const line of lines.slice(begin + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  }
  return rows;
}

const rooms = rowsOf(['layer', 'room', 'main file', 'what it holds']).map(([layer, room, main, holds]) => ({
  layer: Number(layer),
  room: room!,
  main: main!,
  holds: holds!,
}));

test('the table of docs/architecture.md has every room of src/ once, and no other', () => {
  const folders = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file.includes('/'))
    .map((file) => dirname(file));
  expect(rooms.map(({ room }) => room).toSorted()).toEqual([...new Set(folders)].toSorted());
});

test.each(rooms)(
  '$room is in the layer that the map of the layer test gives it',
  ({ room, layer, holds }) => {
    expect(layer).toBe(LAYERS[room.split('/')[0]!]);
    expect(holds).not.toBe('');
  },
);

test('the rows follow the layers, and inner rooms follow the room that they are in', () => {
  const layers = rooms.map(({ layer }) => layer);
  expect(layers).toEqual(layers.toSorted((a, b) => a - b));
  const seen = new Set<string>();
  for (const { room } of rooms) {
    const outer = dirname(room);
    if (outer !== '.') expect(seen, `${room} follows ${outer}`).toContain(outer);
    seen.add(room);
  }
});

test('a room of the map that is not in the table is said to be planned', () => {
  const planned = PAGE.slice(PAGE.indexOf('\nPlanned,')).split('\n\n')[0]!;
  const known = new Set(rooms.map(({ room }) => room));
  for (const room of Object.keys(LAYERS))
    expect(known.has(room) || planned.includes(`\`${room}\``), room).toBe(true);
});

test.each(rooms)('src/$room/$main opens with the plate of its room', ({ room, main }) => {
  const text = readFileSync(`src/${room}/${main}`, 'utf8');
  const plate = /^\/\*\*\n(?: \* .*\n)+ \*\/\n\n/.exec(text)?.[0];
  expect(plate, 'a block comment before the imports').toBeDefined();
  const lines = plate!.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThanOrEqual(MIN_PLATE_LINES);
  expect(lines.length).toBeLessThanOrEqual(MAX_PLATE_LINES);
  expect(lines[1]).toContain(` * ${room}/: `);
  expect(plate).toMatch(/\b(?:never|nothing|none)\b/i);
  expect(plate).toMatch(/Start here/);
});

test('what a plate tells to read next is there', () => {
  for (const { room, main } of rooms) {
    const plate = readFileSync(`src/${room}/${main}`, 'utf8').split('*/')[0]!;
    const start = plate.slice(plate.indexOf('Start here'));
    for (const [name] of start.matchAll(/(?:[a-z-]+\/)*[a-z0-9-]+\.ts\b/g))
      expect(existsSync(`src/${room}/${name}`), `${name}, named in src/${room}/${main}`).toBe(true);
  }
});

const answers = rowsOf(['question', 'file']);

test('twelve questions have an answer each', () => {
  expect(new Set(answers.map(([question]) => question)).size).toBe(12);
});

test.each(answers)('%s is in %s', (_, file) => {
  expect(existsSync(file)).toBe(true);
});
