import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { compileFunction } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compiledSchema } from '../scripts/compiled-schemas.ts';
import { THREADS } from '../scripts/threads.ts';
import { type BatchPiece, type BatchRules, verifyBatch } from '../src/attest/batch/batch.ts';
import { instant } from '../src/base/clock.ts';
import { SCHEMAS } from '../src/base/schemas.ts';
import { ajvOptions, type SchemaName, type Validate } from '../src/base/validator.ts';
import { Cli } from '../src/cli/frame/cli.ts';
import { commandTree } from '../src/cli/tree.ts';
import { makeSite, NOW } from './attest/signed.ts';
import { stella } from './support/cli.ts';

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
  const load = compileFunction(compiledSchema(name), ['module', 'exports', 'require']) as (
    ...args: readonly [typeof module, Validate, () => never]
  ) => void;
  load(module, module.exports, () => {
    throw new Error('a compiled validator needs nothing');
  });
  const expected = new Ajv2020(ajvOptions(name)).compile(SCHEMAS[name]);
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

/** An attestation, the rules that it fits, and a piece of a batch that has it. */
async function work() {
  const site = await makeSite();
  const rules: BatchRules = { trust: site.trust, options: {}, now: NOW };
  const { bytes } = await site.sign();
  const piece = (name: string): BatchPiece => ({
    file: { name, found: false, size: bytes.length },
    document: bytes,
  });
  return { rules, piece };
}

test('the thread of the built command verifies', async () => {
  const { rules, piece } = await work();
  const thread = new Worker('./dist/cli/batch-thread.cjs', { workerData: rules });
  try {
    expect(await once(thread, 'message')).toEqual(['ready']);
    thread.postMessage(piece('one.json'));
    expect(await once(thread, 'message')).toMatchObject([
      { documents: [{ source: 'one.json', verified: true }] },
    ]);
  } finally {
    await thread.terminate();
  }
});

test('threads join a batch that goes on, and its verdicts stay in order', async () => {
  const { rules, piece } = await work();
  const count = 400;
  async function* pieces() {
    for (let i = 0; i < count; i += 1) {
      await setTimeout(1);
      yield piece(String(i));
    }
  }
  const sources: string[] = [];
  for await (const { documents } of verifyBatch(pieces(), rules, 3))
    for (const { source, verified } of documents) sources.push(verified ? source : 'not verified');
  expect(sources).toEqual(Array.from({ length: count }, (_, i) => String(i)));
});

test('help of groups, and of all, is the same without the rest of the tree', async () => {
  let text = '';
  const io = {
    ...{
      env: {},
      cwd: '/',
      clock: () => instant(0),
      stdin: process.stdin,
      terminal: false,
      stderr: () => {},
    },
    stdout: (more: string) => {
      text += more;
    },
  };
  const tree = commandTree(new Cli(io));
  tree.outputHelp();
  expect((await stella(['--help'])).stdout).toBe(text);
  expect((await stella(['-h'])).stdout).toBe(text);
  const groups = tree.commands.filter((command) => command.commands.length > 0);
  expect(groups.length).toBe(7);
  for (const group of groups) {
    text = '';
    group.outputHelp();
    expect((await stella([group.name(), '--help'])).stdout).toBe(text);
  }
});

test('every worker thread of the source is built', () => {
  const threads = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('-thread.ts'))
    .map((path) => `src/${path}`);
  expect(Object.values(THREADS).sort()).toEqual(threads.sort());
});
