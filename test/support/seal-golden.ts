/** Seals files that it writes into the current directory: `seal-golden.ts OUT forwards|backwards`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { KEYS } from '../../bundles/golden.ts';
import { signerOf } from '../../src/base/keys.ts';
import { sealBundle } from '../../src/bundle/seal.ts';
import { manifestFacts, noise } from './bundle.ts';

const [out, order] = process.argv.slice(2) as [string, string];
mkdirSync('content');
const entries = Array.from({ length: 600 }, (_, i) => {
  const file = resolve('content', String(i));
  writeFileSync(file, noise(i % 7 === 0 ? 100_000 : 8192, i + 1));
  return { path: `${i % 2 === 0 ? 'tuf' : `logs/${'ab'.repeat(32)}/tile`}/${i}`, source: { file } };
});
if (order === 'backwards') entries.reverse();
await sealBundle({ out, manifest: manifestFacts, entries, signers: [signerOf(KEYS.one)] });
