import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { GOLDEN, goldenDirectory, KEYS, sealOptions } from '../../bundles/golden.ts';
import { MOST_LEVEL } from '../../src/archive/zstd.ts';
import { openBundle, type SealedBundle } from '../../src/bundle/open.ts';
import { sealBundle } from '../../src/bundle/seal.ts';
import { checkBundleSignature } from '../../src/bundle/signature.ts';
import { temporaryDirectory } from '../support/temp.ts';

async function checkGolden(bundle: SealedBundle, golden: (typeof GOLDEN)[number]): Promise<void> {
  const keys = golden.signers.map((name) => KEYS[name].publicKey);
  expect(checkBundleSignature(bundle, keys, keys.length)).toEqual(keys);
  const { entries, manifest, signers: _, ...facts } = sealOptions(golden, '');
  expect(facts).toBeDefined();
  expect(bundle.manifest).toMatchObject(manifest);
  expect(bundle.manifest.entries).toHaveLength(entries.length);
  for (const { path, source } of entries)
    expect(Buffer.from(await bundle.readEntry(path)).equals(source as Uint8Array), path).toBe(true);
  await bundle.verifyAll();
  await bundle.close();
}

describe.each(GOLDEN)('$name', (golden) => {
  const file = join(goldenDirectory, `${golden.name}.tar.zst`);

  test('opens, verifies and holds what was sealed into it', async () => {
    const path = golden.partSize === undefined ? file : `${file}.001`;
    const bundle = await openBundle(path, { staging: temporaryDirectory() });
    expect(bundle.seekable).toBe(golden.repacked !== true);
    await checkGolden(bundle, golden);
  });

  test('opens from a pipe', async () => {
    const parts = [file, ...[1, 2, 3].map((n) => `${file}.00${n}`)].filter((path) => existsSync(path));
    const bytes = Readable.from(parts.map((path) => readFileSync(path)));
    await checkGolden(await openBundle(bytes, { staging: temporaryDirectory() }), golden);
  });

  // ECDSA signatures are made with a random number; Ed25519's are not.
  test.skipIf(
    golden.repacked ||
      golden.signers.includes('p256') ||
      golden.partSize !== undefined ||
      (golden.level ?? 0) > MOST_LEVEL,
  )('is sealed again to the same bytes', async () => {
    const out = join(temporaryDirectory(), 'again.tar.zst');
    await sealBundle(sealOptions(golden, out));
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
  });
});
