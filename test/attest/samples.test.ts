import { describe, expect, test } from 'vitest';
import { realIsPresent } from '../support/real.ts';
import { loadSamples, verifyBytes } from './samples.ts';

const REFUSED: Readonly<Record<string, string>> = {
  'bundle-negative-log-index_fail': 'SIGSTORE_BUNDLE_INVALID',
  'checkpoint-wrong-roothash_fail': 'PROOF_INVALID',
  'dsse-mismatch-envelope_fail': 'LOG_ENTRY_MISMATCH',
  'rekor2-timestamp-payload-mismatch_fail': 'TIMESTAMP_INVALID',
  'wrong-hashedrekord-entry_fail': 'LOG_ENTRY_MISMATCH',
};

describe.skipIf(!realIsPresent)('published Sigstore bundles', () => {
  const samples = loadSamples();

  test.each(samples.filter(({ isGood }) => isGood))('$name verifies', async (sample) => {
    expect(sample.trust.problems).toEqual([]);
    expect(await verifyBytes(sample.bytes, sample)).toMatchObject({
      verified: true,
      artifactChecked: true,
      identityChecked: true,
    });
  });

  test.each(samples.filter(({ isGood }) => !isGood))('$name is refused', async (sample) => {
    expect(await verifyBytes(sample.bytes, sample)).toMatchObject({
      verified: false,
      error: { code: REFUSED[sample.name] },
    });
  });
});
