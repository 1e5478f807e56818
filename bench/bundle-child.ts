/**
 * One run of sealing or opening in a process of its own, for `bench/bundle.ts`:
 * `seal DIR OUT COPIES`, `open FILE DIR`, `pipe DIR < FILE`. Prints the most memory it had, in bytes, and its processor
 * time, in seconds.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey, signerOf } from '../src/base/keys.ts';
import { openBundle } from '../src/bundle/open.ts';
import { sealBundle } from '../src/bundle/seal.ts';
import { checkBundleSignature } from '../src/bundle/signature.ts';
import { manifestFacts } from '../test/support/bundle.ts';

const log = `logs/${'ab'.repeat(32)}/tile`;

async function seal(directory: string, out: string, copies: number): Promise<void> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const entries = Array.from({ length: copies }, (_, copy) =>
    files.map((file) => ({ path: `${log}/${copy}${file.slice(directory.length)}`, source: { file } })),
  ).flat();
  await sealBundle({ out, manifest: manifestFacts, entries, signers: [signerOf(generateKey())] });
}

async function open(input: string | NodeJS.ReadStream, out: string): Promise<void> {
  const bundle = await openBundle(input, { staging: `${out}.staging` });
  // A stranger's key: the time of a check without what it would come to.
  try {
    checkBundleSignature(bundle, [generateKey().publicKey], 1);
  } catch {}
  await bundle.extract(out);
  await bundle.close();
}

const [command, one, two, three] = process.argv.slice(2) as [string, string, string, string];
if (command === 'seal') await seal(one, two, Number(three));
else await open(command === 'pipe' ? process.stdin : one, command === 'pipe' ? one : two);
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ memory: process.resourceUsage().maxRSS * 1024, cpu: (user + system) / 1e6 }));
