import { formatManifest } from '../../src/bundle/manifest.ts';
import { type TarFields, tarEnd } from '../../test/support/tar.ts';
import type { HostileArchive } from './archive.ts';
import { CONTENTS, type Content, coseOf, entry, headOf, join, manifestOf, pack, repack } from './forge.ts';

const manifest = formatManifest(manifestOf(CONTENTS));
const cose = coseOf(manifest);
const head = headOf(manifest, cose);
const files = (contents: readonly Content[]): Buffer[] => contents.map((one) => entry(one));
const [attestation, checkpoint, tile, root, timestamp] = CONTENTS as unknown as [
  Content,
  Content,
  Content,
  Content,
  Content,
];

const logs = Buffer.concat(files([checkpoint, tile]));

/** A sealed archive whose `tuf/` section is told. */
async function withTuf(...pieces: Buffer[]): Promise<Buffer> {
  const tuf = Buffer.concat([...pieces, tarEnd]);
  return join(await pack({ head, sections: [entry(attestation), logs, tuf] }));
}

/** The first file of `tuf/`, with these fields wrong. */
const instead = (fields: Partial<TarFields>): Promise<Buffer> =>
  withTuf(entry({ ...root, ...fields }), entry(timestamp));

const extended = (type: string, content: string): Buffer =>
  entry({ path: type === 'L' ? '././@LongLink' : 'PaxHeader', type, content: Buffer.from(content) });

const FIELDS: readonly (readonly [string, Partial<TarFields>, HostileArchive['code']])[] = [
  ['hard-link', { type: '1', linkname: 'tuf/timestamp.json' }, 'ENTRY_TYPE'],
  ['symbolic-link', { type: '2', linkname: '/etc/passwd' }, 'ENTRY_TYPE'],
  ['character-device', { type: '3', devmajor: 1 }, 'ENTRY_TYPE'],
  ['block-device', { type: '4', devmajor: 8 }, 'ENTRY_TYPE'],
  ['directory', { path: 'tuf/1.root.json/', type: '5', size: 0 }, 'ENTRY_TYPE'],
  ['fifo', { type: '6' }, 'ENTRY_TYPE'],
  ['contiguous-file', { type: '7' }, 'ENTRY_TYPE'],
  ['gnu-sparse-file', { type: 'S' }, 'ENTRY_TYPE'],
  ['multi-volume-piece', { type: 'M' }, 'ENTRY_TYPE'],
  ['unknown-type', { type: 'Q' }, 'ENTRY_TYPE'],
  ['file-with-link-target', { linkname: '/etc/passwd' }, 'ENTRY_TYPE'],
  ['path-dot-dot', { path: '../../etc/cron.d/x' }, 'ENTRY_PATH'],
  ['path-absolute', { path: '/etc/cron.d/x' }, 'ENTRY_PATH'],
  ['path-nul', { path: 'tuf/1.root.json\0.exe' }, 'ENTRY_PATH'],
  ['path-in-prefix', { path: 'x', prefix: '../..' }, 'ENTRY_PATH'],
  ['path-not-utf-8', { path: Buffer.from([0x74, 0x75, 0x66, 0x2f, 0xff]) }, 'ENTRY_PATH'],
  ['size-too-small', { size: 9 }, 'ENTRY_DIGEST'],
  ['size-too-large', { size: 11 }, 'ENTRY_DIGEST'],
  ['size-enormous', { size: 2 ** 33 - 1 }, 'ENTRY_DIGEST'],
  ['size-beyond-limit', { sizeField: '\x80\0\0\0\0\0\0\x7f\0\0\0\0' }, 'ARCHIVE_LIMIT'],
  ['size-negative', { sizeField: '\xff'.repeat(12) }, 'ARCHIVE_INVALID'],
  ['checksum', { checksum: 1 }, 'ARCHIVE_INVALID'],
  ['padding', { padding: 1 }, 'ARCHIVE_INVALID'],
  ['mode-setuid', { mode: 0o4755 }, 'ARCHIVE_INVALID'],
  ['owner', { uid: 1000 }, 'ARCHIVE_INVALID'],
  ['owner-name', { uname: 'root' }, 'ARCHIVE_INVALID'],
  ['time', { mtime: 1 }, 'ARCHIVE_INVALID'],
  ['gnu-magic', { magic: 'ustar  \0' }, 'ARCHIVE_INVALID'],
  ['content', { content: Buffer.from('{"root":2}') }, 'ENTRY_DIGEST'],
];

export async function* hostileTars(): AsyncGenerator<HostileArchive> {
  for (const [name, fields, code] of FIELDS) {
    const bytes = await instead(fields);
    // In a pipe directories are met by the reader of repacked archives.
    const pipe = name === 'directory' ? { pipeCode: 'ENTRY_UNLISTED' as const } : {};
    yield { name: `tar-${name}`, bytes, code, ...pipe };
  }

  const [one, two] = files([root, timestamp]) as [Buffer, Buffer];
  const pieces: readonly (readonly [string, readonly Buffer[], HostileArchive['code']])[] = [
    ['pax-path-override', [extended('x', '13 path=/x/y\n'), one, two], 'ENTRY_PATH'],
    [
      'pax-path-override-allowed-name',
      [extended('x', '20 path=tuf/2.json\n\n'.slice(0, 19).replace('20', '19')), one, two],
      'ENTRY_PATH',
    ],
    ['pax-size-override', [extended('x', '8 size=1\n'.replace('8', '9')), one, two], 'ARCHIVE_INVALID'],
    [
      'pax-link-path',
      [extended('x', '22 linkpath=/etc/shadow\n'.replace('22', '24')), one, two],
      'ENTRY_TYPE',
    ],
    ['pax-sparse', [extended('x', '22 GNU.sparse.major=1\n'), one, two], 'ENTRY_TYPE'],
    ['pax-global-header', [extended('g', '13 path=/x/y\n'), one, two], 'ENTRY_TYPE'],
    ['pax-not-needed', [extended('x', '24 path=tuf/1.root.json\n'), one, two], 'ARCHIVE_INVALID'],
    ['pax-malformed', [extended('x', '99 path=x\n'), one, two], 'ARCHIVE_INVALID'],
    ['long-name', [extended('L', '/etc/passwd\0'), one, two], 'ENTRY_PATH'],
    ['long-link-name', [extended('K', '/etc/passwd\0'), one, two], 'ENTRY_TYPE'],
    ['entry-twice', [one, one, two], 'ENTRY_DUPLICATE'],
    [
      'entry-unlisted',
      [one, entry({ path: 'tuf/evil.json', content: Buffer.from('x') }), two],
      'ENTRY_UNLISTED',
    ],
    ['entry-unlisted-at-end', [one, two, entry({ path: 'tuf/zzz.json' })], 'ENTRY_UNLISTED'],
    ['entry-missing', [one], 'ENTRY_MISSING'],
    ['all-missing', [], 'ENTRY_MISSING'],
    ['zero-block-inside', [one, tarEnd.subarray(512), two], 'ARCHIVE_INVALID'],
    ['data-after-end', [one, two, tarEnd, one], 'ARCHIVE_TRAILING_DATA'],
    ['padded-end', [one, two, tarEnd], 'ARCHIVE_INVALID'],
    ['directory-added', [entry({ path: 'tuf/', type: '5' }), one, two], 'ENTRY_TYPE'],
    ['second-manifest', [one, two, entry({ path: 'manifest.json', content: manifest })], 'ENTRY_UNLISTED'],
  ];
  for (const [name, parts, code] of pieces) {
    // In a pipe directories and the head's names are met by the reader of repacked archives.
    const pipeCode = { 'directory-added': 'ARCHIVE_INVALID', 'second-manifest': 'ENTRY_DUPLICATE' }[name] as
      | HostileArchive['code']
      | undefined;
    yield { name: `tar-${name}`, bytes: await withTuf(...parts), code, ...(pipeCode ? { pipeCode } : {}) };
  }
  yield {
    name: 'tar-entries-swapped',
    bytes: await withTuf(two, one),
    code: 'ENTRY_MISSING',
    pipeCode: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'tar-million-empty-entries',
    bytes: await withTuf(...Array<Buffer>(100_000).fill(entry({ path: 'tuf/0' }))),
    code: 'ENTRY_UNLISTED',
  };

  const body = [...files(CONTENTS), tarEnd];
  const signature = entry({ path: 'manifest.cose', content: cose });
  const text = entry({ path: 'manifest.json', content: manifest });
  const heads: readonly (readonly [string, readonly Buffer[], HostileArchive['code']])[] = [
    ['no-manifest', body, 'MANIFEST_MISSING'],
    ['manifest-last', [...body.slice(0, -1), head, tarEnd], 'MANIFEST_MISSING'],
    ['signature-first', [signature, text, ...body], 'MANIFEST_MISSING'],
    ['no-signature', [text, ...body], 'MANIFEST_MISSING'],
    ['two-manifests', [text, text, signature, ...body], 'MANIFEST_MISSING'],
    ['manifest-alone', [text, tarEnd], 'MANIFEST_MISSING'],
    ['nothing', [tarEnd], 'MANIFEST_MISSING'],
    [
      'manifest-is-a-link',
      [entry({ path: 'manifest.json', type: '2', linkname: '/etc/passwd' }), signature, ...body],
      'ENTRY_TYPE',
    ],
    ['manifest-claims-65-mib', [entry({ path: 'manifest.json', size: 65 * 2 ** 20 })], 'ARCHIVE_LIMIT'],
    ['signature-claims-1-mib', [text, entry({ path: 'manifest.cose', size: 2 ** 20 })], 'ARCHIVE_LIMIT'],
    ['text', [Buffer.alloc(4096, 'hello world ')], 'ARCHIVE_INVALID'],
  ];
  for (const [name, parts, code] of heads) {
    const sections = [Buffer.concat([...parts])];
    const packed = await pack({ head: sections[0]!, sections: [] });
    yield { name: `head-${name}`, bytes: join(packed), code };
    yield { name: `head-${name}-repacked`, bytes: repack(...parts), code };
  }

  const repacked: readonly (readonly [string, readonly Buffer[], HostileArchive['code']])[] = [
    ['entry-twice', [head, ...files([...CONTENTS, root]), tarEnd], 'ENTRY_DUPLICATE'],
    ['second-manifest', [head, ...files(CONTENTS), text, tarEnd], 'ENTRY_DUPLICATE'],
    ['entry-unlisted', [head, ...files(CONTENTS), entry({ path: 'tuf/evil' }), tarEnd], 'ENTRY_UNLISTED'],
    ['entry-missing', [head, ...files(CONTENTS.slice(1)), tarEnd], 'ENTRY_MISSING'],
    [
      'entry-altered',
      [
        head,
        ...files([...CONTENTS.slice(0, 4), { ...timestamp, content: Buffer.from('{"timestamp":2}') }]),
        tarEnd,
      ],
      'ENTRY_DIGEST',
    ],
    [
      'symbolic-link',
      [head, entry({ path: 'tuf/1.root.json', type: '2', linkname: '/etc' }), ...files(CONTENTS), tarEnd],
      'ENTRY_TYPE',
    ],
    [
      'directory-link',
      [head, entry({ path: 'tuf', type: '2', linkname: '/etc' }), ...files(CONTENTS), tarEnd],
      'ENTRY_TYPE',
    ],
    [
      'directory-unlisted',
      [head, entry({ path: 'evil/', type: '5' }), ...files(CONTENTS), tarEnd],
      'ENTRY_UNLISTED',
    ],
    [
      'directory-twice',
      [
        head,
        entry({ path: 'tuf/', type: '5' }),
        entry({ path: './tuf/', type: '5' }),
        ...files(CONTENTS),
        tarEnd,
      ],
      'ENTRY_UNLISTED',
    ],
    [
      'directory-first',
      [entry({ path: 'tuf/', type: '5' }), head, ...files(CONTENTS), tarEnd],
      'MANIFEST_MISSING',
    ],
    ['endless-padding', [head, ...files(CONTENTS), Buffer.alloc(3 * 2 ** 20)], 'ARCHIVE_LIMIT'],
    ['no-end', [head, ...files(CONTENTS)], 'ARCHIVE_TRUNCATED'],
  ];
  for (const [name, parts, code] of repacked)
    yield { name: `repacked-${name}`, bytes: repack(...parts), code };
}
