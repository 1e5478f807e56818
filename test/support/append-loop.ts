/**
 * A process to be killed: appends batches to an embedded log as fast as it can, and prints the log's size after each.
 * Arguments: the log's directory, its private key.
 */
import { writeSync } from 'node:fs';
import { loadPrivateKey, signerOf } from '../../src/base/keys.ts';
import { appendEntries } from '../../src/logs/writer.ts';

const [directory, keyFile] = process.argv.slice(2) as [string, string];
const signer = signerOf(loadPrivateKey(keyFile));
for (let batch = 0; ; batch += 1) {
  const entries = Array.from({ length: 1 + ((batch * 97) % 400) }, (_, i) =>
    Buffer.from(`${process.pid} ${batch} ${i}`),
  );
  const { size } = await appendEntries(directory, entries, signer);
  writeSync(1, `${size}\n`);
}
