/**
 * Verifies an attestation about an artifact with the trust store of this home directory. No network.
 * Usage: node examples/verify.ts ATTESTATION ARTIFACT
 */
import { readFileSync } from 'node:fs';
import {
  loadArtifact,
  loadConfig,
  loadTrust,
  openStore,
  parseAttestations,
  storePathOf,
  storeTrustInputs,
  verdictJson,
  verifyAttestation,
} from 'stella';

const [file, artifactFile] = process.argv.slice(2);
if (file === undefined || artifactFile === undefined)
  throw new Error('which attestation, and which artifact?');

const now = Date.now();
const config = loadConfig({ env: process.env, cwd: process.cwd() });
const trust = loadTrust(await storeTrustInputs({ store: openStore(storePathOf(config)), config, now }));
const artifact = await loadArtifact(artifactFile);
for (const parsed of parseAttestations(readFileSync(file), file)) {
  if ('error' in parsed) throw parsed.error;
  const verdict = await verifyAttestation(parsed.attestation, trust, { artifact }, now);
  console.log(JSON.stringify(verdictJson(file, verdict)));
  if (verdict.error) process.exitCode = verdict.error.exit;
}
