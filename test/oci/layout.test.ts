import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findLayoutBundle, readLayoutBundle } from '../../src/oci/layout.ts';
import { formatLayoutReference, parseLayoutReference } from '../../src/oci/layout-reference.ts';
import { EMPTY_CONFIG } from '../../src/oci/manifest.ts';
import { makeBundle, noise } from '../support/bundle.ts';
import { stella } from '../support/cli.ts';
import { refusal } from '../support/errors.ts';
import { digestOf } from '../support/fake-registry.ts';
import {
  type LayoutEntry,
  layoutBlob,
  makeLayout,
  placeInLayout,
  placeManifest,
  readIndex,
  writeIndex,
} from '../support/layout.ts';
import { temporaryDirectory } from '../support/temp.ts';

const content = noise(300_000);

/** A layout with the bundle `7`, and how it is read. */
function setting(layers: readonly Buffer[] = [content]) {
  const directory = makeLayout(join(temporaryDirectory(), 'layout'));
  const entry = placeInLayout(directory, '7', layers);
  const find = (tag?: string, digest?: string) => findLayoutBundle({ directory, tag, digest });
  const readBundle = async (tag?: string) =>
    readFileSync(await readLayoutBundle(directory, await find(tag), temporaryDirectory()));
  const files = {
    layout: join(directory, 'oci-layout'),
    index: join(directory, 'index.json'),
    manifest: layoutBlob(directory, entry.digest),
    config: layoutBlob(directory, digestOf(EMPTY_CONFIG)),
    layers: layers.map((bytes) => layoutBlob(directory, digestOf(bytes))),
  };
  return { directory, entry, find, read: readBundle, files };
}

describe('the one bundle of a layout', () => {
  test('is read where it lies, or joined from its volumes', async () => {
    expect((await setting().read()).equals(content)).toBe(true);
    const volumes = [content.subarray(0, 100_000), content.subarray(100_000), noise(7, 9)];
    expect((await setting(volumes).read()).equals(Buffer.concat(volumes))).toBe(true);
  });

  test.each(['7', 'registry.example.com/trust/bundles:7'])(
    'is found by its tag, listed as %s',
    async (name) => {
      const { directory, entry, find } = setting();
      writeIndex(directory, [{ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } }]);
      expect((await find('7')).digest).toBe(entry.digest);
      expect((await find(undefined, entry.digest)).name).toBe('7');
    },
  );

  test('may lie beside images, lists and what is listed twice', async () => {
    const { directory, entry, find } = setting();
    placeManifest(directory, 'image', Buffer.from('{"schemaVersion":2,"config":{},"layers":[]}'));
    const list = { ...entry, mediaType: 'application/vnd.oci.image.index.v1+json', digest: 'sha512:00' };
    const foreign = { ...entry, digest: `sha512:${'00'.repeat(64)}` };
    writeIndex(directory, [list, foreign, ...readIndex(directory), { ...entry, annotations: {} }]);
    expect((await find()).digest).toBe(entry.digest);
  });

  test('is chosen among several by what the refusal says', async () => {
    const { directory, entry, find } = setting();
    placeInLayout(directory, '8', [noise(1000, 8)], { sequence: 8 });
    placeInLayout(directory, undefined, [noise(1000, 9)], { sequence: 9 });
    const error = await refusal('USAGE', () => find());
    expect(error.message).toContain('has 3 bundles: there is 7 (said to be number 7, sealed at');
    expect(error.message).toContain('8 (said to be number 8');
    const named = parseLayoutReference(error.hints[0]!.split('e.g. ')[1]!)!;
    expect((await findLayoutBundle(named)).digest).toBe(entry.digest);
    // Where several have a name, only the digest tells them apart.
    writeIndex(
      directory,
      readIndex(directory).map((one) => ({
        ...one,
        annotations: { 'org.opencontainers.image.ref.name': '7' },
      })),
    );
    const same = await refusal('USAGE', () => find('7'));
    expect((await findLayoutBundle(parseLayoutReference(same.hints[0]!.split('e.g. ')[1]!)!)).digest).toBe(
      entry.digest,
    );
  });

  test('is not there', async () => {
    const { directory, find } = setting();
    expect((await refusal('OCI_MANIFEST', () => find('8'))).message).toContain(
      'has no sealed bundle 8: there is 7',
    );
    await refusal('OCI_MANIFEST', () => find(undefined, `sha256:${'00'.repeat(32)}`));
    writeIndex(directory, []);
    expect((await refusal('OCI_MANIFEST', () => find())).message).toContain('its index is empty');
    placeManifest(directory, 'image', Buffer.from('{"schemaVersion":2,"config":{},"layers":[]}'));
    expect((await refusal('OCI_MANIFEST', () => find())).message).toContain(
      'there is image (the OCI manifest: ',
    );
  });
});

type Layout = ReturnType<typeof setting>;

describe('a layout that was damaged or made to harm is refused:', () => {
  test.each<
    [string, 'BLOB_DIGEST' | 'FILE_NOT_FOUND' | 'FILE_UNREADABLE' | 'OCI_MANIFEST', (layout: Layout) => void]
  >([
    ['another layer', 'BLOB_DIGEST', ({ files }) => writeFileSync(files.layers[0]!, noise(300_000, 2))],
    ['a shorter layer', 'BLOB_DIGEST', ({ files }) => writeFileSync(files.layers[0]!, 'x')],
    ['a longer layer', 'BLOB_DIGEST', ({ files }) => writeFileSync(files.layers[0]!, noise(300_001))],
    ['no layer', 'FILE_NOT_FOUND', ({ files }) => rmSync(files.layers[0]!)],
    ['another configuration', 'BLOB_DIGEST', ({ files }) => writeFileSync(files.config, '[]')],
    [
      'another manifest',
      'BLOB_DIGEST',
      ({ directory, entry }) => writeFileSync(layoutBlob(directory, entry.digest), '{}'),
    ],
    ['no manifest', 'FILE_NOT_FOUND', ({ directory, entry }) => rmSync(layoutBlob(directory, entry.digest))],
    [
      'a manifest of another size',
      'BLOB_DIGEST',
      ({ directory, entry }) => writeIndex(directory, [{ ...entry, size: 1 }]),
    ],
    [
      'a manifest that claims too much',
      'OCI_MANIFEST',
      ({ directory, entry }) => writeIndex(directory, [{ ...entry, size: 2 ** 40 }]),
    ],
    [
      'a digest that leads elsewhere',
      'OCI_MANIFEST',
      ({ directory, entry }) =>
        writeIndex(directory, [{ ...entry, digest: 'sha256:../../../../etc/passwd' }]),
    ],
    [
      'a size that is none',
      'OCI_MANIFEST',
      ({ directory, entry }) => writeIndex(directory, [{ ...entry, size: -1 } satisfies LayoutEntry]),
    ],
    [
      'an index with too many manifests',
      'OCI_MANIFEST',
      ({ directory, entry }) => writeIndex(directory, Array<unknown>(1001).fill(entry)),
    ],
    [
      'an index that is no JSON',
      'OCI_MANIFEST',
      ({ directory }) => writeFileSync(join(directory, 'index.json'), '{'),
    ],
    ['no index', 'FILE_NOT_FOUND', ({ directory }) => rmSync(join(directory, 'index.json'))],
    [
      'a layout of another version',
      'OCI_MANIFEST',
      ({ directory }) => writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}'),
    ],
    ['no layout', 'FILE_UNREADABLE', ({ directory }) => rmSync(join(directory, 'oci-layout'))],
  ])('%s', async (_, code, harm) => {
    const layout = setting();
    harm(layout);
    await refusal(code, () => layout.read());
  });

  test.each(['layout', 'index', 'manifest', 'config', 'layer'] as const)(
    'a pipe that is never written to, or a device, in the place of its %s',
    async (name) => {
      const layout = setting();
      const path = name === 'layer' ? layout.files.layers[0]! : layout.files[name];
      rmSync(path);
      execFileSync('mkfifo', [path]);
      await refusal('FILE_UNREADABLE', () => layout.read());
      rmSync(path);
      symlinkSync('/dev/zero', path);
      await refusal('FILE_UNREADABLE', () => layout.read());
    },
  );

  test('another volume, of which nothing is left', async () => {
    const layout = setting([content.subarray(0, 100_000), content.subarray(100_000)]);
    const staging = temporaryDirectory();
    writeFileSync(layout.files.layers[1]!, noise(200_000, 2));
    const { directory, find } = layout;
    await refusal('BLOB_DIGEST', async () => readLayoutBundle(directory, await find(), staging));
  });
});

describe('on the command line', () => {
  const inspect = (cwd: string, name: string) =>
    stella(['trust', 'snapshot', 'inspect', name, '--json'], { cwd, now: '2026-01-27T13:00:00Z' });

  test('a layout is a bundle: its directory, or oci:DIRECTORY:TAG', async () => {
    const cwd = temporaryDirectory();
    const { file, manifestSha256 } = await makeBundle(cwd);
    const directory = makeLayout(join(cwd, 'layout'));
    const { digest } = placeInLayout(directory, '7', [readFileSync(file)]);
    for (const name of ['layout', './layout/', 'oci:layout', 'oci:layout:7', `oci:${directory}@${digest}`]) {
      const shown = await inspect(cwd, name);
      expect(`${name} ${shown.stderr}`).toBe(`${name} `);
      expect(shown.json()).toMatchObject({ manifest_sha256: manifestSha256 });
    }
  });

  test('a directory that is none is refused with what to give', async () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'medium'));
    const shown = await inspect(cwd, 'medium');
    expect(shown.status).toBe(4);
    expect(shown.stderr).toMatch(/is no OCI image layout.*\[FILE_UNREADABLE\][^$]*skopeo copy docker/s);
  });

  test.each([
    [
      'docker://registry.example.com/trust:7',
      'URL_INVALID',
      'write it as oci://registry.example.com/trust:7',
    ],
    ['https://registry.example.com/trust:7', 'URL_INVALID', 'write it as oci://registry.example.com/trust:7'],
    ['registry.example.com:5000/trust:7', 'FILE_NOT_FOUND', 'write oci://registry.example.com:5000/trust:7'],
    ['docker://alpine', 'URL_INVALID', 'oci://HOST/REPOSITORY:TAG'],
    ['./registry.example.com/trust:7', 'FILE_NOT_FOUND', 'check the path'],
  ])('every command that reads a bundle says of %s how to write it', async (name, code, hint) => {
    const cwd = temporaryDirectory();
    for (const command of ['trust snapshot verify', 'trust snapshot inspect', 'trust import']) {
      const refused = await stella([...command.split(' '), name], { cwd, env: { HOME: cwd } });
      expect(refused.status).toBe(4);
      expect(refused.stderr).toContain(`[${code}]`);
      expect(refused.stderr).toContain(hint);
    }
  });

  test.each(['docker://registry.example.com/trust:7', 'registry.example.com/trust:7'])(
    'and every command that talks to a registry, of %s',
    async (name) => {
      const cwd = temporaryDirectory();
      await makeBundle(cwd);
      for (const args of [
        ['push', 'bundle.tar.zst', name],
        ['pull', name, '--out', 'x.tar.zst'],
        ['list', name],
      ]) {
        const refused = await stella(['trust', 'snapshot', ...args], { cwd, env: { HOME: cwd } });
        expect(refused.status).toBe(4);
        expect(refused.stderr).toContain('write it as oci://registry.example.com/trust:7');
      }
    },
  );
});

test('a file called like a reference is a file', async () => {
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'registry.example.com'));
  const { manifestSha256 } = await makeBundle(cwd, { name: 'registry.example.com/trust:7' });
  const shown = await stella(['trust', 'snapshot', 'inspect', 'registry.example.com/trust:7', '--json'], {
    cwd,
  });
  expect(shown.json()).toMatchObject({ manifest_sha256: manifestSha256 });
});

test('layout references', () => {
  const digest = `sha256:${'0a'.repeat(32)}`;
  expect(parseLayoutReference('oci:/media/usb')).toEqual({
    directory: '/media/usb',
    tag: undefined,
    digest: undefined,
  });
  expect(parseLayoutReference('oci:a:b:7')).toEqual({ directory: 'a:b', tag: '7', digest: undefined });
  expect(parseLayoutReference(`oci:a@${digest}`)).toEqual({ directory: 'a', tag: undefined, digest });
  expect(parseLayoutReference('oci:C:\\layout')).toMatchObject({ directory: 'C:\\layout', tag: undefined });
  for (const none of ['oci://host/trust', '/media/usb', 'ocidir:x', 'oci:', ''])
    expect(parseLayoutReference(none)).toBeUndefined();
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (end) => {
      const reference = parseLayoutReference(`oci:${end}`);
      if (reference) expect(formatLayoutReference(reference)).toBe(`oci:${end}`);
    }),
  );
});
