import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatPrivateKey, generateKey } from '../../../../src/base/keys.ts';
import { openBundle } from '../../../../src/bundle/open.ts';
import { checkBundleSignature } from '../../../../src/bundle/signature.ts';
import { makeBundle } from '../../../support/bundle.ts';
import { stella } from '../../../support/cli.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

test.each(['ed25519', 'ecdsa-p256'] as const)('a second signature: %s', async (algorithm) => {
  const cwd = temporaryDirectory();
  const second = generateKey(algorithm);
  const made = await makeBundle(cwd);
  writeFileSync(join(cwd, 'second.pem'), formatPrivateKey(second, 'open'), { mode: 0o600 });
  writeFileSync(join(cwd, 'passphrase'), 'open\n');
  const args = ['trust', 'snapshot', 'sign', 'bundle.tar.zst', '--signing-key', 'second.pem'];
  const refused = await stella(args, { cwd });
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[KEY_PASSPHRASE]')]);
  const signed = await stella([...args, '--key-passphrase-file', 'passphrase'], { cwd });
  expect([signed.status, signed.stdout]).toEqual([0, expect.stringContaining('2 signatures now')]);

  const bundle = await openBundle(made.file, { staging: cwd });
  const keys = [made.key.publicKey, second.publicKey];
  expect(checkBundleSignature(bundle, keys, 2)).toEqual(keys);
  expect(bundle.manifestSha256).toBe(made.manifestSha256);
  await bundle.verifyAll();
  await bundle.close();

  const before = readFileSync(made.file);
  const again = await stella([...args, '--key-passphrase-file', 'passphrase', '--json'], { cwd });
  expect([again.status, again.stderr]).toEqual([4, expect.stringContaining('signed this bundle already')]);
  expect(readFileSync(made.file).equals(before)).toBe(true);
});

test('a bundle that does not hold is not signed', async () => {
  const cwd = temporaryDirectory();
  const made = await makeBundle(cwd);
  const bytes = readFileSync(made.file);
  bytes[bytes.length - 600]! ^= 1;
  writeFileSync(made.file, bytes);
  writeFileSync(join(cwd, 'second.pem'), formatPrivateKey(generateKey()), { mode: 0o600 });
  const args = ['trust', 'snapshot', 'sign', 'bundle.tar.zst', '--signing-key', 'second.pem'];
  const refused = await stella(args, { cwd });
  expect(refused.status).toBe(2);
  expect(readFileSync(made.file).equals(bytes)).toBe(true);
});
