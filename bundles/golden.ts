/**
 * The golden bundles: sealed once and kept, so that a change which no longer reads (or no longer makes) what was made
 * before fails a test. `node bundles/golden.ts` makes those that are not there; it never replaces one.
 */

import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatPublicKey, type PrivateKey, publicKeyOf, signerOf } from '../src/base/keys.ts';
import type { Manifest } from '../src/bundle/manifest.ts';
import { type SealOptions, sealBundle } from '../src/bundle/seal.ts';
import { splitBundle } from '../src/bundle/split.ts';
import { manifestFacts, noise, someEntries } from '../test/support/bundle.ts';
import { repeatedDigest } from '../test/support/digest.ts';

export const goldenDirectory = fileURLToPath(new URL('golden/', import.meta.url));

/** Keys that are no secret: RFC 8032 §7.1 tests 1 and 2, RFC 6979 §A.2.5. */
function knownKey(pkcs8: string): PrivateKey {
  const object = createPrivateKey({ key: Buffer.from(pkcs8, 'hex'), format: 'der', type: 'pkcs8' });
  return { object, publicKey: publicKeyOf(createPublicKey(object)) };
}
const ED25519 = '302e020100300506032b657004220420';
export const KEYS = {
  one: knownKey(`${ED25519}9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60`),
  two: knownKey(`${ED25519}4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb`),
  p256: knownKey(
    '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
  ),
};
export type KeyName = keyof typeof KEYS;

export interface Golden {
  readonly name: string;
  readonly signers: readonly KeyName[];
  readonly manifest?: Partial<Manifest>;
  readonly entries?: SealOptions['entries'];
  readonly level?: number;
  /** Split into parts of so many bytes. */
  readonly partSize?: number;
  /** Unpacked and packed again by `tar --zstd`. */
  readonly repacked?: boolean;
}

const log = `logs/${repeatedDigest('ab')}`;

export const GOLDEN: readonly Golden[] = [
  { name: 'plain', signers: ['one'] },
  { name: 'empty', signers: ['one'], entries: [] },
  { name: 'two-signers', signers: ['one', 'two'] },
  { name: 'mixed-signers', signers: ['p256', 'one'] },
  { name: 'level-15', signers: ['one'], level: 15 },
  // Sealed when this level was still allowed: it must open for ever, and is not sealed again.
  { name: 'level-19', signers: ['one'], level: 19 },
  {
    name: 'delta',
    signers: ['one'],
    manifest: { sequence: 8, base: { sequence: 7, manifest_sha256: repeatedDigest('12') } },
    entries: [
      { path: `${log}/tile/0/001`, source: noise(8192, 6) },
      ...someEntries.filter(({ path }) => path.startsWith('tuf/')),
    ],
  },
  {
    name: 'names',
    signers: ['one'],
    manifest: {
      sealed_at: '2026-01-25T12:00:00.250Z',
      producer: { name: 'Pr\u00fcfstelle "A" \u6c34 \\ \u{1f512}', version: '1.0.0-rc.1+build' },
      logs: [
        {
          origin: 'example.com/log',
          url: 'https://log.example.com/',
          log_id: repeatedDigest('cd'),
          tree_size: 300,
          root_hash: repeatedDigest('34'),
          first_index: 256,
          consistent_from: [1, 256],
        },
      ],
      attestations: [{ name: 'dir/\u00fcber.json', sha256: repeatedDigest('ef') }],
    },
    entries: [
      ...someEntries,
      { path: 'tuf/targets/schl\u00fcssel.pem', source: Buffer.from('umlaut') },
      { path: 'tuf/targets/\u6c34\u{1f512}', source: Buffer.from('beyond the basic plane') },
      { path: `tuf/targets/${'n'.repeat(120)}`, source: Buffer.from('no slash to split at') },
      { path: `tuf/targets/${'d'.repeat(100)}/${'n'.repeat(99)}`, source: Buffer.from('split at a slash') },
      { path: `tuf/targets/${`${'e'.repeat(60)}/`.repeat(5)}x`, source: Buffer.from('prefix too long') },
    ],
  },
  {
    name: 'frames',
    signers: ['one'],
    entries: [
      ...someEntries,
      {
        path: 'tuf/targets/large',
        source: Buffer.alloc(9 * 2 ** 20 + 17, 'every frame but the last is full '),
      },
      { path: 'tuf/targets/next', source: Buffer.from('begins in the middle of a frame') },
    ],
  },
  {
    name: 'repositories',
    signers: ['one'],
    manifest: {
      repositories: [
        { name: 'an-other', ...manifestFacts.tuf },
        { name: 'github', ...manifestFacts.tuf, as_of: '2026-01-24T12:00:00Z' },
      ],
    },
    entries: [
      ...someEntries,
      { path: 'tuf+an-other/1.root.json', source: Buffer.from('{"root":"an-other"}') },
      { path: 'tuf+github/1.root.json', source: Buffer.from('{"root":"github"}') },
      { path: 'tuf+github/timestamp.json', source: noise(900, 8) },
    ],
  },
  { name: 'parts', signers: ['one'], partSize: 5000 },
  { name: 'repacked', signers: ['one'], repacked: true },
];

/** The same inputs every time. */
export function sealOptions(golden: Golden, out: string): SealOptions {
  return {
    out,
    manifest: { ...manifestFacts, ...golden.manifest },
    entries: golden.entries ?? someEntries,
    signers: golden.signers.map((name) => signerOf(KEYS[name])),
    ...(golden.level === undefined ? {} : { level: golden.level }),
  };
}

async function make(golden: Golden): Promise<void> {
  const file = join(goldenDirectory, `${golden.name}.tar.zst`);
  const options = sealOptions(golden, file);
  const { manifestSha256 } = await sealBundle(options);
  if (golden.repacked) {
    const directory = mkdtempSync(join(tmpdir(), 'stella-golden-'));
    execFileSync('tar', ['--zstd', '-xf', file, '-C', directory]);
    const order = ['manifest.json', 'manifest.cose', 'tuf', 'logs', 'attestations'];
    execFileSync('tar', ['--zstd', '--format=pax', '-cf', file, ...order.map((name) => `./${name}`)], {
      cwd: directory,
    });
    rmSync(directory, { recursive: true });
  }
  if (golden.partSize !== undefined)
    await splitBundle({ file, manifestSha256, partSize: golden.partSize, signers: options.signers });
}

if (import.meta.main) {
  for (const [name, key] of Object.entries(KEYS)) {
    const path = join(goldenDirectory, `${name}.pub`);
    if (!existsSync(path)) writeFileSync(path, formatPublicKey(key.publicKey));
  }
  for (const golden of GOLDEN) {
    const path = join(
      goldenDirectory,
      `${golden.name}${golden.partSize === undefined ? '.tar.zst' : '.parts.json'}`,
    );
    if (existsSync(path)) continue;
    await make(golden);
    console.log(`made ${path}`);
  }
}
