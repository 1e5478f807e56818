/**
 * Verifies an attestation about an artifact with the trust store of this home directory. No network.
 * Usage: node examples/verify.ts ATTESTATION ARTIFACT
 */
import { readFileSync } from 'node:fs';
import { EXIT, instant, loadArtifact, openTrust } from 'stella';

const [file, artifactFile] = process.argv.slice(2);
if (file === undefined || artifactFile === undefined)
  throw new Error('which attestation, and which artifact?');

const now = instant(Date.now());
const verifier = await openTrust({ env: process.env, cwd: process.cwd() }).verifier(now);
const artifact = await loadArtifact(artifactFile);
for (const verdict of await verifier.verify(readFileSync(file), file, now, { artifact })) {
  console.log(JSON.stringify(verdict));
  if (!verdict.verified || !verdict.artifact_checked) process.exitCode = verdict.error?.exit ?? EXIT.refused;
}
