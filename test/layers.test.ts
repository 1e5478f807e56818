import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { LAYERS } from './support/layers.ts';

/** Rooms that their issues will fill. */
const EMPTY: ReadonlySet<string> = new Set(['image', 'serve', 'watch']);

/** Made from `schemas/`, or one list that is better kept together. */
const LONG_FILES: ReadonlySet<string> = new Set(['base/schema-types.ts', 'base/schemas.ts', 'base/codes.ts']);
const MAX_LINES = 400;
const MAX_FILES_IN_ROOM = 25;

/** Who alone may import a package (a folder, or files). */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli/'],
  'tuf-js': ['tuf/'],
  '@tufjs/models': ['tuf/'],
  '@tufjs/canonical-json': [],
  'tar-stream': ['archive/'],
  '@mongodb-js/zstd': ['archive/'],
  'cbor-x': ['base/cose.ts'],
  ajv: ['base/validator.ts'],
  '@noble/hashes': ['attest/digest-signature.ts'],
  re2js: ['attest/policy/pattern.ts'],
  'smol-toml': ['lockfile/python.ts'],
  yaml: ['config/', 'lockfile/yaml.ts', 'repository/'],
};

const source = resolve('src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));
const textOf = (file: string) => readFileSync(resolve(source, file), 'utf8');
/** Without comments. */
const codeOf = (file: string) => textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
const importsOf = (file: string) =>
  [...textOf(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
const folderOf = (file: string) => file.split('/')[0]!;

test('there are source files', () => {
  expect(files.length).toBeGreaterThan(10);
});

test.each(files.filter((file) => file !== 'index.ts'))(
  '%s imports its own folder and lower layers only',
  (file) => {
    expect(LAYERS).toHaveProperty(folderOf(file));
    for (const target of importsOf(file).filter((name) => name.startsWith('.'))) {
      const path = relative(source, resolve(source, dirname(file), target)).replaceAll('\\', '/');
      if (path.startsWith('..')) {
        expect(path, 'outside src/ only schemas and package.json').toMatch(
          /^\.\.\/(schemas\/.*|package)\.json$/,
        );
        continue;
      }
      const [from, to] = [folderOf(file), folderOf(path)];
      if (from !== to) expect(LAYERS[to], `${file} imports ${path}`).toBeLessThan(LAYERS[from]!);
    }
  },
);

test('no rooms import each other in a circle', () => {
  const roomOf = (file: string) => dirname(file);
  const arrows = new Map<string, Set<string>>();
  for (const file of files)
    for (const target of importsOf(file).filter((name) => name.startsWith('.'))) {
      const room = roomOf(relative(source, resolve(source, dirname(file), target)).replaceAll('\\', '/'));
      if (room.startsWith('..') || room === roomOf(file)) continue;
      arrows.set(roomOf(file), (arrows.get(roomOf(file)) ?? new Set()).add(room));
    }
  // A room that imports nothing which is left can be taken away; of a circle none can.
  const left = new Set(files.map(roomOf));
  const isFree = (room: string) => ![...(arrows.get(room) ?? [])].some((other) => left.has(other));
  for (let free = [...left].filter(isFree); free.length > 0; free = [...left].filter(isFree))
    for (const room of free) left.delete(room);
  expect([...left]).toEqual([]);
});

test('no room is so full that a stranger gets lost in it', () => {
  const rooms = Map.groupBy(files, (file) => dirname(file));
  for (const [room, inside] of rooms)
    expect(inside.length, `files in ${room}`).toBeLessThanOrEqual(MAX_FILES_IN_ROOM);
  for (const room of Object.keys(LAYERS))
    if (!EMPTY.has(room))
      expect(
        files.some((file) => folderOf(file) === room),
        room,
      ).toBe(true);
});

test.each(files.filter((file) => !LONG_FILES.has(file)))('%s is short enough to be one concept', (file) => {
  expect(textOf(file).split('\n').length - 1).toBeLessThanOrEqual(MAX_LINES);
});

test.each(files)('%s imports only packages it owns', (file) => {
  for (const name of importsOf(file).filter(
    (target) => !target.startsWith('.') && !target.startsWith('node:'),
  )) {
    const packageName = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0]!;
    const owners = packageName.startsWith('@sigstore/')
      ? ['attest/', 'trust/trusted-root.ts', 'tuf/built-in.ts']
      : OWNERS[packageName];
    if (owners)
      expect(
        owners.some((owner) => file.startsWith(owner)),
        `${file} imports ${name}`,
      ).toBe(true);
  }
});

/** Where a refusal's facts are printed, or written to the audit log, as they are. */
const PRINTS_DETAILS: ReadonlySet<string> = new Set([
  'base/errors.ts',
  'attest/policy/conclusion.ts',
  'attest/verdict/verdict-json.ts',
  'cli/commands/attest/verdict-text.ts',
  'cli/terminal/output.ts',
  'consumer/import.ts',
  'producer/export.ts',
]);

test.each(files)('%s decides nothing by the details of an error', (file) => {
  const code = codeOf(file);
  // One fact looked up in them, by whatever spelling.
  expect(code).not.toMatch(/\bdetails\s*(?:\?\.)?\[|\b(?:error|cause|failure|thrown)\??\.details\??\.\w/);
  if (PRINTS_DETAILS.has(file)) return;
  expect(code).not.toMatch(/\.details\b/);
  expect(code).not.toMatch(/\{[^{}]*\bdetails\b[^{}]*\}\s*=\s*(?:error|cause|failure|thrown)\b/);
});

test('what only passes an error on still does so', () => {
  for (const file of PRINTS_DETAILS) expect(codeOf(file), file).toMatch(/\bdetails\b/);
});

test.each(files.filter((file) => !/^(net|serve|watch)\//.test(file)))(
  '%s leaves the network to net/',
  (file) => {
    const targets = importsOf(file);
    for (const name of ['node:http', 'node:https', 'node:http2', 'node:net', 'node:tls', 'node:dgram'])
      expect(targets).not.toContain(name);
    expect(codeOf(file)).not.toMatch(/\bawait fetch\(|\bglobalThis\.fetch\b|\bnew WebSocket\b/);
  },
);

test.each(files.filter((file) => folderOf(file) !== 'cli'))(
  '%s leaves process and console to the command line',
  (file) => {
    // The lock loads a module of Node's that announces itself through `process`.
    if (file === 'base/lock.ts') return;
    const code = codeOf(file);
    expect(code).not.toMatch(/\b(?:process|console)\./);
  },
);

test.each(files.filter((file) => /^(tlog|archive|bundle|attest)\//.test(file)))(
  '%s reads neither clock nor environment',
  (file) => {
    const code = codeOf(file);
    expect(code).not.toMatch(/Date\.now|new Date\(\)|systemClock|performance\.now|\benv\b\s*[.[]/);
  },
);
