import {
  instancesOfTrustedRoot,
  loadTrust,
  type TrustInputs,
} from '../../../src/attest/authority/verifier-trust.ts';
import { artifactOf } from '../../../src/attest/document/artifact.ts';
import { parseAttestations } from '../../../src/attest/document/parse.ts';
import { unreadable, type Verdict } from '../../../src/attest/verdict/verdict.ts';
import { type VerifyOptions, verifyAttestation } from '../../../src/attest/verify.ts';
import { instant } from '../../../src/base/clock.ts';
import type { Json } from './edit.ts';
import { ARTIFACT, DAY, SIGNED } from './scenario.ts';

/** The instances of trusted roots, one a line. */
export const instancesOf = (...roots: readonly Json[]) =>
  instancesOfTrustedRoot(Buffer.from(roots.map((root) => JSON.stringify(root)).join('\n')), 'test');

/** The verdict on a Sigstore bundle that was made, a day after it was signed. */
export async function judgeMade(
  bundle: Json,
  trust: Partial<TrustInputs>,
  options: VerifyOptions = {},
): Promise<Verdict> {
  const loaded = loadTrust({ origin: { kind: 'trusted-root', name: 'test' }, ...trust });
  const [parsed] = parseAttestations(Buffer.from(JSON.stringify(bundle)), 'it');
  if ('error' in parsed!) return unreadable(parsed.error, loaded);
  return await verifyAttestation(
    parsed!.attestation,
    loaded,
    { artifact: artifactOf('a.txt', ARTIFACT), ...options },
    instant(SIGNED + DAY),
  );
}
