import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const page = readFileSync('docs/trust-model.md', 'utf8');

/** `file`: `title`, `title` … in the order of the page. */
const claims = [...page.matchAll(/`(test\/[\w/.-]+\.test\.ts)`:((?:,?\s*`[^`]+`)+)/g)].flatMap(
  ([, file, titles]) => [...titles!.matchAll(/`([^`]+)`/g)].map(([, title]) => [file!, title!] as const),
);

test('the page names its tests', () => {
  expect(claims.length).toBeGreaterThan(25);
});

test.each(claims)('%s has a test %j', (file, title) => {
  expect(existsSync(file), file).toBe(true);
  expect(readFileSync(file, 'utf8')).toContain(title);
});
