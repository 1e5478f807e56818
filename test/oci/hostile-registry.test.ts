import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { type Credentials, findCredentials } from '../../src/oci/credentials.ts';
import { fetchManifest } from '../../src/oci/fetch-manifest.ts';
import { listBundles } from '../../src/oci/list.ts';
import { pullBundle } from '../../src/oci/pull.ts';
import { pushBundle } from '../../src/oci/push.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { tokenRequest } from '../../src/oci/token.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import {
  client,
  digestOf,
  type FakeRegistry,
  fakeRegistry,
  placeBundle,
  someFacts,
} from '../support/fake-registry.ts';
import { temporaryDirectory } from '../support/temp.ts';

const user: Credentials = { from: 'a test', kind: 'password', username: 'carrier', password: 'secret' };
const content = noise(10_000);

const pull = (fake: FakeRegistry, registry = client(fake.host), out = join(temporaryDirectory(), 'out')) =>
  pullBundle(registry, { reference: parseReference(`oci://${fake.host}/trust:1`), out });

describe('credentials', () => {
  test('a server that a redirect leads to asks for them in vain', async () => {
    const other = await fakeRegistry((request, response) => {
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}", Basic realm="x"` }).end();
      return true;
    });
    const fake = await fakeRegistry((_, response, path) => {
      if (!path.includes('/blobs/')) return false;
      response.writeHead(307, { location: `http://${other.host}/blob` }).end();
      return true;
    });
    placeBundle(fake, '1', content);
    const error = await refusal('FETCH_FAILED', () => pull(fake, client(fake.host, { user })));
    expect(error.details).toMatchObject({ status: 401 });
    expect(other.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/blob', undefined],
    ]);
  });

  test('so does a store that an upload goes to', async () => {
    const other = await fakeRegistry((request, response) => {
      request.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    });
    const fake = await fakeRegistry((request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(202, { location: `http://${other.host}/up` }).end();
      return true;
    });
    const file = join(temporaryDirectory(), 'bundle');
    writeFileSync(file, content);
    await refusal('FETCH_FAILED', () =>
      pushBundle(client(fake.host, { user }), { files: [file], tag: '1', facts: someFacts }),
    );
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('an address with a name and password in it is not used', async () => {
    const fake = await fakeRegistry((request, response, path) => {
      const isUpload = request.method === 'POST';
      if (!isUpload && !path.includes('/blobs/sha256')) return false;
      const location = `http://root:toor@${request.headers.host}/elsewhere`;
      response.writeHead(isUpload ? 202 : request.method === 'HEAD' ? 404 : 307, { location }).end();
      return true;
    });
    placeBundle(fake, '1', content);
    await refusal('FETCH_FAILED', () => pull(fake));
    const file = join(temporaryDirectory(), 'bundle');
    writeFileSync(file, content);
    await refusal('FETCH_FAILED', () =>
      pushBundle(client(fake.host), { files: [file], tag: '1', facts: someFacts }),
    );
    expect(fake.requests.some(({ path }) => path === '/elsewhere')).toBe(false);
    const realm = new Map([['realm', 'https://root:toor@registry.example.com/token']]);
    await refusal('REGISTRY_AUTH', () =>
      tokenRequest(
        { scheme: 'bearer', parameters: realm },
        'x',
        user,
        new URL('https://registry.example.com/'),
      ),
    );
  });

  test('a signed address is in no message', async () => {
    const fake = await fakeRegistry((request, response, path) => {
      if (path.startsWith('/store')) response.writeHead(500).end();
      else if (path.includes('/blobs/'))
        response.writeHead(307, { location: `http://${request.headers.host}/store?signature=0a1b2c` }).end();
      else return false;
      return true;
    });
    placeBundle(fake, '1', content);
    const said: string[] = [];
    const onRetry = (what: string, error: Error) => said.push(what, error.message);
    const error = await refusal('FETCH_FAILED', () => pull(fake, client(fake.host, { onRetry })));
    said.push(error.message, JSON.stringify(error.details));
    expect(said.join('\n')).toContain('/store');
    expect(said.join('\n')).not.toContain('0a1b2c');
  });
});

describe('lists', () => {
  test('the next page is at the registry, whatever host the link names', async () => {
    const other = await fakeRegistry();
    const fake = await fakeRegistry((_, response, path) => {
      if (!path.includes('/tags/list')) return false;
      const isSecond = path.includes('last=a');
      response.writeHead(
        200,
        isSecond ? {} : { link: `<http://${other.host}//v2/trust/tags/list?last=a>; rel="next"` },
      );
      response.end(JSON.stringify({ tags: isSecond ? ['1'] : ['a'] }));
      return true;
    });
    placeBundle(fake, '1', content);
    const { bundles } = await listBundles(client(fake.host));
    expect(bundles.map(({ tag }) => tag)).toEqual(['1']);
    expect(other.requests).toEqual([]);
  });

  test('tags without end', async () => {
    let page = 0;
    const fake = await fakeRegistry((_, response) => {
      page += 1;
      response.writeHead(200, { link: `</v2/trust/tags/list?last=${page}>; rel="next"` });
      response.end(JSON.stringify({ tags: Array.from({ length: 1000 }, (__, i) => `t${page}-${i}`) }));
      return true;
    });
    await refusal('FETCH_TOO_LARGE', () => listBundles(client(fake.host)));
    expect(page).toBe(11);
  });

  test('a page without end', async () => {
    const fake = await fakeRegistry((_, response) => {
      response.writeHead(200).end(`{"tags":[${' '.repeat(5_000_000)}]}`);
      return true;
    });
    await refusal('FETCH_TOO_LARGE', () => listBundles(client(fake.host)));
  });

  test('manifests that are too much together', async () => {
    const fake = await fakeRegistry();
    const { manifest } = placeBundle(fake, '1', content);
    const padded = Buffer.concat([manifest, Buffer.alloc(4_000_000, ' ')]);
    for (let i = 0; i < 40; i += 1) fake.manifests.set(`t${i}`, padded);
    await refusal('FETCH_TOO_LARGE', () => listBundles(client(fake.host)));
  });
});

describe('patience', () => {
  const asking = (headers: Record<string, string>) =>
    fakeRegistry((_, response) => {
      response.writeHead(429, headers).end();
      return true;
    });

  test.each([['99999999999999999999'], ['12345'], ['Sun, 06 Nov 2094 08:49:37 GMT']])(
    'Retry-After: %s is not waited for',
    async (after) => {
      const fake = await asking({ 'retry-after': after });
      await refusal('FETCH_FAILED', () => fetchManifest(client(fake.host), '1'));
      expect(fake.requests).toHaveLength(1);
    },
  );

  test.each([['soon'], ['-5'], ['Sun, 06 Nov 1994 08:49:37 GMT']])(
    'Retry-After: %s says nothing',
    async (after) => {
      const fake = await asking({ 'retry-after': after });
      await refusal('FETCH_FAILED', () => fetchManifest(client(fake.host), '1'));
      expect(fake.requests).toHaveLength(3);
    },
  );

  test('a head that never ends', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      const drip = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(drip));
    });
    const host = await listening(server, '127.0.0.1');
    const registry = client(host, {
      retries: 0,
      requestTimeout: milliseconds(300),
      stallTimeout: milliseconds(200),
    });
    const error = await refusal('FETCH_FAILED', () => fetchManifest(registry, '1'));
    expect(error.message).toContain('no answer within 0.3 s');
  });

  test('content that comes by the byte', async () => {
    const fake = await fakeRegistry((_, response, path) => {
      if (!path.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-length': content.length });
      const drip = setInterval(() => response.write('a'), 10);
      response.on('close', () => clearInterval(drip));
      return true;
    });
    placeBundle(fake, '1', content);
    const error = await refusal('FETCH_FAILED', () =>
      pull(fake, client(fake.host, { stallTimeout: milliseconds(100) })),
    );
    expect(error.message).toMatch(/only \d+ bytes came in 0.1 s/);
    expect(fake.requests.filter(({ path }) => path.includes('/blobs/'))).toHaveLength(3);
  });
});

describe('content', () => {
  test('what is compressed unasked is not the content', async () => {
    const fake = await fakeRegistry((_, response, path) => {
      if (!path.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(content.length)));
      return true;
    });
    placeBundle(fake, '1', Buffer.alloc(content.length));
    await refusal('FETCH_FAILED', () => pull(fake));
  });

  test('other digests than SHA-256 are refused where they would be relied on, and ignored in a header', async () => {
    const sha512 = `sha512:${'0a'.repeat(64)}`;
    const fake = await fakeRegistry((_, response, path) => {
      if (path.includes('/manifests/')) response.setHeader('docker-content-digest', sha512);
      return false;
    });
    placeBundle(fake, '1', content);
    await pull(fake);
    placeBundle(fake, '1', content, (manifest) => ({
      ...manifest,
      layers: [{ ...(manifest['layers'] as object[])[0], digest: sha512 }],
    }));
    await refusal('OCI_MANIFEST', () => pull(fake));
    await refusal('URL_INVALID', () => parseReference(`oci://${fake.host}/trust@${sha512}`));
  });

  test('a manifest of a million brackets', async () => {
    const fake = await fakeRegistry();
    fake.manifests.set('1', Buffer.from('['.repeat(1_000_000) + ']'.repeat(1_000_000)));
    await refusal('OCI_MANIFEST', () => pull(fake));
  });

  test('a link in the place of what was kept is not followed', async () => {
    const fake = await fakeRegistry();
    placeBundle(fake, '1', content);
    const directory = temporaryDirectory();
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'mine');
    const workplace = join(directory, '.out.pull');
    mkdirSync(workplace);
    symlinkSync(victim, join(workplace, digestOf(content).replace(':', '-')));
    const out = join(directory, 'out');
    await refusal('WRITE_FAILED', () => pull(fake, client(fake.host), out));
    const other = join(directory, 'other');
    symlinkSync(directory, join(directory, '.other.pull'));
    await refusal('WRITE_FAILED', () => pull(fake, client(fake.host), other));
    expect(readFileSync(victim, 'utf8')).toBe('mine');
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);
if (!hasIpv6) console.warn('skipped: no IPv6 on loopback');
test.skipIf(!hasIpv6)('a registry at an IPv6 address', async () => {
  const fake = await fakeRegistry();
  placeBundle(fake, '1', content);
  const [, port] = fake.host.split(':');
  const proxy = createHttpServer((request, response) => {
    expect(request.headers.host).toMatch(/^\[::1\]:\d+$/);
    const url = new URL(request.url!, `http://127.0.0.1:${port}`);
    void fetch(url).then(async (answer) => {
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  const host = (await listening(proxy, '::1')).replace('::1:', '[::1]:');
  const out = join(temporaryDirectory(), 'out');
  await pullBundle(client(host), { reference: parseReference(`oci://${host}/trust:1`), out });
  expect(readFileSync(out).equals(content)).toBe(true);
});

describe('credential files of odd shapes', () => {
  const auth = Buffer.from('carrier:secret').toString('base64');
  const find = (file: unknown, host = 'registry.example.com', repository = 'team/trust') => {
    const path = join(temporaryDirectory(), 'auth.json');
    writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file));
    return findCredentials(host, repository, { PATH: '/nowhere' }, path);
  };
  const found = { kind: 'password', username: 'carrier', password: 'secret' };

  test.each<[string, object]>([
    ['an address', { auths: { 'https://registry.example.com/v1/': { auth } } }],
    ['an address of version 2', { auths: { 'https://registry.example.com/v2': { auth } } }],
    ['an address of a host', { auths: { 'http://registry.example.com': { auth } } }],
    ['nulls elsewhere', { auths: { 'registry.example.com': { auth }, x: null }, credHelpers: null }],
    ['no store', { auths: { 'registry.example.com': { auth } }, credsStore: null }],
    ['an empty user beside it', { auths: { 'registry.example.com': { auth, username: '', password: '' } } }],
    [
      'user and password',
      { auths: { 'registry.example.com/team': { username: 'carrier', password: 'secret' } } },
    ],
    [
      'the plain name and an address',
      {
        auths: {
          'https://registry.example.com': { auth: Buffer.from('a:b').toString('base64') },
          'registry.example.com': { auth },
        },
      },
    ],
    [
      'more than is known',
      { auths: { 'registry.example.com': { auth, email: 'x' } }, HttpHeaders: {}, psFormat: 'x' },
    ],
  ])('%s', async (_, file) => {
    expect(await find(file)).toMatchObject(found);
  });

  test.each<[string, object]>([
    ['nothing', {}],
    ['null', { auths: null, credsStore: null, credHelpers: null }],
    ['another host', { auths: { 'registry.example.com.evil.example': { auth }, 'evil.example': { auth } } }],
    ['another port', { auths: { 'registry.example.com:5000': { auth } } }],
    ['another repository', { auths: { 'registry.example.com/team/trust2': { auth } } }],
    ['a repository called v2', { auths: { 'registry.example.com/v2': { auth } } }],
    ['a name of the prototype', JSON.parse('{"auths":{"__proto__":{"auth":"eDp5"}}}') as object],
  ])('%s: none', async (_, file) => {
    expect(await find(file)).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['an array', []],
    ['a string', '"x"'],
    ['no JSON', '{'],
    ['auths as a list', { auths: [] }],
    ['an auth that is no text', { auths: { 'registry.example.com': { auth: 5 } } }],
    ['an auth without a colon', { auths: { 'registry.example.com': { auth: 'eHl6' } } }],
    ['an auth that is not UTF-8', { auths: { 'registry.example.com': { auth: '//46' } } }],
    ...['../evil', '/bin/sh', 'a/b', 'a\\b', '..', '-x', 'a b', ''].map((helper): [string, unknown] => [
      `a helper called ${JSON.stringify(helper)}`,
      { credHelpers: { 'registry.example.com': helper } },
    ]),
    ['a helper that is not there', { credsStore: 'not-there' }],
  ])('%s is refused', async (_, file) => {
    await refusal('CONFIG_INVALID', () => find(file));
  });

  test('an IPv6 address with a port', async () => {
    expect(await find({ auths: { '[::1]:5000': { auth } } }, '[::1]:5000')).toMatchObject(found);
  });
});

async function listening(server: Server, address: string): Promise<string> {
  await new Promise<void>((done) => server.listen(0, address, done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  return `${address}:${port}`;
}
