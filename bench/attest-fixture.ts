import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signAttestations } from '../src/attest/sign.ts';
import { systemClock } from '../src/base/clock.ts';
import { formatPublicKey, generateKey, signerOf } from '../src/base/keys.ts';
import { initLog } from '../src/logs/writer.ts';
import { assembleTrustedRoot, formatTrustedRoot } from '../src/trust/trusted-root.ts';

const ORIGIN = 'log.example.com/bench';

/**
 * Signs and logs attestations into `directory`/attestations, 1,000 to a folder.
 * @returns what `stella attest verify` is to be given to verify them
 */
export async function makeAttestations(directory: string, count: number): Promise<string[]> {
  const [key, logKey] = [generateKey('ecdsa-p256'), generateKey('ed25519')];
  const log = join(directory, 'log');
  await initLog(log, { origin: ORIGIN, signer: signerOf(logKey) });
  const claims = Array.from({ length: count }, (_, i) => ({
    subjects: [{ name: `artifact-${i}`, sha256: i.toString(16).padStart(64, '0') }],
  }));
  const setting = { signer: signerOf(key), log, logSigner: signerOf(logKey), now: systemClock() };
  let made = 0;
  for await (const { bytes } of signAttestations(claims, setting)) {
    const folder = join(directory, 'attestations', String(Math.floor(made / 1000)).padStart(4, '0'));
    if (made % 1000 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${String(made).padStart(7, '0')}.json`), bytes);
    made += 1;
  }
  const bytes = Buffer.from(formatPublicKey(logKey.publicKey));
  const root = assembleTrustedRoot([
    { name: 'log', usage: 'Rekor', status: 'Active', uri: `https://${ORIGIN}`, bytes },
  ]);
  const [rootFile, keyFile] = [join(directory, 'root.json'), join(directory, 'key.pub')];
  writeFileSync(rootFile, formatTrustedRoot(root));
  writeFileSync(keyFile, formatPublicKey(key.publicKey));
  return [join(directory, 'attestations'), '--trusted-root', rootFile, '--key', keyFile];
}
