/** Writes the hostile archives and the codes of their refusals: `node bundles/hostile/generate.ts DIR`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostileArchives } from './archives.ts';

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: node bundles/hostile/generate.ts DIR');
mkdirSync(directory, { recursive: true });
const expected: Record<string, { code: string; pipeCode?: string }> = {};
for await (const { name, bytes, ...codes } of hostileArchives()) {
  writeFileSync(join(directory, `${name}.tar.zst`), bytes);
  expected[`${name}.tar.zst`] = codes;
}
writeFileSync(join(directory, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
console.log(`${Object.keys(expected).length} archives in ${directory}`);
