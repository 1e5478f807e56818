import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const LAYERS: Readonly<Record<string, number>> = {
  base: 0,
  tlog: 1,
  archive: 1,
  config: 1,
  bundle: 2,
  logs: 2,
  trust: 2,
  oci: 2,
  repository: 3,
  attest: 3,
  producer: 4,
  consumer: 4,
  cli: 5,
  library: 5,
};

/** Who alone may import a package (a folder, or files). */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli/'],
  'tuf-js': ['trust/client.ts'],
  '@tufjs/models': ['trust/client.ts', 'repository/'],
  '@tufjs/canonical-json': ['repository/'],
  'tar-stream': ['archive/'],
  '@mongodb-js/zstd': ['archive/'],
  'cbor-x': ['base/cose.ts'],
  ajv: ['base/validator.ts'],
  '@noble/hashes': ['attest/digest-signature.ts'],
  yaml: ['config/', 'repository/'],
};

const source = resolve('src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));
const textOf = (file: string) => readFileSync(resolve(source, file), 'utf8');
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

test.each(files)('%s imports only packages it owns', (file) => {
  for (const name of importsOf(file).filter(
    (target) => !target.startsWith('.') && !target.startsWith('node:'),
  )) {
    const packageName = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0]!;
    const owners = packageName.startsWith('@sigstore/')
      ? ['attest/', 'trust/trusted-root.ts', 'trust/sigstore-root.ts']
      : OWNERS[packageName];
    if (owners)
      expect(
        owners.some((owner) => file.startsWith(owner)),
        `${file} imports ${name}`,
      ).toBe(true);
  }
});

test.each(files.filter((file) => folderOf(file) !== 'cli'))(
  '%s leaves process and console to the command line',
  (file) => {
    const code = textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code).not.toMatch(/\b(?:process|console)\./);
  },
);

test.each(files.filter((file) => /^(tlog|archive|bundle|attest)\//.test(file)))(
  '%s reads neither clock nor environment',
  (file) => {
    const code = textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code).not.toMatch(/Date\.now|new Date\(\)|systemClock|performance\.now|\benv\b\s*[.[]/);
  },
);
