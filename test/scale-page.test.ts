import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Constants, scaleTables, withTables } from '../scripts/scale.ts';

test('the tables of docs/scale.md are what its script computes (node scripts/scale.ts --write)', () => {
  const page = readFileSync('docs/scale.md', 'utf8');
  const tables = scaleTables(JSON.parse(readFileSync('docs/scale.json', 'utf8')) as Constants);
  expect(Object.keys(tables).every((name) => page.includes(`<!-- ${name} -->\n|`))).toBe(true);
  expect(withTables(page, tables)).toBe(page);
});
