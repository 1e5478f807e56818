import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

/** Prints, for each package, what of its functions and objects is not what it was after the library was imported. */
const PROBE = `
const packages = ['@tufjs/models', '@tufjs/models/dist/delegations.js', 'tuf-js', 'tuf-js/dist/store.js',
  '@tufjs/canonical-json', 'ajv', 'yaml', 'commander', 'tar-stream', 'node:crypto', 'node:fs', 'node:https'];
const walk = (value, path, seen, found) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || path.split('.').length > 5) return;
  seen.add(value);
  for (const key of Reflect.ownKeys(value)) {
    const { value: inner, get, set } = Object.getOwnPropertyDescriptor(value, key);
    const name = path + '.' + String(key);
    for (const part of [inner, get, set])
      if (typeof part === 'function' || (typeof part === 'object' && part !== null)) {
        found.set(name, [...(found.get(name) ?? []), part]);
        walk(part, name, seen, found);
      }
  }
};
const take = async () => {
  const found = new Map();
  for (const name of packages) walk(await import(name), name, new Set(), found);
  walk([Object.prototype, Array.prototype, Function.prototype, String.prototype, Promise.prototype, Map.prototype], 'globals', new Set(), found);
  return found;
};
const before = await take();
await import(process.argv[1]);
const after = await take();
const changed = [...before].filter(([name, parts]) => parts.some((part, i) => part !== after.get(name)?.[i])).map(([name]) => name);
console.log(JSON.stringify({ watched: before.size, changed, methods: [...before.keys()].filter((name) => /fromJSON|verifySignature/.test(name)).length }));
`;

test.each([
  ['the library as source', 'src/index.ts'],
  ['everything that follows a repository', 'src/trust/sync.ts'],
  ['the second opinion', 'src/tuf/second-opinion.ts'],
])('importing %s changes no method of any other package', (_, entry) => {
  const output = execFileSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '--eval',
      PROBE,
      pathToFileURL(resolve(entry)).href,
    ],
    { encoding: 'utf8' },
  );
  const { watched, changed, methods } = JSON.parse(output) as {
    watched: number;
    changed: string[];
    methods: number;
  };
  expect(changed).toEqual([]);
  expect(watched).toBeGreaterThan(500);
  expect(methods).toBeGreaterThan(5);
});
