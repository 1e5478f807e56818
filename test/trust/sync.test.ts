import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { DAY, HOUR, instant, parseInstant } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { loadAudit } from '../../src/store/audit.ts';
import { referenceOf } from '../../src/store/sync-record.ts';
import { builtInInstanceAt } from '../../src/tuf/built-in.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { TrustClient, trustClient } from '../support/trust-client.ts';
import { NOW, REPOSITORY_URL, TufRepository } from '../support/tuf-repository.ts';

const published = () => new TufRepository().publish();

describe('pin', () => {
  test('by file, by fingerprint and on first use is remembered as such', async () => {
    const repository = published();
    const sha256 = sha256Hex(repository.firstRoot);
    for (const [voucher, how] of [
      [{ how: 'root-file', bytes: repository.firstRoot }, 'root-file'],
      [{ how: 'fingerprint', sha256 }, 'fingerprint'],
      [{ how: 'nobody' }, 'first-use'],
    ] as const) {
      const client = new TrustClient(repository);
      const { generation } = await client.init(NOW, { voucher });
      expect(generation.state.pin).toEqual({ how, version: 1, sha256, at: '2026-01-25T12:00:00Z' });
    }
  });

  test('by the fingerprint of a later root starts from that one', async () => {
    const repository = new TufRepository();
    repository.rotate('timestamp');
    repository.publish();
    const client = new TrustClient(repository);
    const sha256 = sha256Hex(repository.files.get('2.root.json')!);
    const { generation } = await client.init(NOW, { voucher: { how: 'fingerprint', sha256 } });
    expect(generation.state.pin.version).toBe(2);
    expect(generation.state.tuf.first_root).toBe(2);
    await client.sync();
  });

  test('by a fingerprint that no published root has is refused, and nothing is made', async () => {
    const client = new TrustClient(published());
    await refusal('PIN_MISMATCH', () =>
      client.init(NOW, { voucher: { how: 'fingerprint', sha256: repeatedDigest('0') } }),
    );
    expect(client.store.current()).toBeUndefined();
  });

  test('by the root of another repository is refused', async () => {
    const client = new TrustClient(published());
    const voucher = { how: 'root-file', bytes: published().firstRoot } as const;
    const error = await refusal('TUF_SIGNATURE', () => client.init(NOW, { voucher }));
    expect(error.hints.join(' ')).not.toContain('trust sync');
    expect(error.hints.join(' ')).toContain('the root you vouch for');
  });

  test('of an expired repository: the hint names no sync of a store that there is not', async () => {
    const client = new TrustClient(published());
    const error = await refusal('TUF_EXPIRED', () => client.init(instant(NOW + 2 * DAY)));
    expect(error.hints.join(' ')).toMatch(/update-timestamp\.sh.*`stella trust init` again/);
  });

  test.each(['{}', 'not json', '{"signed": {"_type": "targets", "version": 1}}'])(
    'by a file that holds %s is refused',
    async (text) => {
      const client = new TrustClient(published());
      await refusal('TUF_INVALID', () =>
        client.init(NOW, { voucher: { how: 'root-file', bytes: Buffer.from(text) } }),
      );
    },
  );

  test('a repository that publishes no root cannot be trusted on first use', async () => {
    const repository = published();
    repository.files.delete('1.root.json');
    const client = new TrustClient(repository);
    client.fetcher = repository;
    await refusal('FETCH_NOT_FOUND', () => client.init(NOW, { voucher: { how: 'nobody' } }));
  });

  test('the Sigstore public-good repository has a built-in root, other addresses have none', () => {
    const root = builtInInstanceAt('https://tuf-repo-cdn.sigstore.dev/')?.root();
    const { signed } = JSON.parse(Buffer.from(root!).toString()) as {
      signed: { _type: string; version: number };
    };
    expect(signed._type).toBe('root');
    expect(signed.version).toBeGreaterThanOrEqual(14);
    expect(builtInInstanceAt('https://tuf-repo-cdn.sigstore.dev.example/')).toBeUndefined();
  });
});

describe('init', () => {
  test('does not overwrite a store unless it is told to, and then keeps the old generations', async () => {
    const repository = published();
    const client = await trustClient(repository);
    await refusal('STORE_EXISTS', () => client.init());
    const other = published();
    client.fetcher = other;
    await client.init(NOW, { replace: true, voucher: { how: 'root-file', bytes: other.firstRoot } });
    expect(client.store.generations()).toEqual([1, 2]);
    expect(client.store.require().state.pin.sha256).toBe(sha256Hex(other.firstRoot));
  });

  test('that is told to start anew does so over a damaged store', async () => {
    const client = await trustClient(published());
    writeFileSync(join(client.store.directory, 'CURRENT'), 'damaged');
    await client.init(NOW, { replace: true });
    expect(client.store.require().number).toBe(2);
  });

  test('that fails leaves no store behind', async () => {
    const repository = published();
    repository.files.delete('timestamp.json');
    const client = new TrustClient(repository);
    await refusal('FETCH_NOT_FOUND', () => client.init());
    expect(statSync(client.store.directory, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('sync', () => {
  test('of an unchanged repository costs two requests, makes no generation and counts as fresh', async () => {
    const repository = published();
    repository.timestamp.expires = '2026-03-25T12:00:00Z';
    repository.snapshot.expires = '2026-03-25T12:00:00Z';
    repository.publish();
    const client = await trustClient(repository);
    repository.requests.length = 0;
    const { changed, generation } = await client.sync(NOW + 6 * DAY);
    expect(changed).toBe(false);
    expect(repository.requests).toEqual(['2.root.json', 'timestamp.json']);
    expect(client.store.generations()).toEqual([1]);
    expect(referenceOf(client.store.directory, generation)).toBe(NOW + 6 * DAY);
  });

  test('of a changed repository makes a generation that holds every root', async () => {
    const repository = published();
    const client = await trustClient(repository);
    repository.rotate('snapshot');
    repository.rotate('root');
    repository.publish();
    const { changed, generation } = await client.sync();
    expect(changed).toBe(true);
    expect(readdirSync(generation.tufDirectory)).toEqual(
      expect.arrayContaining(['1.root.json', '2.root.json', '3.root.json']),
    );
    expect(loadAudit(client.store.directory).map((line) => line.event)).toEqual(['init', 'sync']);
  });

  test('keeps the last five generations', async () => {
    const repository = published();
    const client = await trustClient(repository);
    for (let i = 0; i < 6; i += 1) {
      repository.publish();
      await client.sync();
    }
    expect(client.store.generations()).toEqual([3, 4, 5, 6, 7]);
  });

  test('needs a store', async () => {
    await refusal('STORE_NOT_INITIALIZED', () => new TrustClient(published()).sync());
  });

  test('that runs while another does is refused, and the other is not disturbed', async () => {
    const repository = published();
    const client = await trustClient(repository);
    repository.publish();
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    client.fetcher = {
      fetch: async (url, options) => {
        await gate;
        return await repository.fetch(url, options);
      },
    };
    const first = client.sync();
    await refusal('LOCKED', () => client.sync());
    release();
    expect((await first).changed).toBe(true);
  });

  test('tries the mirrors in order', async () => {
    const repository = published();
    const client = await trustClient(repository);
    repository.publish();
    client.fetcher = {
      fetch: async (url, options) => {
        if (url.startsWith('http://down.test/')) throw new StellaError('FETCH_FAILED', 'down');
        return await repository.fetch(url, options);
      },
    };
    const { generation } = await client.sync(NOW, ['http://down.test/', REPOSITORY_URL]);
    expect(generation.state.tuf.url).toBe(REPOSITORY_URL);
    expect(client.warnings.join()).toContain('trying http://tuf.test/');
    const error = await refusal('FETCH_FAILED', () =>
      client.sync(NOW, ['http://down.test/', 'http://down.test/2/']),
    );
    expect(error.message).toBe('down');
  });

  test('of a store of a newer format is refused', async () => {
    const client = await trustClient(published());
    const path = join(client.store.require().directory, 'state.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('stella-store/v1', 'stella-store/v9'));
    await refusal('STORE_TOO_NEW', () => client.sync());
  });

  test('after a kill finds the old generation whole and cleans up', async () => {
    const repository = published();
    const client = await trustClient(repository);
    cpSync(client.store.require().directory, join(client.store.directory, '.staging-killed'), {
      recursive: true,
    });
    repository.publish();
    await client.sync();
    expect(readdirSync(client.store.directory)).not.toContain('.staging-killed');
  });
});

describe('damaged local files', () => {
  const files = ['1.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json'];

  test.each(files)(
    '%s truncated at any point is noticed and never weakens the guard against rollback',
    async (file) => {
      const repository = published();
      const client = await trustClient(repository);
      const path = join(client.store.require().tufDirectory, file);
      const whole = readFileSync(path);
      const step = Math.max(1, Math.floor(whole.length / 12));
      for (let length = 0; length < whole.length; length += step) {
        writeFileSync(path, whole.subarray(0, length));
        await refusal('STORE_CORRUPT', () => client.sync());
        await refusal('STORE_CORRUPT', () => client.view());
      }
      writeFileSync(path, whole);
      await client.sync();
    },
  );

  test.each(files)('%s removed is noticed', async (file) => {
    const client = await trustClient(published());
    rmSync(join(client.store.require().tufDirectory, file));
    await refusal('STORE_CORRUPT', () => client.sync());
  });

  test('an older, validly signed timestamp put in the place of the newer is noticed', async () => {
    const repository = published();
    const old = repository.files.get('timestamp.json')!;
    repository.publishTimestamp();
    const client = await trustClient(repository);
    writeFileSync(join(client.store.require().tufDirectory, 'timestamp.json'), old);
    await refusal('STORE_CORRUPT', () => client.sync());
  });

  test('a damaged target is fetched anew', async () => {
    const repository = new TufRepository();
    repository.addTarget('x', 'content');
    repository.publish();
    const client = await trustClient(repository);
    const directory = join(client.store.require().tufDirectory, 'targets');
    truncateSync(join(directory, readdirSync(directory)[0]!), 2);
    expect((await client.sync()).changed).toBe(true);
    expect(Buffer.from(await (await client.view()).readTarget('x')).toString()).toBe('content');
  });

  test('a truncated state.json is noticed', async () => {
    const client = await trustClient(published());
    const path = join(client.store.require().directory, 'state.json');
    const whole = readFileSync(path);
    for (const length of [0, 1, 100, whole.length - 2]) {
      writeFileSync(path, whole.subarray(0, length));
      await refusal('STORE_CORRUPT', () => client.sync());
    }
  });

  test.each(['', '0\n', '7', 'x\n', '99\n'])('CURRENT holding %j is noticed', async (text) => {
    const client = await trustClient(published());
    writeFileSync(join(client.store.directory, 'CURRENT'), text);
    await refusal('STORE_CORRUPT', () => client.sync());
  });
});

test('the reference time of a generation is the sync, and the clock floor never goes down', async () => {
  const repository = published();
  const client = await trustClient(repository);
  repository.publish();
  const { generation } = await client.sync(NOW + HOUR);
  expect(parseInstant(generation.state.reference_time)).toBe(NOW + HOUR);
  repository.publish();
  const next = await client.sync(NOW + HOUR - 60_000);
  expect(parseInstant(next.generation.state.clock_floor)).toBe(NOW + HOUR);
});

test('a malformed trusted root that is published blames its publisher, not a file of the operator', async () => {
  const repository = new TufRepository();
  repository.addTarget('rekor-key-v1.pub', formatPublicKey(generateKey().publicKey));
  repository.addTarget('trusted_root.json', '{"mediaType": "x"}');
  repository.publish();
  const error = await refusal('TRUSTED_ROOT_INVALID', () => new TrustClient(repository).init());
  expect(error.message).toContain('the target trusted_root.json of the TUF repository');
  expect(error.hints.join()).toContain('no file of yours is wrong');
});
