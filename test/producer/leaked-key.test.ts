import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { collectTuf } from '../../src/producer/collect.ts';
import { refusal } from '../support/errors.ts';
import { makeEnclave } from '../support/site.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';

test('a private key that a repository publishes is not carried; all else is, and imports', async () => {
  const base = temporaryDirectory();
  const repository = new TufRepository();
  repository.addTarget('rekor-key-v1.pub', formatPublicKey(generateKey().publicKey));
  repository.addTarget('notes/attestor.key', formatPrivateKey(generateKey()));
  repository.addTarget('sigstore-services-v1.json', '{"version": 1}');
  const served = repository.publish().writeTo(join(base, 'served'));
  const root = join(served, '1.root.json');
  const connected = makeEnclave(base, 'connected');
  const init = ['trust', 'init', '--tuf-url', pathToFileURL(served).href, '--root', root];
  await connected.run(init, { now: NOW, expect: 0 });
  const out = join(base, 'x.tar.zst');
  const sealed = await connected.run(['trust', 'snapshot', 'export', '--out', out], {
    now: NOW,
    expect: 0,
  });
  expect(sealed.stderr).toMatch(
    /^warning: targets\/notes\/\S+attestor\.key of the TUF repository holds a private key, and is not carried/m,
  );
  const bundle = await openBundle(out, { staging: base });
  const paths = bundle.manifest.entries.map(({ path }) => path);
  await bundle.close();
  expect(paths.some((path) => path.includes('rekor-key-v1.pub'))).toBe(true);
  expect(paths.filter((path) => path.includes('attestor.key'))).toEqual([]);

  const key = join(connected.home, '.local/share/stella/producer/bundle-signer.pub');
  const held = makeEnclave(base, 'held');
  await held.run(['trust', 'import', out, '--root', root, '--bundle-key', key], { now: NOW, expect: 0 });
});

test('a target that trust depends on is refused, not left out', async () => {
  const needed = {
    name: 'rekor-key-v1.pub',
    usage: 'Rekor',
    status: 'Active',
    bytes: Buffer.from(formatPrivateKey(generateKey())),
  } as const;
  const error = await refusal('PRIVATE_KEY', () => collectTuf(temporaryDirectory(), [needed]));
  expect(error.message).toContain('the target "rekor-key-v1.pub" holds a PEM private key');
});
