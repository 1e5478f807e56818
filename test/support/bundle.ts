import { join } from 'node:path';
import { generateKey, type PrivateKey, signerOf } from '../../src/base/keys.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { type Sealed, type SealOptions, sealBundle } from '../../src/bundle/seal.ts';
import { repeatedDigest } from './digest.ts';

/** What a manifest says of itself, apart from its entries. */
export const manifestFacts: Omit<Manifest, 'format' | 'entries' | 'entries_root'> = {
  sealed_at: '2026-01-25T12:00:00Z',
  sequence: 7,
  producer: { name: 'test-producer', version: '1.0.0' },
  stale_after_days: 7,
  tuf: {
    url: 'https://trust.example.com/tuf/',
    first_root: 1,
    roles: { root: { version: 1, sha256: repeatedDigest('00'), expires: '2027-01-01T00:00:00Z' } },
  },
  service_map_target: 'sigstore-services-v1',
  logs: [],
};

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

const origin = repeatedDigest('ab');

/** A few entries in every folder of a bundle. */
export const someEntries: SealOptions['entries'] = [
  { path: 'tuf/1.root.json', source: Buffer.from('{"root":1}') },
  { path: 'tuf/timestamp.json', source: Buffer.from('{"timestamp":1}') },
  { path: `tuf/targets/${repeatedDigest('cd')}.rekor-key-v1.pub`, source: noise(700, 3) },
  { path: `logs/${origin}/checkpoint`, source: Buffer.from('example.com/log\n') },
  { path: `logs/${origin}/tile/0/000`, source: noise(8192, 4) },
  { path: `logs/${origin}/tile/entries/x001/x234/067.p/200`, source: noise(1000, 5) },
  { path: `attestations/${repeatedDigest('ef')}.json`, source: Buffer.alloc(0) },
];

export interface MadeBundle extends Sealed {
  readonly file: string;
  readonly key: PrivateKey;
}

/** Seals a bundle in `directory`. */
export async function makeBundle(
  directory: string,
  options: Partial<SealOptions> & { key?: PrivateKey; name?: string } = {},
): Promise<MadeBundle> {
  const key = options.key ?? generateKey();
  const file = options.out ?? join(directory, options.name ?? 'bundle.tar.zst');
  const sealed = await sealBundle({
    manifest: manifestFacts,
    entries: someEntries,
    signers: [signerOf(key)],
    ...options,
    out: file,
  });
  return { ...sealed, file, key };
}
