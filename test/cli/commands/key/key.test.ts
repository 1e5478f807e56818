import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isSignature, loadPrivateKey, loadPublicKey, sign } from '../../../../src/base/keys.ts';
import { publicName } from '../../../../src/cli/commands/key/generate.ts';
import { KEY_TYPES } from '../../../../src/repository/directory/vocabulary.ts';
import { stella } from '../../../support/cli.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const DATA = Buffer.from('signed');

describe('key generate', () => {
  test.each(KEY_TYPES)('%s: two halves of one key, and its fingerprint', async (type) => {
    const cwd = temporaryDirectory();
    const made = await stella(['key', 'generate', 'a.pem', '--type', type, '--no-passphrase'], { cwd });
    expect(made.status, made.stderr).toBe(0);
    const key = loadPrivateKey(join(cwd, 'a.pem'));
    const publicKey = loadPublicKey(join(cwd, 'a.pub'));
    expect(isSignature(publicKey, DATA, sign(key, DATA))).toBe(true);
    expect(publicKey.algorithm).toBe(type);
    expect(statSync(join(cwd, 'a.pem')).mode & 0o777).toBe(0o600);
    expect(made.stderr).toContain('not encrypted');
    expect(made.stdout).toContain(`sha256:${publicKey.id}`);
    expect(made.stdout).toContain(
      publicKey.id
        .match(/.{1,4}/g)!
        .slice(0, 8)
        .join(' '),
    );
    const shown = await stella(['key', 'show', 'a.pem', 'a.pub', '--json'], { cwd });
    const facts = { type, fingerprint: `sha256:${publicKey.id}` };
    expect(shown.json()).toMatchObject({
      keys: [
        { file: 'a.pem', private: true, ...facts },
        { file: 'a.pub', private: false, ...facts },
      ],
    });
  });

  test('is encrypted unless told otherwise, by a file or by what is typed twice', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'passphrase'), 'of four words\n');
    const byFile = ['--key-passphrase-file', 'passphrase'];
    expect((await stella(['key', 'generate', 'a.key', ...byFile], { cwd })).status).toBe(0);
    expect(readFileSync(join(cwd, 'a.key'), 'latin1')).toContain('ENCRYPTED');
    expect(loadPrivateKey(join(cwd, 'a.key'), 'of four words').publicKey.id).toBe(
      loadPublicKey(join(cwd, 'a.pub')).id,
    );
    const shown = await stella(['key', 'show', 'a.key', '--public-out', 'again.pub', ...byFile], { cwd });
    expect(shown.status, shown.stderr).toBe(0);
    expect(readFileSync(join(cwd, 'again.pub'), 'utf8')).toBe(readFileSync(join(cwd, 'a.pub'), 'utf8'));
    const typed = await stella(['key', 'generate', 'b.pem'], { cwd, answers: ['x y', 'x y'] });
    expect(typed.status, typed.stderr).toBe(0);
    expect(loadPrivateKey(join(cwd, 'b.pem'), 'x y').publicKey.algorithm).toBe('ed25519');
    expect(typed.stdout + typed.stderr).not.toContain('x y');
    const none = await stella(['key', 'generate', 'c.pem'], { cwd });
    expect([none.status, none.stderr]).toEqual([4, expect.stringContaining('[KEY_PASSPHRASE]')]);
    expect(existsSync(join(cwd, 'c.pem'))).toBe(false);
  });

  test('replaces nothing, neither half, without --force', async () => {
    const cwd = temporaryDirectory();
    const generate = (...args: string[]) =>
      stella(['key', 'generate', 'a.pem', '--no-passphrase', ...args], { cwd });
    writeFileSync(join(cwd, 'a.pub'), 'mine');
    const refused = await generate();
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[FILE_EXISTS]')]);
    expect(existsSync(join(cwd, 'a.pem'))).toBe(false);
    expect((await generate('--force')).status).toBe(0);
    const before = readFileSync(join(cwd, 'a.pem'));
    expect((await generate('--public-out', 'other.pub')).stderr).toContain('[FILE_EXISTS]');
    expect(readFileSync(join(cwd, 'a.pem'))).toEqual(before);
    expect((await generate('--public-out', 'a.pem')).stderr).toContain('[USAGE]');
    expect((await generate('--type', 'dsa')).status).toBe(4);
  });

  test.each([
    ['signer.pem', 'signer.pub'],
    ['keys/log.key', 'keys/log.pub'],
    ['signer', 'signer.pub'],
    ['a/.pem', 'a/.pem.pub'],
  ])('the public half of %s is %s', (file, name) => {
    expect(publicName(file)).toBe(name);
  });
});

test('key show refuses what is no key, and says which', async () => {
  const cwd = temporaryDirectory();
  await stella(['key', 'generate', 'a.pem', '--no-passphrase'], { cwd });
  writeFileSync(join(cwd, 'b'), 'no key');
  const shown = await stella(['key', 'show', 'a.pub', 'b'], { cwd });
  expect([shown.status, shown.stderr]).toEqual([
    4,
    expect.stringContaining('b: not a public key in PEM or DER [KEY_INVALID]'),
  ]);
  const two = await stella(['key', 'show', 'a.pub', 'a.pem', '--public-out', 'x'], { cwd });
  expect(two.stderr).toContain('[USAGE]');
});
