import { existsSync, readdirSync, readFileSync } from 'node:fs';
import {
  instancesOfTrustedRoot,
  loadTrust,
  type VerifierTrust,
} from '../../src/attest/authority/verifier-trust.ts';
import { type Artifact, artifactOf } from '../../src/attest/document/artifact.ts';
import { parseSigstoreBundle } from '../../src/attest/document/sigstore-bundle.ts';
import type { Verdict } from '../../src/attest/verdict/verdict.ts';
import { unreadable } from '../../src/attest/verdict/verdict.ts';
import { type VerifyOptions, verifyAttestation } from '../../src/attest/verify.ts';
import { DISTANT_FUTURE, DISTANT_PAST, instant, parseInstant } from '../../src/base/clock.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { parseStrictJson } from '../../src/base/json.ts';
import { loadPublicKey } from '../../src/base/keys.ts';
import { real, realIsPresent } from '../support/real.ts';

/** A time at which the published samples and their trust hold. */
export const NOW = parseInstant('2026-08-22T00:00:00Z');
export const FOLDER = `${real}attestations/`;
export const IDENTITY =
  'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main';
export const ISSUER = 'https://token.actions.githubusercontent.com';

export const EVER = { validFrom: DISTANT_PAST, validUntil: DISTANT_FUTURE };

/** A published Sigstore bundle with what it takes to verify it. */
export interface Sample {
  readonly name: string;
  readonly isGood: boolean;
  readonly bytes: Buffer;
  readonly trustedRootFile: string;
  readonly keyFile: string | undefined;
  readonly trust: VerifierTrust;
  readonly options: VerifyOptions;
}

export function loadSamples(): Sample[] {
  if (!realIsPresent) return [];
  const artifact: Artifact = artifactOf('a.txt', readFileSync(`${FOLDER}a.txt`));
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const file = (each: string) => `${FOLDER}${name}/${each}`;
      const own = file('trusted_root.json');
      const trustedRootFile = existsSync(own) ? own : `${FOLDER}trusted_root.json`;
      const keyFile = existsSync(file('key.pub')) ? file('key.pub') : undefined;
      return {
        name,
        isGood: !name.endsWith('_fail'),
        bytes: readFileSync(file('bundle.sigstore.json')),
        trustedRootFile,
        keyFile,
        trust: loadTrust({
          origin: { kind: 'trusted-root', name: 'test' },
          instances: instancesOfTrustedRoot(readFileSync(trustedRootFile), 'test'),
        }),
        options:
          keyFile === undefined
            ? { artifact, identity: { subject: { exactly: IDENTITY }, issuer: { exactly: ISSUER } } }
            : { artifact, key: { key: loadPublicKey(keyFile), name: 'key.pub', ...EVER } },
      };
    });
}

/** Parses and verifies; whatever is not a refusal with a code is thrown. */
export async function verifyBytes(
  bytes: Uint8Array,
  { trust, options }: Pick<Sample, 'trust' | 'options'>,
  now: number = NOW,
): Promise<Verdict> {
  try {
    const value = parseStrictJson(bytes, 'the sample', { code: 'SIGSTORE_BUNDLE_INVALID' });
    return await verifyAttestation(parseSigstoreBundle(value), trust, options, instant(now));
  } catch (error) {
    if (isStellaError(error)) return unreadable(error, trust);
    throw error;
  }
}
