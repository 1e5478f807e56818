import { createServer } from 'node:http';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { parseChallenges } from '../../src/oci/challenge.ts';
import type { Credentials } from '../../src/oci/credentials.ts';
import { fetchManifest } from '../../src/oci/fetch-manifest.ts';
import { pullBundle } from '../../src/oci/pull.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { tokenRequest } from '../../src/oci/token.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import { client, fakeRegistry, placeBundle } from '../support/fake-registry.ts';
import { temporaryDirectory } from '../support/temp.ts';

const user: Credentials = { from: 'a test', kind: 'password', username: 'carrier', password: 'secret' };
const basic = `Basic ${Buffer.from('carrier:secret').toString('base64')}`;
const content = noise(10_000);

/** A registry with a token service of its own; `valid` says which token is good now. */
async function tokenRegistry(
  options: { tokenStatus?: number; valid?: () => string; give?: () => string } = {},
) {
  const issued: { authorization: string | undefined; body: string; url: string }[] = [];
  const valid = options.valid ?? (() => 'token-1');
  const fake = await fakeRegistry((request, response, path) => {
    if (path.startsWith('/token')) {
      let body = '';
      request.on('data', (text) => {
        body += String(text);
      });
      request.on('end', () => {
        issued.push({ authorization: request.headers.authorization, body, url: path });
        response.writeHead(options.tokenStatus ?? 200);
        response.end(JSON.stringify({ token: options.give?.() ?? valid() }));
      });
      return true;
    }
    if (request.headers.authorization === `Bearer ${valid()}`) return false;
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="http://${request.headers.host}/token",service="test"`,
    });
    response.end();
    return true;
  });
  placeBundle(fake, '1', content);
  return { fake, issued };
}

test('a token is got with the password, for this repository, once', async () => {
  const { fake, issued } = await tokenRegistry();
  const registry = client(fake.host, { user });
  await fetchManifest(registry, '1');
  await fetchManifest(registry, '1');
  expect(issued).toEqual([
    { authorization: basic, body: '', url: '/token?scope=repository%3Atrust%3Apull%2Cpush&service=test' },
  ]);
});

test('a token is got without credentials where there are none', async () => {
  const { fake, issued } = await tokenRegistry();
  await fetchManifest(client(fake.host), '1');
  expect(issued[0]!.authorization).toBeUndefined();
});

test('an identity token is exchanged as OAuth 2 has it', async () => {
  const { fake, issued } = await tokenRegistry();
  await fetchManifest(
    client(fake.host, { user: { from: 'a test', kind: 'identity-token', token: 'refresh' } }),
    '1',
  );
  expect(issued[0]!.authorization).toBeUndefined();
  expect(Object.fromEntries(new URLSearchParams(issued[0]!.body))).toMatchObject({
    grant_type: 'refresh_token',
    refresh_token: 'refresh',
    scope: 'repository:trust:pull,push',
  });
});

test('a token that expires during the pull is renewed', async () => {
  let now = 1;
  const { fake, issued } = await tokenRegistry({ valid: () => `token-${now}` });
  const registry = client(fake.host, { user });
  await fetchManifest(registry, '1');
  now = 2;
  const out = `${temporaryDirectory()}/out`;
  await pullBundle(registry, { reference: parseReference(`oci://${fake.host}/trust:1`), out });
  // This token service is the registry itself: it is shown the password again, and not the token of before.
  expect(issued.map(({ authorization }) => authorization)).toEqual([basic, basic]);
});

test('a token that is refused even when new', async () => {
  const { fake, issued } = await tokenRegistry({ give: () => 'expired' });
  const error = await refusal('REGISTRY_AUTH', () => fetchManifest(client(fake.host, { user }), '1'));
  expect(error.message).toContain('refuses the credentials from a test');
  expect(issued).toHaveLength(1);
});

test('a token service that refuses, and one that answers nonsense', async () => {
  const { fake } = await tokenRegistry({ tokenStatus: 401 });
  const error = await refusal('REGISTRY_AUTH', () => fetchManifest(client(fake.host, { user }), '1'));
  expect(JSON.stringify([error.message, error.details])).not.toMatch(/secret/);
  const { fake: other } = await tokenRegistry({ give: () => 'two words\r\nX-Evil: 1' });
  await refusal('REGISTRY_AUTH', () => fetchManifest(client(other.host, { user }), '1'));
});

test('a token service that must not be used', async () => {
  const registry = new URL('https://registry.example.com/');
  for (const realm of ['http://registry.example.com/token', 'file:///etc/passwd', 'nonsense', ''])
    await refusal('REGISTRY_AUTH', () =>
      tokenRequest({ scheme: 'bearer', parameters: new Map([['realm', realm]]) }, 'x', user, registry),
    );
});

test('basic authentication', async () => {
  const fake = await fakeRegistry((request, response) => {
    if (request.headers.authorization === basic) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
    return true;
  });
  placeBundle(fake, '1', content);
  await fetchManifest(client(fake.host, { user }), '1');
  const error = await refusal('REGISTRY_AUTH', () => fetchManifest(client(fake.host), '1'));
  expect(error.message).toContain('none were found');
});

test('redirects to another host get no credentials', async () => {
  const seen: unknown[] = [];
  const store = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(200, { 'content-length': content.length }).end(content);
  });
  await new Promise<void>((done) => store.listen(0, '127.0.0.1', done));
  onTestFinished(() => void store.close());
  const { port } = store.address() as { port: number };
  const fake = await fakeRegistry((request, response, path) => {
    if (request.headers.authorization !== basic) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
      return true;
    }
    if (!path.includes('/blobs/')) return false;
    response.writeHead(307, { location: `http://127.0.0.1:${port}/store` }).end();
    return true;
  });
  placeBundle(fake, '1', content);
  const out = `${temporaryDirectory()}/out`;
  await pullBundle(client(fake.host, { user }), {
    reference: parseReference(`oci://${fake.host}/trust:1`),
    out,
  });
  expect(seen).toEqual([undefined]);
});

test('redirects without end, and from https to http', async () => {
  const fake = await fakeRegistry((_, response, path) => {
    response.writeHead(307, { location: `${path}x` }).end();
    return true;
  });
  await refusal('FETCH_FAILED', () => fetchManifest(client(fake.host), '1'));
  await refusal('FETCH_FAILED', () =>
    client(fake.host).address('http://elsewhere.example/', {
      method: 'GET',
      url: new URL('https://registry.example.com/'),
    }),
  );
  await refusal('FETCH_FAILED', () =>
    client(fake.host).address('file:///etc/passwd', { method: 'GET', url: new URL(`http://${fake.host}/`) }),
  );
});

test('429: waits as long as the registry asks, unless that is too long', async () => {
  let asked = 0;
  const waits: number[] = [];
  const fake = await fakeRegistry((_, response) => {
    asked += 1;
    if (asked > 2) return false;
    const wait = asked === 1 ? '1' : new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000).toUTCString();
    response.writeHead(429, { 'retry-after': wait, date: new Date().toUTCString() }).end();
    return true;
  });
  placeBundle(fake, '1', content);
  await fetchManifest(client(fake.host, { onRetry: (_, __, delay) => waits.push(delay) }), '1');
  expect(waits).toHaveLength(2);
  expect(waits[0]).toBeGreaterThanOrEqual(1000);
  expect(waits[1]).toBeGreaterThanOrEqual(1000);
  const patient = await fakeRegistry((_, response) => {
    response.writeHead(429, { 'retry-after': '86400' }).end();
    return true;
  });
  const error = await refusal('FETCH_FAILED', () => fetchManifest(client(patient.host), '1'));
  expect(error.details).toMatchObject({ status: 429 });
  expect(patient.requests).toHaveLength(1);
});

test('challenges', () => {
  expect(parseChallenges('Bearer realm="https://a/t?x=1,2",service="s \\"q\\"" , Basic realm=x')).toEqual([
    {
      scheme: 'bearer',
      parameters: new Map([
        ['realm', 'https://a/t?x=1,2'],
        ['service', 's "q"'],
      ]),
    },
    { scheme: 'basic', parameters: new Map([['realm', 'x']]) },
  ]);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      expect(Array.isArray(parseChallenges(text))).toBe(true);
    }),
  );
});
