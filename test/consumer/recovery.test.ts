import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { makeEnclave } from '../support/site.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';

test('a fast-forward attack that was carried across the gap is recovered from there, too, by rotating the online key', async () => {
  const base = temporaryDirectory();
  const repository = new TufRepository();
  repository.addTarget('rekor-key-v1.pub', formatPublicKey(generateKey().publicKey));
  const served = repository.publish().writeTo(join(base, 'served'));
  const connected = makeEnclave(base, 'connected');
  const root = join(served, '1.root.json');
  const follow = ['trust', 'init', '--tuf-url', pathToFileURL(served).href, '--root', root];
  await connected.run(follow, { now: NOW, expect: 0 });
  const behind = makeEnclave(base, 'behind');
  const signer = join(connected.home, '.local/share/stella/producer/bundle-signer.pub');
  const carry = async (name: string, now: number, expected: number) => {
    const out = join(base, name);
    await connected.run(['trust', 'snapshot', 'export', '--out', out], { now, expect: 0 });
    const first = name === '1.tar.zst' ? ['--root', root, '--bundle-key', signer] : [];
    return await behind.run(['trust', 'import', out, ...first, '--verify-manifest'], {
      now,
      expect: expected,
    });
  };
  repository.timestamp.version = 1_000_000;
  repository.publishTimestamp();
  repository.writeTo(served);
  await connected.run(['trust', 'sync', '--force'], { now: NOW + HOUR, expect: 0 });
  await carry('1.tar.zst', NOW + HOUR, 0);

  repository.rotate('timestamp');
  repository.timestamp.version = 10;
  repository.publishTimestamp();
  repository.writeTo(served);
  await connected.run(['trust', 'sync', '--force'], { now: NOW + 2 * HOUR, expect: 0 });
  const recovered = await carry('2.tar.zst', NOW + 2 * HOUR, 0);
  expect(recovered.stderr).toContain('the root has rotated the keys of timestamp or snapshot');

  // Under the new key it only goes forward again.
  repository.timestamp.version = 5;
  repository.publishTimestamp();
  repository.writeTo(served);
  await connected.run([...follow, '--replace'], { now: NOW + 3 * HOUR, expect: 0 });
  const back = await carry('3.tar.zst', NOW + 3 * HOUR, 2);
  expect(back.stderr).toContain('[TUF_ROLLBACK]');
});
