import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBase64, sha256Hex } from '../../src/base/bytes.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { generateKey } from '../../src/base/keys.ts';
import { distributedKeys } from '../../src/trust/key-list.ts';
import { trustTargets } from '../../src/trust/targets.ts';
import { TRUSTED_ROOT_MEDIA_TYPE } from '../../src/trust/trusted-root.ts';
import { refreshTuf } from '../../src/tuf/refresh.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, REPOSITORY_URL, signAnything, TufRepository } from '../support/tuf-repository.ts';

/** Every place in a JSON value, as a path. */
function placesIn(value: unknown, path: string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

function withChange(value: unknown, path: readonly string[], change: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change;
  const copy = structuredClone(value) as Record<string, unknown>;
  if (rest.length === 0 && change === undefined) delete copy[key];
  else copy[key] = withChange(copy[key], rest, change);
  return copy;
}

const values = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<unknown>(null, true, 0, -1, 2, 1e21, '', 'x', [], {}, [[]], { a: {} }, [null], { x: null }),
  fc.constantFrom(
    'constructor',
    '__proto__',
    '../x',
    '2026-99-99',
    '+020000-01-01T00:00:00Z',
    'z'.repeat(300),
    '\u0000',
  ),
  fc
    .jsonValue({ maxDepth: 2 })
    .map(
      (value) =>
        JSON.parse(JSON.stringify(value), (_, inner: unknown) =>
          typeof inner === 'number' ? Math.trunc(inner) || 0 : inner,
        ) as unknown,
    ),
);

test('signed metadata of any form is accepted or refused with a code, never anything else', async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('root', 'timestamp', 'snapshot', 'targets', 'team'),
      fc.nat(500),
      values,
      async (role, place, change) => {
        const repository = new TufRepository();
        repository.withHashes = false;
        repository.delegate('team', { paths: ['team/*'] });
        repository.addTarget('a.txt', 'a', {
          sigstore: { usage: 'Rekor', status: 'Active', uri: 'u' },
          stella: { valid_until: '2027-01-01T00:00:00Z' },
        });
        repository.addTarget('team/b.txt', 'b', undefined, 'team');
        repository.root.version = 2;
        repository.publishRoot();
        repository.publish();
        const key =
          role === 'team' ? repository.delegated.get(role)!.keys[0]! : repository.keys[role as 'root'][0]!;
        const file =
          role === 'root' ? '2.root.json' : role === 'timestamp' ? 'timestamp.json' : `1.${role}.json`;
        const { signed } = JSON.parse(Buffer.from(repository.files.get(file)!).toString()) as {
          signed: unknown;
        };
        const places = placesIn(signed);
        repository.files.set(
          file,
          signAnything(withChange(signed, places[place % places.length]!, change) ?? null, key),
        );
        let outcome = 'accepted';
        try {
          const view = await refreshTuf({
            url: REPOSITORY_URL,
            fetcher: repository,
            directory: join(temporaryDirectory(), 'tuf'),
            now: NOW,
            trustedRoot: repository.firstRoot,
          });
          distributedKeys(await trustTargets(view));
        } catch (error) {
          if (!isStellaError(error)) throw error;
          outcome = error.code;
        }
        expect(outcome).not.toBe('INTERNAL');
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      },
    ),
    { numRuns: 250 },
  );
  expect([...seen.keys()]).toEqual(expect.arrayContaining(['accepted', 'TUF_INVALID', 'TUF_SIGNATURE']));
});

test('a trusted root with a key of a kind that is not known is listed whole', () => {
  const key = (rawBytes: string, keyDetails: string) => ({
    baseUrl: 'https://log.example.com',
    publicKey: { rawBytes, keyDetails, validFor: { start: '2026-01-01T00:00:00Z' } },
    logId: { keyId: Buffer.alloc(32).toString('base64') },
  });
  const known = formatBase64(generateKey().publicKey.spki);
  const bytes = Buffer.from(
    JSON.stringify({
      mediaType: TRUSTED_ROOT_MEDIA_TYPE,
      tlogs: [key('AAECAwQ=', 'ML_DSA_65'), key(known, 'PKIX_ED25519')],
    }),
  );
  const target = { name: 'trusted_root.json', usage: 'trusted-root', status: 'Active', bytes } as const;
  expect(distributedKeys([target])).toMatchObject([
    { algorithm: 'ML_DSA_65', id: sha256Hex(Buffer.from('AAECAwQ=', 'base64')) },
    { algorithm: 'ed25519' },
  ]);
});
