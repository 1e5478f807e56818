import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { voucherAtMirrors } from '../../src/trust/follow.ts';
import { stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { TufRepository } from '../support/tuf-repository.ts';

const SIGSTORE = 'https://tuf-repo-cdn.sigstore.dev';

/** `trust init` with a network that is not there. */
async function init(urls: readonly string[], now?: string) {
  const home = temporaryDirectory();
  const flags = urls.flatMap((url) => ['--tuf-url', url]);
  const result = await stella(['trust', 'init', ...flags, '--offline', '--json'], {
    ...(now === undefined ? {} : { now }),
    cwd: home,
    env: { HOME: home },
  });
  return { ...result, store: join(home, '.local/share/stella') };
}

describe('a mirror of the repository whose root is built in', () => {
  test('vouches for nothing itself: the built-in root does, at every address of the list', () => {
    for (const urls of [
      [SIGSTORE, 'https://mirror.test/'],
      ['https://mirror.test/', `${SIGSTORE}/`],
    ])
      for (const voucher of [{ how: 'nobody' }, { how: 'built-in' }] as const)
        expect(voucherAtMirrors(voucher, urls)).toMatchObject({ how: 'built-in' });
    const given = { how: 'root-file', bytes: Buffer.from('x') } as const;
    expect(voucherAtMirrors(given, [SIGSTORE])).toBe(given);
    expect(voucherAtMirrors({ how: 'nobody' }, ['https://mirror.test/'])).toEqual({ how: 'nobody' });
  });

  test.skipIf(!realIsPresent)(
    'is followed where the origin cannot be reached, from the built-in root',
    async () => {
      const home = temporaryDirectory();
      execFileSync('tar', ['--zstd', '-xf', `${real}sigstore-tuf.tar.zst`, '-C', home]);
      const mirror = pathToFileURL(join(home, 'sigstore-tuf')).href;
      const result = await init([SIGSTORE, mirror], '2026-08-22T00:00:00Z');
      expect(result.status).toBe(0);
      expect(result.stderr).toContain(`[OFFLINE]; trying ${mirror}`);
      expect(result.stderr).not.toContain('first use');
      expect(result.json()).toMatchObject({ url: mirror, pin: { how: 'sigstore' } });
    },
  );

  test.each([
    ['after', (mirror: string) => [SIGSTORE, mirror]],
    ['before', (mirror: string) => [mirror, SIGSTORE]],
  ])('that serves another root is not trusted on first use, %s it in the list', async (_, urlsWith) => {
    const repository = new TufRepository();
    repository.addTarget('rekor-key-v1.pub', formatPublicKey(generateKey().publicKey), {
      sigstore: { usage: 'Rekor' },
    });
    const directory = temporaryDirectory();
    repository.publish().writeTo(directory);
    const urls = urlsWith(pathToFileURL(directory).href);
    const { status, stderr, store } = await init(urls, '2026-01-25T12:00:00Z');
    expect(status).not.toBe(0);
    expect(stderr).toContain('[PIN_MISMATCH]');
    expect(existsSync(store)).toBe(false);
  });
});
