import { join } from 'node:path';
import type { Sha256Hex } from '../base/bytes.ts';
import { type Instant, parseInstant } from '../base/clock.ts';
import type { ErrorCode } from '../base/codes.ts';
import { isStellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { Config } from '../config/config.ts';
import { readAttestationList } from '../store/attestation-list.ts';
import { loadRepositories } from '../store/generation.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import { trustSources } from '../trust/instance.ts';
import { revokedIn, viewTrustInputs } from './authority/store-trust.ts';
import { loadTrust, type VerifierTrust } from './authority/verifier-trust.ts';
import { ATTESTATION_LIMITS } from './document/limits.ts';
import { parseAttestations } from './document/parse.ts';
import { verifyAttestation } from './verify.ts';

/** A carried attestation that held under one generation's trust and does not under another's. */
export interface LostAttestation {
  readonly name: string;
  readonly sha256: Sha256Hex;
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * The attestations that either generation carries and that the later one's trust refuses, although the earlier one's
 * accepts them.
 * Freshness is left out: it is a matter of the day, not of the trust.
 * @throws StellaError STORE_CORRUPT, TUF_*, FILE_NOT_FOUND for an attestation that the store has lost
 */
export async function lostAttestations(
  store: TrustStore,
  before: Generation,
  after: Generation,
  config: Config,
  now: Instant,
): Promise<LostAttestation[]> {
  const carried = new Map([before, after].flatMap(readAttestationList).map((each) => [each.sha256, each]));
  if (carried.size === 0) return [];
  const [old, current] = [await trustOf(store, before, config), await trustOf(store, after, config)];
  const lost: LostAttestation[] = [];
  for (const { name, sha256 } of carried.values()) {
    const document = readBounded(
      join(store.attestationsDirectory, `${sha256}.json`),
      ATTESTATION_LIMITS.documentBytes,
    );
    const failure = await failureOf(document, name, current, now);
    if (failure && !(await failureOf(document, name, old, now))) lost.push({ name, sha256, ...failure });
  }
  return lost;
}

async function trustOf(store: TrustStore, generation: Generation, config: Config): Promise<VerifierTrust> {
  const inputs = await viewTrustInputs(trustSources(await loadRepositories(generation)), config, {
    origin: {
      kind: 'store',
      name: `trust store generation ${generation.number}`,
      generation: generation.number,
      sealedAt: parseInstant(generation.state.reference_time),
    },
    revoked: revokedIn(generation),
    carried: { logs: generation.state.logs, directory: store.logsDirectory },
  });
  return loadTrust(inputs);
}

async function failureOf(
  document: Uint8Array,
  name: string,
  trust: VerifierTrust,
  now: Instant,
): Promise<{ code: ErrorCode; message: string } | undefined> {
  try {
    for (const parsed of parseAttestations(document, name)) {
      if ('error' in parsed) return { code: parsed.error.code, message: parsed.error.message };
      const { error } = await verifyAttestation(parsed.attestation, trust, {}, now);
      if (error) return { code: error.code, message: error.message };
    }
    return undefined;
  } catch (error) {
    if (isStellaError(error)) return { code: error.code, message: error.message };
    throw error;
  }
}
