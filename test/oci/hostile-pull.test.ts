import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/base/codes.ts';
import { listBundles } from '../../src/oci/list.ts';
import { pullBundle } from '../../src/oci/pull.ts';
import { parseReference } from '../../src/oci/reference.ts';
import type { Registry } from '../../src/oci/registry.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import { client, digestOf, fakeRegistry, type Intercept, placeBundle } from '../support/fake-registry.ts';
import { temporaryDirectory } from '../support/temp.ts';

const content = noise(300_000);
const isBlob = (path: string) => path.includes('/blobs/sha256:');

/** A registry with a bundle of tag `1`, and where to pull it to. */
async function setting(intercept?: Intercept) {
  const fake = await fakeRegistry(intercept);
  const placed = placeBundle(fake, '1', content);
  const directory = temporaryDirectory();
  const out = join(directory, 'out.tar.zst');
  const pull = (registry: Registry = client(fake.host), end = ':1') =>
    pullBundle(registry, { reference: parseReference(`oci://${fake.host}/trust${end}`), out });
  const left = () => readdirSync(directory);
  return { fake, placed, directory, out, pull, left };
}

/** Sends the beginning of some bytes and cuts the connection. */
function cut(response: ServerResponse, status: number, bytes: Buffer, headers = {}): void {
  response.writeHead(status, { 'content-length': bytes.length, ...headers });
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () =>
    setTimeout(() => response.destroy(), 20),
  );
}

describe('content', () => {
  test('another blob is refused and nothing of it kept', async () => {
    const { pull, left } = await setting((request, response, path) => {
      if (!isBlob(path) || request.method !== 'GET') return false;
      response.writeHead(200).end(noise(300_000, 2));
      return true;
    });
    await refusal('BLOB_DIGEST', pull);
    expect(left()).toEqual([]);
  });

  test('more than the manifest says is refused', async () => {
    const { pull, left } = await setting((_, response, path) => {
      if (!isBlob(path)) return false;
      response.writeHead(200).end(Buffer.concat([content, content]));
      return true;
    });
    await refusal('BLOB_DIGEST', pull);
    expect(left()).toEqual([]);
  });

  test('less than the manifest says is asked for again, then refused', async () => {
    const { pull, fake, out } = await setting((_, response, path) => {
      if (!isBlob(path)) return false;
      response.writeHead(200).end(content.subarray(0, 1000));
      return true;
    });
    await refusal('FETCH_FAILED', pull);
    expect(fake.requests.filter(({ path }) => isBlob(path)).length).toBeGreaterThan(1);
    expect(existsSync(out)).toBe(false);
  });

  test('a broken connection: the rest is asked for with a range', async () => {
    let broken = 0;
    const { pull, fake, out, left } = await setting((request, response, path) => {
      if (!isBlob(path) || broken === 2) return false;
      broken += 1;
      const from = Number(/=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const range =
        from === 0 ? {} : { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` };
      cut(response, from === 0 ? 200 : 206, content.subarray(from), range);
      return true;
    });
    await pull();
    expect(readFileSync(out).equals(content)).toBe(true);
    expect(left()).toEqual(['out.tar.zst']);
    const ranges = fake.requests.filter(({ path }) => isBlob(path)).map(({ headers }) => headers.range);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[2]).toMatch(/^bytes=\d+-299999$/);
  });

  test('an interrupted pull goes on where it was, in another run', async () => {
    let broken = false;
    const { pull, fake, out } = await setting((_, response, path) => {
      if (!isBlob(path) || broken) return false;
      broken = true;
      cut(response, 200, content);
      return true;
    });
    await refusal('FETCH_FAILED', () => pull(client(fake.host, { retries: 0 })));
    expect(existsSync(out)).toBe(false);
    await pull();
    expect(fake.requests.findLast(({ path }) => isBlob(path))!.headers.range).toMatch(
      /^bytes=[1-9]\d+-299999$/,
    );
    expect(readFileSync(out).equals(content)).toBe(true);
  });

  test('what was kept of an interrupted pull and was altered meanwhile is refused, then fetched whole', async () => {
    const { pull, fake, directory, out } = await setting();
    const workplace = join(directory, '.out.tar.zst.pull');
    mkdirSync(workplace);
    writeFileSync(join(workplace, digestOf(content).replace(':', '-')), noise(1000, 9));
    await refusal('BLOB_DIGEST', pull);
    await pull();
    expect(readFileSync(out).equals(content)).toBe(true);
    expect(fake.requests.findLast(({ path }) => isBlob(path))!.headers.range).toBeUndefined();
  });

  test.each([
    ['no ranges', 200, {}],
    ['another range', 206, { 'content-range': `bytes 0-${content.length - 1}/${content.length}` }],
    ['a range that cannot be', 416, {}],
  ])('a server with %s sends everything again', async (_, status, headers) => {
    const { pull, directory, out } = await setting((request, response, path) => {
      if (!isBlob(path) || request.headers.range === undefined) return false;
      response.writeHead(status, headers).end(content);
      return true;
    });
    const workplace = join(directory, '.out.tar.zst.pull');
    mkdirSync(workplace);
    writeFileSync(join(workplace, digestOf(content).replace(':', '-')), content.subarray(0, 1000));
    await pull();
    expect(readFileSync(out).equals(content)).toBe(true);
  });

  test('a full disk is told, and nothing is there by the name', async () => {
    const { fake, out } = await setting();
    const command = `ulimit -f 100; exec "$0" "$@"`;
    const child = spawn(
      'sh',
      [
        '-c',
        command,
        process.execPath,
        resolve('bin/stella.js'),
        'trust',
        'snapshot',
        'pull',
        `oci://${fake.host}/trust:1`,
        '--out',
        out,
        '--plain-http',
        '--json',
      ],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { HOME: temporaryDirectory(), PATH: process.env['PATH'] ?? '' },
      },
    );
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    const status = await new Promise((done) => child.on('close', done));
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'WRITE_FAILED' } });
    expect(status).toBe(4);
    expect(existsSync(out)).toBe(false);
  });

  test('an existing file is not replaced', async () => {
    const { pull, out } = await setting();
    writeFileSync(out, 'mine');
    await refusal('FILE_EXISTS', pull);
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });
});

describe('manifests', () => {
  test('another manifest than the asked digest', async () => {
    const { pull, placed, fake } = await setting((_, response, path) => {
      if (!path.includes('/manifests/sha256:')) return false;
      response.writeHead(200).end('{}');
      return true;
    });
    await refusal('BLOB_DIGEST', () => pull(client(fake.host), `@${placed.digest}`));
  });

  test('a manifest that is not of the digest in its own header', async () => {
    const { pull } = await setting((_, response, path) => {
      if (!path.includes('/manifests/')) return false;
      response.writeHead(200, { 'docker-content-digest': `sha256:${'00'.repeat(32)}` }).end('{}');
      return true;
    });
    await refusal('BLOB_DIGEST', pull);
  });

  test('a tag that is moved during the pull', async () => {
    const { pull, fake, left } = await setting((_, __, path) => {
      if (isBlob(path)) placeBundle(fake, '1', content, (manifest) => ({ ...manifest, annotations: {} }));
      return false;
    });
    const error = await refusal('TAG_MOVED', pull);
    expect(error.details).toMatchObject({ tag: '1' });
    expect(left()).toEqual([]);
  });

  test('a tag that is removed during the pull', async () => {
    const { pull, fake } = await setting((_, __, path) => {
      if (isBlob(path)) fake.manifests.clear();
      return false;
    });
    await refusal('TAG_MOVED', pull);
  });

  const layer = {
    mediaType: 'application/vnd.stella.bundle.v1.tar+zstd',
    digest: digestOf(content),
    size: 1,
  };
  const other = { ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar' };
  test.each<[string, ErrorCode, (manifest: Record<string, unknown>) => unknown]>([
    [
      'a list',
      'OCI_MANIFEST',
      (m) => ({ ...m, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] }),
    ],
    [
      'a list of Docker',
      'OCI_MANIFEST',
      (m) => ({ ...m, mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json' }),
    ],
    [
      'an image of Docker',
      'OCI_MANIFEST',
      (m) => ({ ...m, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' }),
    ],
    [
      'an artifact of another type',
      'OCI_MANIFEST',
      (m) => ({ ...m, artifactType: 'application/vnd.example' }),
    ],
    ['no artifact type', 'OCI_MANIFEST', ({ artifactType: _, ...m }) => m],
    ['no layer', 'OCI_MANIFEST', (m) => ({ ...m, layers: [] })],
    ['a layer too many', 'OCI_MANIFEST', (m) => ({ ...m, layers: [layer, layer] })],
    ['a layer of another type', 'OCI_MANIFEST', (m) => ({ ...m, layers: [other] })],
    ['a layer of impossible size', 'OCI_MANIFEST', (m) => ({ ...m, layers: [{ ...layer, size: 2 ** 50 }] })],
    ['a layer of negative size', 'OCI_MANIFEST', (m) => ({ ...m, layers: [{ ...layer, size: -1 }] })],
    [
      'a digest that leads elsewhere',
      'OCI_MANIFEST',
      (m) => ({ ...m, layers: [{ ...layer, digest: '../../x' }] }),
    ],
    ['no annotations', 'OCI_MANIFEST', ({ annotations: _, ...m }) => m],
    ['null', 'OCI_MANIFEST', () => null],
    ['an array', 'OCI_MANIFEST', () => []],
  ])('%s is refused', async (_, code, alter) => {
    const { pull, fake, left } = await setting();
    placeBundle(fake, '1', content, alter);
    await refusal(code, pull);
    expect(left()).toEqual([]);
  });

  test('what is no JSON, and what is too long', async () => {
    const { pull, fake } = await setting();
    fake.manifests.set('1', Buffer.from('<html>'));
    await refusal('OCI_MANIFEST', pull);
    fake.manifests.set('1', Buffer.alloc(5_000_000, ' '));
    await refusal('FETCH_TOO_LARGE', pull);
  });

  test('no such tag', async () => {
    const { pull, fake } = await setting();
    await refusal('FETCH_NOT_FOUND', () => pull(client(fake.host), ':2'));
  });
});

describe('lists', () => {
  test('images and malformed annotations are told apart from bundles', async () => {
    const { fake } = await setting();
    placeBundle(fake, 'image', content, (m) => ({ ...m, artifactType: 'x' }));
    placeBundle(fake, 'lies', content, (m) => ({
      ...m,
      annotations: { ...(m['annotations'] as object), 'vnd.stella.bundle.sealed-at': 'yesterday' },
    }));
    const { bundles, others } = await listBundles(client(fake.host));
    expect(bundles.map(({ tag }) => tag)).toEqual(['1']);
    expect(others).toEqual(['image', 'lies']);
  });

  test('pages are followed, but not without end', async () => {
    const { fake } = await setting((_, response, path) => {
      if (!path.includes('/tags/list')) return false;
      const tags = path.includes('last=a') ? ['1'] : ['a'];
      response.writeHead(200, { link: `</v2/trust/tags/list?last=a&n=1>; rel="next"` });
      response.end(JSON.stringify({ tags }));
      return true;
    });
    const { bundles, others } = await listBundles(client(fake.host));
    expect(bundles.map(({ tag }) => tag)).toEqual(['1']);
    expect(others).toEqual(['a']);
  });

  test.each([['../../secret'], ['x'.repeat(200)], [5]])('a malformed tag: %s', async (tag) => {
    const { fake } = await setting((_, response, path) => {
      if (!path.includes('/tags/list')) return false;
      response.writeHead(200).end(JSON.stringify({ tags: [tag] }));
      return true;
    });
    await refusal('FETCH_FAILED', () => listBundles(client(fake.host)));
  });
});
