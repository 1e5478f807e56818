import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { artifactOf } from '../../src/attest/artifact.ts';
import { parseStrictJson } from '../../src/attest/json.ts';
import { parseSigstoreBundle } from '../../src/attest/sigstore-bundle.ts';
import { loadTrust } from '../../src/attest/trust.ts';
import { verifyAttestation } from '../../src/attest/verify.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { loadPublicKey } from '../../src/base/keys.ts';
import { parseTrustedRoot } from '../../src/trust/trusted-root.ts';
import { real, realIsPresent } from '../support/real.ts';

const folder = `${real}attestations/`;
const NOW = Date.UTC(2026, 7, 22);
const IDENTITY = {
  subject: {
    exactly:
      'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main',
  },
  issuer: { exactly: 'https://token.actions.githubusercontent.com' },
};

async function verifySample(name: string) {
  const file = (each: string) => `${folder}${name}/${each}`;
  const rootFile = existsSync(file('trusted_root.json'))
    ? file('trusted_root.json')
    : `${folder}trusted_root.json`;
  const trust = loadTrust({
    origin: { kind: 'trusted-root', name: rootFile },
    trustedRoot: parseTrustedRoot(readFileSync(rootFile)),
  });
  expect(trust.problems).toEqual([]);
  const isKey = existsSync(file('key.pub'));
  const artifact = artifactOf('a.txt', readFileSync(`${folder}a.txt`));
  try {
    const value = parseStrictJson(
      readFileSync(file('bundle.sigstore.json')),
      name,
      'SIGSTORE_BUNDLE_INVALID',
    );
    const verdict = await verifyAttestation(
      parseSigstoreBundle(value),
      trust,
      isKey
        ? {
            artifact,
            key: {
              key: loadPublicKey(file('key.pub')),
              name: 'key.pub',
              validFrom: Number.NEGATIVE_INFINITY,
              validUntil: Number.POSITIVE_INFINITY,
            },
          }
        : { artifact, identity: IDENTITY },
      NOW,
    );
    return verdict.verified ? verdict : verdict.error!;
  } catch (error) {
    if (isStellaError(error)) return error;
    throw error;
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  'bundle-negative-log-index_fail': 'SIGSTORE_BUNDLE_INVALID',
  'checkpoint-wrong-roothash_fail': 'PROOF_INVALID',
  'dsse-mismatch-envelope_fail': 'LOG_ENTRY_MISMATCH',
  'rekor2-timestamp-payload-mismatch_fail': 'TIMESTAMP_INVALID',
  'wrong-hashedrekord-entry_fail': 'LOG_ENTRY_MISMATCH',
};

describe.skipIf(!realIsPresent)('published Sigstore bundles', () => {
  const names = realIsPresent
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    : [];

  test.each(names.filter((name) => !name.endsWith('_fail')))('%s verifies', async (name) => {
    const result = await verifySample(name);
    expect(result).toMatchObject({ verified: true, artifactChecked: true, identityChecked: true });
  });

  test.each(names.filter((name) => name.endsWith('_fail')))('%s is refused', async (name) => {
    const result = await verifySample(name);
    expect(result).toMatchObject({ code: REFUSED[name] });
  });
});
