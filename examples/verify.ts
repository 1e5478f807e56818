/**
 * Verifies an attestation about an artifact with the trust store of this home directory. No network.
 * Usage: node examples/verify.ts ATTESTATION ARTIFACT [POLICY]
 */
import { readFileSync } from 'node:fs';
import { EXIT, instant, loadArtifact, openTrust, parsePolicyFile } from '@stella-airgap/stella';

const [file, artifactFile, policyFile] = process.argv.slice(2);
if (file === undefined || artifactFile === undefined)
  throw new Error('which attestation, and which artifact?');

const trust = openTrust({ env: process.env, cwd: process.cwd() });
const verifier = await trust.verifier({ now: instant(Date.now()) });
const { verified, error, verdicts } = await verifier.verify(
  { name: file, bytes: readFileSync(file) },
  {
    artifact: await loadArtifact(artifactFile),
    ...(policyFile === undefined
      ? {}
      : { policy: parsePolicyFile(readFileSync(policyFile), { name: policyFile }) }),
  },
);
for (const verdict of verdicts) console.log(JSON.stringify(verdict));
if (!verified) process.exitCode = error?.exit ?? EXIT.refused;
