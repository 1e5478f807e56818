import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { signerOf } from '../../src/base/keys.ts';
import { splitBundle } from '../../src/bundle/split.ts';
import { listBundles } from '../../src/oci/list.ts';
import { pushBundle } from '../../src/oci/push.ts';
import { makeBundle, manifestFacts, noise, someEntries } from '../support/bundle.ts';
import { stella } from '../support/cli.ts';
import { repeatedDigest } from '../support/digest.ts';
import { type DockerRegistry, installed, startRegistry } from '../support/docker-registry.ts';
import { client, fakeRegistry, placeBundle, someFacts } from '../support/fake-registry.ts';
import { imageSpecErrors } from '../support/image-spec.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

type Json = Record<string, unknown>;
const canRun = installed('docker-registry');
const hasSkopeo = installed('skopeo');

describe.skipIf(!canRun)('what is pushed to a registry is as the image specification 1.1 has it', () => {
  let base: string;
  let registry: DockerRegistry;
  let full: { manifest: Json; digest: string };
  let delta: { manifest: Json; digest: string; size: number };

  async function pushed(file: string, tag: string) {
    const args = ['push', file, `oci://${registry.host}/spec:${tag}`, '--plain-http', '--json'];
    const result = await stella(['trust', 'snapshot', ...args], { cwd: base, env: { HOME: base } });
    expect(`${result.stderr}${result.status}`).toBe('0');
    const bytes = await manifestBytes(tag);
    const manifest = JSON.parse(bytes.toString('utf8')) as Json;
    return { manifest, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length };
  }

  async function manifestBytes(tag: string): Promise<Buffer> {
    const answer = await fetch(`http://${registry.host}/v2/spec/manifests/${tag}`, {
      headers: {
        accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
      },
    });
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer());
  }

  beforeAll(async () => {
    base = temporaryTree();
    registry = await startRegistry(base);
    const made = await makeBundle(base, { name: 'full.tar.zst' });
    full = await pushed(made.file, 'full');
    const more = { sequence: 9, base: { sequence: 7, manifest_sha256: made.manifestSha256 } };
    const { file } = await makeBundle(base, {
      name: 'delta.tar.zst',
      manifest: { ...manifestFacts, ...more },
    });
    delta = await pushed(file, 'delta');
  });

  test('a whole bundle', () => {
    expect(imageSpecErrors('manifest', full.manifest)).toEqual([]);
    expect(full.manifest).toMatchObject({
      artifactType: 'application/vnd.stella.bundle.v1',
      config: { mediaType: 'application/vnd.oci.empty.v1+json' },
      // The name under which `oras pull` writes it.
      layers: [{ annotations: { 'org.opencontainers.image.title': 'full.tar.zst' } }],
    });
    expect(full.manifest['subject']).toBeUndefined();
  });

  test('a split one', async () => {
    const directory = temporaryDirectory();
    const sealed = await makeBundle(directory, {
      entries: [...someEntries, { path: 'tuf/targets/zz.big', source: noise(50_000) }],
    });
    const { list } = await splitBundle({
      file: sealed.file,
      manifestSha256: sealed.manifestSha256,
      partSize: 20_000,
      signers: [signerOf(sealed.key)],
    });
    const { manifest } = await pushed(list, 'split');
    expect(imageSpecErrors('manifest', manifest)).toEqual([]);
    const titles = (manifest['layers'] as { annotations: Json }[]).map(
      ({ annotations }) => annotations['org.opencontainers.image.title'],
    );
    expect(titles).toEqual(readdirSync(directory).filter((name) => /\.\d{3}$/.test(name)));
  });

  test('a delta, and the list of what refers to its base, which this registry does not keep by itself', async () => {
    expect(imageSpecErrors('manifest', delta.manifest)).toEqual([]);
    expect(delta.manifest['subject']).toMatchObject({ digest: full.digest });
    const bytes = await manifestBytes(full.digest.replace(':', '-'));
    const index = JSON.parse(bytes.toString('utf8')) as Json;
    expect(imageSpecErrors('index', index)).toEqual([]);
    expect(index['manifests']).toEqual([
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        artifactType: 'application/vnd.stella.bundle.v1',
        digest: delta.digest,
        size: delta.size,
        annotations: delta.manifest['annotations'],
      },
    ]);
    // A second time adds nothing.
    await pushed(join(base, 'delta.tar.zst'), 'delta');
    expect((await manifestBytes(full.digest.replace(':', '-'))).equals(bytes)).toBe(true);
    const list = ['trust', 'snapshot', 'list', `oci://${registry.host}/spec`, '--plain-http', '--json'];
    const listed = await stella(list, { cwd: base, env: { HOME: base } });
    expect((listed.json() as { others: string[] }).others).toEqual([]);
  });

  test.skipIf(!hasSkopeo)('skopeo reads both', () => {
    const raw = (tag: string) =>
      execFileSync(
        'skopeo',
        ['inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/spec:${tag}`],
        {
          env: { PATH: process.env['PATH'] ?? '', HOME: base },
          encoding: 'utf8',
        },
      );
    expect(JSON.parse(raw('delta'))).toEqual(delta.manifest);
    expect(JSON.parse(raw(full.digest.replace(':', '-')))).toMatchObject({
      manifests: [{ digest: delta.digest }],
    });
  });

  test.each<[string, (manifest: Json) => Json]>([
    ['no artifact type', ({ artifactType: _, ...m }) => m],
    ['no layers', (m) => ({ ...m, layers: [] })],
    ['another empty configuration', (m) => ({ ...m, config: { ...(m['config'] as Json), size: 3 } })],
    [
      'a digest in capitals',
      (m) => ({ ...m, config: { ...(m['config'] as Json), digest: `sha256:${'AB'.repeat(32)}` } }),
    ],
    ['an annotation that is no text', (m) => ({ ...m, annotations: { x: 5 } })],
    ['a time that is none', (m) => ({ ...m, annotations: { 'org.opencontainers.image.created': 'today' } })],
    ['a media type that is none', (m) => ({ ...m, artifactType: 'bundle' })],
    ['a subject without size', (m) => ({ ...m, subject: { mediaType: 'a/b', digest: 'x:y' } })],
  ])('the rules find %s', (_, alter) => {
    expect(imageSpecErrors('manifest', alter(full.manifest))).not.toEqual([]);
  });
});

describe('a registry and the list of what refers to a base', () => {
  const facts = { ...someFacts, sequence: 8, manifestSha256: repeatedDigest('cd') };
  const delta = { ...facts, base: { sequence: 7, manifestSha256: someFacts.manifestSha256 } };
  const setting = async (header?: string, index?: string) => {
    const fake = await fakeRegistry((request, response, path) => {
      if (header !== undefined && request.method === 'PUT' && path.includes('/manifests/delta'))
        response.setHeader('oci-subject', header);
      return false;
    });
    const { digest } = placeBundle(fake, 'base', noise(1000));
    const tag = digest.replace(':', '-');
    if (index !== undefined) fake.manifests.set(tag, Buffer.from(index));
    const { file } = await makeBundle(temporaryDirectory());
    const push = () => pushBundle(client(fake.host), { files: [file], tag: 'delta', facts: delta });
    return { fake, tag, push, digest };
  };

  test('that it keeps by itself is left to it', async () => {
    const { fake, tag, push, digest } = await setting('sha256:x');
    expect(await push()).toMatchObject({ subject: { digest }, problem: undefined });
    expect(fake.manifests.has(tag)).toBe(false);
  });

  test('that others have written into is added to', async () => {
    const others = [{ mediaType: 'application/vnd.example', digest: 'sha512:0a', size: 1, platform: {} }];
    const index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: others,
    };
    const { fake, tag, push } = await setting(
      undefined,
      JSON.stringify({ ...index, annotations: { a: 'b' } }),
    );
    const { digest } = await push();
    const written = JSON.parse(fake.manifests.get(tag)!.toString('utf8')) as Json;
    expect(written).toMatchObject({ ...index, annotations: { a: 'b' }, manifests: [...others, { digest }] });
    const { bundles, others: left } = await listBundles(client(fake.host));
    expect(bundles.map((bundle) => bundle.tag).sort()).toEqual(['base', 'delta']);
    expect(left).toEqual([]);
  });

  test.each([
    ['no JSON', '<html>'],
    [
      'a manifest',
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}',
    ],
    ['no list', '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}'],
  ])('that is %s is left as it is, and told', async (_, index) => {
    const { fake, tag, push } = await setting(undefined, index);
    expect((await push()).problem).toMatchObject({ code: 'OCI_MANIFEST' });
    expect(fake.manifests.get(tag)!.toString('utf8')).toBe(index);
    expect(fake.manifests.has('delta')).toBe(true);
  });
});
