/**
 * Writes src/base/schema-types.ts (types) and src/base/schemas.ts (the schemas themselves) from schemas/*.schema.json.
 * With --check, writes nothing and fails if a file would change.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

const root = new URL('../', import.meta.url);
const names = readdirSync(new URL('schemas', root))
  .filter((file) => file.endsWith('.schema.json'))
  .map((file) => file.replace('.schema.json', ''))
  .sort();
const banner = '// Generated from schemas/ by `npm run generate`. Do not edit.\n';
const imports = `import type { Sha256Hex } from './bytes.ts';
import type { DistributedKeyId, KeyId } from './keys.ts';
`;
const variable = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/**
 * A name for a mere text or number tells a type checker nothing, and would show in the library's signatures: the members of
 * such a type get the type itself, and what the name was explained by.
 */
function withoutPlainAliases(text: string): string {
  const aliases = new Map<string, { readonly type: string; readonly comment: readonly string[] }>();
  const rest = text.replace(
    /^(\/\*\*\n(?: \*.*\n)+? \*\/\n)?export type (\w+) = (string|number|Sha256Hex|KeyId|DistributedKeyId)(?:\n|$)/gm,
    (_, comment: string | undefined, name: string, type: string) => {
      aliases.set(name, { type, comment: comment?.trimEnd().split('\n') ?? [] });
      return '';
    },
  );
  const lines: string[] = [];
  for (const line of rest.split('\n')) {
    const name = /^\w+\??: (\w+)$/.exec(line)?.[1];
    if (name !== undefined && !lines.at(-1)?.endsWith('*/'))
      lines.push(...(aliases.get(name)?.comment ?? []));
    lines.push(line.replace(/\b\w+\b/g, (word) => aliases.get(word)?.type ?? word));
  }
  return lines.join('\n');
}

/** The verdict is only ever written, and for others to read. */
const PLAIN: ReadonlySet<string> = new Set(['verdict']);

/** What the schema checks need not be checked again to be of a branded type: digests, and the ids of keys. */
function withBrands(node: unknown, name = ''): unknown {
  if (Array.isArray(node)) return node.map((each) => withBrands(each));
  if (typeof node !== 'object' || node === null) return node;
  const isDigest =
    ('pattern' in node && node.pattern === '^[0-9a-f]{64}$') ||
    ('$ref' in node && node.$ref === '#/$defs/sha256');
  const id = IDS.get(name);
  if (isDigest && id !== undefined) return { type: 'string', tsType: id };
  if ('pattern' in node && isDigest) return { ...node, tsType: 'Sha256Hex' };
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withBrands(value, key === 'items' ? name : key)]),
  );
}
/** Properties that hold no digest of a file, though they look like one. */
const IDS: ReadonlyMap<string, string> = new Map([
  ['key_id', 'DistributedKeyId'],
  ['keyid', 'KeyId'],
  ['signers', 'KeyId'],
  ['log_id', 'string'],
]);

let types = banner + imports;
const interfaces: string[] = [];
for (const name of names) {
  const schema = JSON.parse(readFileSync(new URL(`schemas/${name}.schema.json`, root), 'utf8')) as JSONSchema;
  // Array bounds would become tuple types that nothing can be assigned to.
  const text = await compile(PLAIN.has(name) ? schema : (withBrands(schema) as JSONSchema), name, {
    bannerComment: '',
    format: false,
    ignoreMinAndMaxItems: true,
    declareExternallyReferenced: true,
  });
  const prefix = schema.title!;
  interfaces.push(`  '${name}': ${prefix};`);
  // Definitions are named per schema, so that two schemas may both define e.g. `entry`.
  let renamed = text;
  for (const [, declared] of text.matchAll(/^export (?:interface|type) (\w+)/gm)) {
    if (declared !== prefix)
      renamed = renamed.replace(new RegExp(`\\b${declared}\\b`, 'g'), `${prefix}${declared}`);
  }
  renamed = withoutPlainAliases(renamed);
  // TSDoc has no such tags, and the schema says it.
  renamed = renamed.replace(/^ *\* @(?:min|max)Items \d+\n/gm, '').replace(/^ *\/\*\*\n *\*\/\n/gm, '');
  types += `\n${renamed.trim()}\n`;
}
types += `\nexport interface SchemaTypes {\n${interfaces.join('\n')}\n}\n`;

const table = `${banner}${names
  .map((name) => `import ${variable(name)} from '../../schemas/${name}.schema.json' with { type: 'json' };`)
  .join('\n')}

export const SCHEMAS = {
${names.map((name) => `  '${name}': ${variable(name)},`).join('\n')}
} as const;
`;

for (const [file, text] of [
  ['src/base/schema-types.ts', types],
  ['src/base/schemas.ts', table],
] as const) {
  const url = new URL(file, root);
  let old = '';
  try {
    old = readFileSync(url, 'utf8');
  } catch {
    // not generated yet
  }
  if (old === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${file} does not match schemas/: run \`npm run generate\``);
    process.exitCode = 1;
  } else {
    writeFileSync(url, text);
    console.log(`wrote ${file}`);
  }
}
