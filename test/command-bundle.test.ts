import { execFileSync } from 'node:child_process';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeAttestations } from '../bench/attest-fixture.ts';
import { compiledSchema } from '../scripts/compiled-schemas.ts';
import { SCHEMAS } from '../src/base/schemas.ts';
import { AJV_OPTIONS, type SchemaName, type Validate } from '../src/base/validator.ts';
import { Cli } from '../src/cli/cli.ts';
import { commandTree } from '../src/cli/tree.ts';
import { stella } from './support/cli.ts';
import { temporaryDirectory } from './support/temp.ts';

interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
}

const TEXTS = [
  ...['', 'x', 'a/b.json', 'https://example.com/x', '2026-01-25T12:00:00Z', 'sha256', '7d', 'déjà 𝒳'],
  ...['0'.repeat(64), 'f'.repeat(128), `sha256:${'a'.repeat(64)}`, 'AAAA', '1', '1.0.0', '1/2'],
];

/** Values that mostly fit a schema: everything in it is reached, and everything is wrong sometimes. */
function valuesOf(schema: Schema, root: Schema, depth = 0): fc.Arbitrary<unknown> {
  const inner = (each: Schema) => valuesOf(each, root, depth + 1);
  const fitting = (): fc.Arbitrary<unknown> => {
    if (depth > 8) return fc.constant(null);
    if (schema.$ref !== undefined) {
      const path = schema.$ref.replace(/^#\/?/, '').split('/').filter(Boolean);
      return inner(path.reduce((at: unknown, name) => (at as Record<string, unknown>)[name], root) as Schema);
    }
    if ('const' in schema) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return fc.oneof(...choices.map(inner));
    switch ([schema.type].flat()[0]) {
      case 'object': {
        const own = Object.entries(schema.properties ?? {}).map(([name, each]) => [name, inner(each)]);
        const known = fc.record(Object.fromEntries(own) as Record<string, fc.Arbitrary<unknown>>, {
          requiredKeys: own.slice(0, -1).map(([name]) => name as string),
        });
        const more = schema.additionalProperties;
        if (typeof more !== 'object') return known;
        const others = fc.dictionary(fc.constantFrom(...TEXTS), inner(more), { maxKeys: 2 });
        return fc.tuple(known, others).map(([a, b]) => ({ ...a, ...b }));
      }
      case 'array':
        return fc.array(inner(schema.items ?? {}), { maxLength: 3 });
      case 'integer':
      case 'number':
        return fc.constantFrom(0, 1, -1, 2.5, 2 ** 53, 10_000);
      case 'boolean':
        return fc.boolean();
      default:
        return fc.constantFrom(...TEXTS);
    }
  };
  return fc.oneof(
    { weight: 24, arbitrary: fitting() },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
  );
}

const names = Object.keys(SCHEMAS) as SchemaName[];

test.each(names)('the compiled validator of %s says what ajv says', (name) => {
  const module = { exports: {} as Validate };
  new Function('module', 'exports', 'require', compiledSchema(name))(module, module.exports, () => {
    throw new Error('a compiled validator needs nothing');
  });
  const expected = new Ajv2020(AJV_OPTIONS).compile(SCHEMAS[name]);
  const seen = new Set<string>();
  fc.assert(
    fc.property(valuesOf(SCHEMAS[name] as Schema, SCHEMAS[name] as Schema), (value) => {
      expect(module.exports(value)).toBe(expected(value));
      expect(module.exports.errors ?? null).toEqual(expected.errors ?? null);
      seen.add(expected.errors?.[0]?.schemaPath ?? 'valid');
    }),
    { numRuns: 300 },
  );
  expect(seen.size).toBeGreaterThan(2);
});

const bin = 'bin/stella.js';
const ran = (...args: string[]) => execFileSync(process.execPath, [bin, ...args], { encoding: 'utf8' });

test('the built command validates with what was compiled, and threads run', async () => {
  const directory = temporaryDirectory();
  const files = await makeAttestations(directory, 300);
  const lines = ran('attest', 'verify', ...files, '--jobs', '2', '--json')
    .trim()
    .split('\n');
  expect(lines.length).toBe(300);
  expect(new Set(lines.map((line) => (JSON.parse(line) as { verified: boolean }).verified))).toEqual(
    new Set([true]),
  );
});

test('help of groups, and of all, is the same without the rest of the tree', async () => {
  let text = '';
  const io = {
    ...{ env: {}, cwd: '/', clock: () => 0, stdin: process.stdin, terminal: false, stderr: () => {} },
    stdout: (more: string) => {
      text += more;
    },
  };
  const tree = commandTree(new Cli(io));
  tree.outputHelp();
  expect((await stella(['--help'])).stdout).toBe(text);
  expect((await stella(['-h'])).stdout).toBe(text);
  const groups = tree.commands.filter((command) => command.commands.length > 0);
  expect(groups.length).toBe(6);
  for (const group of groups) {
    text = '';
    group.outputHelp();
    expect((await stella([group.name(), '--help'])).stdout).toBe(text);
  }
});
