import { join } from 'node:path';
import type { AttestorKey } from '../../src/attest/authority/material.ts';
import type { TrustInputs } from '../../src/attest/authority/verifier-trust.ts';
import { artifactOf } from '../../src/attest/document/artifact.ts';
import { type SignedAttestation, signAttestation } from '../../src/attest/sign.ts';
import { DISTANT_FUTURE, DISTANT_PAST, instant, parseInstant } from '../../src/base/clock.ts';
import {
  formatPublicKey,
  generateKey,
  type KeyAlgorithm,
  type PrivateKey,
  signerOf,
} from '../../src/base/keys.ts';
import type { Endpoints } from '../../src/config/service-map.ts';
import { initLog } from '../../src/logs/writer.ts';
import type { TrustTarget } from '../../src/trust/targets.ts';
import { assembleTrustedRoot, type TrustedRoot } from '../../src/trust/trusted-root.ts';
import { temporaryDirectory } from '../support/temp.ts';

export const NOW = parseInstant('2026-08-22T00:00:00Z');
export const ORIGIN = 'log.example.com/test';
export const ARTIFACT = artifactOf('app.bin', Buffer.from('content'));
const EVER = { validFrom: DISTANT_PAST, validUntil: DISTANT_FUTURE };

export const ENDPOINTS: Endpoints = {
  environment: undefined,
  logs: [
    {
      url: 'http://127.0.0.1:1/log',
      logId: undefined,
      publicKeyTarget: 'rekor-key-v1',
      api: undefined,
      origin: ORIGIN,
      source: 'service map',
    },
  ],
  fulcio: undefined,
  tsa: undefined,
  ctlog: undefined,
};

/** An embedded log, an attestor key, and everything that a verifier of them needs. */
export interface Site {
  readonly log: string;
  readonly key: PrivateKey;
  readonly logKey: PrivateKey;
  readonly attestor: AttestorKey;
  readonly targets: readonly TrustTarget[];
  readonly trustedRoot: TrustedRoot;
  readonly trust: TrustInputs;
  sign(more?: {
    name?: string;
    predicateType?: string;
    predicate?: unknown;
    key?: PrivateKey;
    now?: number;
  }): Promise<SignedAttestation>;
}

export async function makeSite(
  algorithm: KeyAlgorithm = 'ed25519',
  logAlgorithm: KeyAlgorithm = 'ed25519',
  directory = temporaryDirectory(),
): Promise<Site> {
  const log = join(directory, 'log');
  const [key, logKey] = [generateKey(algorithm), generateKey(logAlgorithm)];
  await initLog(log, { origin: ORIGIN, signer: signerOf(logKey) });
  const pem = (each: PrivateKey) => Buffer.from(formatPublicKey(each.publicKey));
  const targets: TrustTarget[] = [
    { name: 'rekor-key-v1.pub', usage: 'Rekor', status: 'Active', bytes: pem(logKey) },
    { name: 'attestor.pub', usage: 'attestor', status: 'Active', bytes: pem(key) },
  ];
  const attestor = { name: 'attestor.pub', target: 'attestor.pub', key: key.publicKey, ...EVER };
  const trustedRoot = assembleTrustedRoot(targets, ENDPOINTS);
  return {
    log,
    key,
    logKey,
    attestor,
    targets,
    trustedRoot,
    trust: {
      origin: { kind: 'store', name: 'test' },
      instances: [{ name: 'test', trustedRoot }],
      attestors: [attestor],
    },
    sign: ({ name = 'app.bin', now = NOW as number, key: other = key, ...more } = {}) =>
      signAttestation({
        subjects: [{ name, sha256: ARTIFACT.digests.sha256! }],
        signer: signerOf(other),
        log,
        logSigner: signerOf(logKey),
        now: instant(now),
        ...more,
      }),
  };
}
