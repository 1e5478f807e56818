/** Seals files into a bundle, opens it again, and reads one entry. Usage: node examples/seal-and-open.ts DIRECTORY */
import { join } from 'node:path';
import { generateKey, openBundle, sealBundle, sha256Hex, signerOf } from '@stella-airgap/stella';

const directory = process.argv[2] ?? '.';
const file = join(directory, 'example.tar.zst');
const key = generateKey('ed25519');

const sealed = await sealBundle({
  out: file,
  signers: [signerOf(key)],
  manifest: {
    sealed_at: '2026-01-25T12:00:00Z',
    sequence: 1,
    producer: { name: 'example', version: '1.0.0' },
    stale_after_days: 7,
    tuf: {
      url: 'https://trust.example.com/tuf/',
      first_root: 1,
      roles: { root: { version: 1, sha256: sha256Hex(Buffer.from('{}')), expires: '2027-01-01T00:00:00Z' } },
    },
    service_map_target: 'sigstore-services-v1',
    logs: [],
  },
  entries: [{ path: 'tuf/1.root.json', source: Buffer.from('{}') }],
});
console.log(`sealed ${sealed.size} bytes, manifest sha256:${sealed.manifestSha256}`);

const bundle = await openBundle(file, { staging: directory });
try {
  // What is inside counts for nothing until a key that you trust has signed it.
  const [signer] = bundle.checkSignature({ trusted: [key.publicKey] });
  await bundle.verifyAll();
  const entry = await bundle.readEntry('tuf/1.root.json');
  console.log(`signed by sha256:${signer?.id}; tuf/1.root.json has ${entry.length} bytes`);
} finally {
  await bundle.close();
}
