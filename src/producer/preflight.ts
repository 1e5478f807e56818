import { viewTrustInputs } from '../attest/authority/store-trust.ts';
import { loadTrust } from '../attest/authority/verifier-trust.ts';
import { type PreflightResult, preflight } from '../attest/preflight.ts';
import type { Instant } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import type { LogOriginsByUrl } from '../store/log-origins.ts';
import type { TrustSource } from '../trust/instance.ts';
import type { CollectedAttestation } from './collect.ts';
import type { CollectedLog } from './collect-logs.ts';

export interface SealedParts {
  /** The home repository first. */
  readonly repositories: readonly [TrustSource, ...TrustSource[]];
  readonly config: Config;
  readonly logs: readonly CollectedLog[];
  /** `logs/` of the trust store, where the tiles lie. */
  readonly logsDirectory: string;
  /** What logs were found to sign as. */
  readonly origins: LogOriginsByUrl;
  readonly sealedAt: Instant;
}

/**
 * Runs the verifier against exactly what is being sealed, so that an attestation that will not verify over there is known
 * here, while it can still be mended.
 */
export async function preflightAttestations(
  attestations: readonly CollectedAttestation[],
  parts: SealedParts,
): Promise<PreflightResult[]> {
  if (attestations.length === 0) return [];
  const inputs = await viewTrustInputs(parts.repositories, parts.config, {
    origin: { kind: 'store', name: 'the bundle being sealed', sealedAt: parts.sealedAt, how: 'sealed' },
    origins: parts.origins,
    carried: {
      logs: parts.logs.map(({ manifest, checkpoint }) => ({ origin: manifest.origin, checkpoint })),
      directory: parts.logsDirectory,
    },
  });
  return await preflight(attestations, loadTrust(inputs), parts.sealedAt);
}
