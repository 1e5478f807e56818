import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entryBytes, headerBytes, needsPax, TAR_END_BYTES } from '../../src/archive/layout.ts';
import { formatPaxPath, parsePax } from '../../src/archive/pax.ts';
import { TarReader } from '../../src/archive/tar-reader.ts';
import { tarMtime, writeTar } from '../../src/archive/tar-writer.ts';
import { formatUtf8 } from '../../src/base/bytes.ts';
import { refusal } from '../support/errors.ts';
import { tarBlock, tarEnd, tarEntry } from '../support/tar.ts';

interface Read {
  readonly entries: { path: string; content: string }[];
  readonly directories: string[];
  readonly reader: TarReader;
}

function readTar(bytes: Uint8Array, step = bytes.length): Read {
  const entries: Read['entries'] = [];
  const directories: string[] = [];
  let content = '';
  const reader = new TarReader({
    entry: (path) => void entries.push({ path, content: '' }),
    data: (piece) => {
      content += Buffer.from(piece).toString('latin1');
    },
    entryEnd: () => {
      entries.at(-1)!.content = content;
      content = '';
    },
    directory: (path) => void directories.push(path),
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.finish();
  return { entries, directories, reader };
}

async function tarOf(files: readonly { path: string; content: string }[], mtime = 1000): Promise<Buffer> {
  const sources = files.map(({ path, content }) => {
    const bytes = Buffer.from(content, 'latin1');
    return { path, size: bytes.length, content: [bytes] };
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(sources, mtime)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

const segment = fc.string({
  unit: fc.constantFrom('a', 'B', '7', '.', '-', '\u00e4', '\u6c34'),
  minLength: 1,
  maxLength: 90,
});
const path = fc
  .array(segment, { minLength: 1, maxLength: 6 })
  .map((parts) => parts.map((part) => `x${part}x`).join('/'));

describe('what tar-stream writes', () => {
  test('is read again, in pieces of any length, and has the layout that is computed beforehand', async () => {
    const files = fc.array(
      fc.record({ path, content: fc.string({ unit: 'binary-ascii', maxLength: 1200 }) }),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 2000 }), async (some, step) => {
        const tar = await tarOf(some);
        const sizes = some.map((file) => entryBytes({ path: file.path, size: file.content.length }));
        expect(tar.length).toBe(sizes.reduce((sum, size) => sum + size, TAR_END_BYTES));
        const { entries, reader } = readTar(tar, step);
        expect(entries).toEqual(some);
        expect(reader.deviation).toBeUndefined();
        expect(reader.mtime).toBe(some.length === 0 ? undefined : 1000);
      }),
      { numRuns: 150 },
    );
  });

  test('is what GNU tar reads', async () => {
    const files = [
      { path: 'a/b', content: 'x'.repeat(1000) },
      { path: `${'long/'.repeat(60)}name`, content: 'y' },
      { path: 'sch\u00f6n', content: '' },
    ];
    const listed = execFileSync('tar', ['-t', '--quoting-style=literal'], { input: await tarOf(files) });
    expect(listed.toString().trim().split('\n')).toEqual(files.map((file) => file.path));
  });

  test('needs an extended header only where ustar has no place', () => {
    expect(needsPax('a'.repeat(100))).toBe(false);
    expect(needsPax('a'.repeat(101))).toBe(true);
    expect(needsPax(`${'d'.repeat(155)}/${'a'.repeat(100)}`)).toBe(false);
    expect(needsPax(`${'d'.repeat(156)}/${'a'.repeat(100)}`)).toBe(true);
    expect(needsPax('\u00e4')).toBe(true);
    expect(headerBytes('a')).toBe(512);
    expect(headerBytes('\u00e4')).toBe(1536);
  });

  test('times beyond what tar-stream can hold stay at the last it can', () => {
    expect(tarMtime(Date.UTC(2100, 0))).toBe(2 ** 31 - 1);
    expect(tarMtime(-1)).toBe(0);
    expect(tarMtime(1999)).toBe(1);
  });
});

describe('what other tars write', () => {
  const content = formatUtf8('content');

  test.each([
    ['GNU long name', ['--format=gnu']],
    ['pax', ['--format=pax']],
    ['ustar', ['--format=ustar']],
    ['pax with times', ['--format=posix', '--pax-option=exthdr.name=%d/PaxHeaders/%f']],
  ])('%s', (_, options) => {
    const name = `${'d'.repeat(60)}/${'e'.repeat(60)}/file`;
    const script =
      'set -e; d=$(mktemp -d); trap "rm -rf $d" EXIT; cd $d; mkdir -p "$(dirname "$1")"; printf content > "$1"; shift; tar -c "$@" .';
    const tar = execFileSync('sh', ['-c', script, 'sh', name, ...options]);
    const { entries, directories, reader } = readTar(tar, 700);
    expect(entries).toEqual([{ path: name, content: 'content' }]);
    expect(directories).toEqual(['d'.repeat(60), `${'d'.repeat(60)}/${'e'.repeat(60)}`]);
    expect(reader.deviation).toBeDefined();
  });

  test.each([
    ['another owner', { uid: 1000 }],
    ['another mode', { mode: 0o755 }],
    ['a user name', { uname: 'root' }],
    ['a device number', { devmajor: 1 }],
  ])('%s is a deviation, not an error', (_, fields) => {
    const tar = Buffer.concat([tarEntry({ path: 'a', content, ...fields }), tarEnd]);
    expect(readTar(tar).reader.deviation).toMatch(/other fields/);
  });

  test('another time is a deviation', () => {
    const tar = [tarEntry({ path: 'a', content }), tarEntry({ path: 'b', content, mtime: 7 }), tarEnd];
    expect(readTar(Buffer.concat(tar)).reader.deviation).toMatch(/another time/);
  });

  test('padding up to a megabyte', async () => {
    const tar = (padding: number) =>
      Buffer.concat([tarEntry({ path: 'a', content }), tarEnd, Buffer.alloc(padding)]);
    expect(readTar(tar(9216)).reader.deviation).toMatch(/padded/);
    await refusal('ARCHIVE_LIMIT', () => readTar(tar(1024 * 1024 + 512)));
  });
});

describe('refused', () => {
  const content = formatUtf8('content');
  const file = tarEntry({ path: 'a', content });
  const pax = (text: string) => tarEntry({ path: 'PaxHeader', type: 'x', content: formatUtf8(text) });
  const record = (key: string, value: string) => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length + 1;
    while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
    return `${length}${rest}`;
  };

  test.each([
    ['nothing', [], 'ARCHIVE_TRUNCATED'],
    ['cut in a header', [file.subarray(0, 300)], 'ARCHIVE_TRUNCATED'],
    ['cut in content', [file.subarray(0, 515)], 'ARCHIVE_TRUNCATED'],
    ['cut in padding', [file.subarray(0, 700)], 'ARCHIVE_TRUNCATED'],
    ['no end', [file], 'ARCHIVE_TRUNCATED'],
    ['half an end', [file, tarEnd.subarray(512)], 'ARCHIVE_TRUNCATED'],
    ['a zero block inside', [file, tarEnd.subarray(512), file, tarEnd], 'ARCHIVE_INVALID'],
    ['data after the end', [file, tarEnd, file], 'ARCHIVE_TRAILING_DATA'],
    ['text', [Buffer.alloc(512, 'x')], 'ARCHIVE_INVALID'],
    ['wrong checksum', [tarEntry({ path: 'a', content, checksum: 1 }), tarEnd], 'ARCHIVE_INVALID'],
    ['V7 header', [tarEntry({ path: 'a', content, magic: '\0'.repeat(8) }), tarEnd], 'ARCHIVE_INVALID'],
    [
      'size that is not octal',
      [tarEntry({ path: 'a', content, sizeField: '0000000009x ' })],
      'ARCHIVE_INVALID',
    ],
    ['negative size', [tarEntry({ path: 'a', content, sizeField: '-0000000001 ' })], 'ARCHIVE_INVALID'],
    [
      'size of 2^63',
      [tarEntry({ path: 'a', content, sizeField: '\x80\0\0\0\x80\0\0\0\0\0\0\0' })],
      'ARCHIVE_INVALID',
    ],
    [
      'negative binary size',
      [tarEntry({ path: 'a', content, sizeField: '\xff'.repeat(12) })],
      'ARCHIVE_INVALID',
    ],
    ['size above 16 GiB', [tarEntry({ path: 'a', content, size: 16 * 2 ** 30 + 1 })], 'ARCHIVE_LIMIT'],
    ['padding that is not zero', [tarEntry({ path: 'a', content, padding: 1 }), tarEnd], 'ARCHIVE_INVALID'],
    ['hard link', [tarEntry({ path: 'a', type: '1', linkname: 'b' })], 'ENTRY_TYPE'],
    ['symbolic link', [tarEntry({ path: 'a', type: '2', linkname: '/etc/passwd' })], 'ENTRY_TYPE'],
    ['file with a link target', [tarEntry({ path: 'a', content, linkname: 'b' })], 'ENTRY_TYPE'],
    ['character device', [tarEntry({ path: 'a', type: '3' })], 'ENTRY_TYPE'],
    ['block device', [tarEntry({ path: 'a', type: '4' })], 'ENTRY_TYPE'],
    ['FIFO', [tarEntry({ path: 'a', type: '6' })], 'ENTRY_TYPE'],
    ['contiguous file', [tarEntry({ path: 'a', type: '7', content })], 'ENTRY_TYPE'],
    ['old regular file', [tarEntry({ path: 'a', type: '\0', content })], 'ENTRY_TYPE'],
    ['GNU sparse file', [tarEntry({ path: 'a', type: 'S', content })], 'ENTRY_TYPE'],
    ['GNU multi-volume piece', [tarEntry({ path: 'a', type: 'M', content })], 'ENTRY_TYPE'],
    ['volume label', [tarEntry({ path: 'a', type: 'V' })], 'ENTRY_TYPE'],
    ['long link name', [tarEntry({ path: 'a', type: 'K', content })], 'ENTRY_TYPE'],
    ['unknown type', [tarEntry({ path: 'a', type: 'Z' })], 'ENTRY_TYPE'],
    ['directory with content', [tarEntry({ path: 'a/', type: '5', content }), tarEnd], 'ENTRY_TYPE'],
    ['GNU extensions', [tarEntry({ path: 'a', content, magic: 'ustar  \0', prefix: '1' })], 'ENTRY_TYPE'],
    ['pax global header', [tarEntry({ path: 'a', type: 'g', content })], 'ENTRY_TYPE'],
    ['pax sparse file', [pax(record('GNU.sparse.major', '1')), file, tarEnd], 'ENTRY_TYPE'],
    ['pax link path', [pax(record('linkpath', '/etc/passwd')), file, tarEnd], 'ENTRY_TYPE'],
    ['pax extended attribute', [pax(record('SCHILY.xattr.user.x', '1')), file, tarEnd], 'ENTRY_TYPE'],
    ['pax path override', [pax(record('path', 'b')), file, tarEnd], 'ENTRY_PATH'],
    ['pax path that leaves', [pax(record('path', `../${'x'.repeat(120)}`)), file, tarEnd], 'ENTRY_PATH'],
    ['pax size override', [pax(record('size', '1')), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax size beyond the limit', [pax(record('size', '99999999999')), file, tarEnd], 'ARCHIVE_LIMIT'],
    ['pax size that is no number', [pax(record('size', '0x10')), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax key twice', [pax(record('path', 'a') + record('path', 'a')), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax without length', [pax('path=a\n'), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax with a wrong length', [pax('99 path=a\n'), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax with a length of nothing', [pax('0 \n'), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax without equals sign', [pax('7 path\n'), file, tarEnd], 'ARCHIVE_INVALID'],
    ['pax header of nothing', [pax(''), file, tarEnd], 'ARCHIVE_LIMIT'],
    ['pax header of a megabyte', [pax(record('path', 'x'.repeat(2 ** 20)))], 'ARCHIVE_LIMIT'],
    [
      'pax header twice',
      [pax(record('path', 'a')), pax(record('path', 'a')), file, tarEnd],
      'ARCHIVE_INVALID',
    ],
    ['pax header at the end', [pax(record('path', 'a')), tarEnd], 'ARCHIVE_INVALID'],
    [
      'long name that was not needed',
      [tarEntry({ path: 'L', type: 'L', content: formatUtf8('b\0') }), file],
      'ENTRY_PATH',
    ],
    [
      'long name without NUL',
      [tarEntry({ path: 'L', type: 'L', content: formatUtf8('b') }), file],
      'ENTRY_PATH',
    ],
    ['long name of a megabyte', [tarEntry({ path: 'L', type: 'L', size: 2 ** 20 })], 'ARCHIVE_LIMIT'],
    ['long name of 2000 bytes', [tarEntry({ path: 'L', type: 'L', size: 2000 })], 'ENTRY_PATH'],
    [
      'long name at the end',
      [tarEntry({ path: 'L', type: 'L', content: formatUtf8('b\0') }), tarEnd],
      'ARCHIVE_INVALID',
    ],
    ['path that leaves', [tarEntry({ path: '../a', content })], 'ENTRY_PATH'],
    ['absolute path', [tarEntry({ path: '/a', content })], 'ENTRY_PATH'],
    ['path with a NUL inside', [tarEntry({ path: 'a\0b', content })], 'ENTRY_PATH'],
    ['path that is not UTF-8', [tarBlock({ path: Buffer.from([0xff, 0x61]), content })], 'ENTRY_PATH'],
    ['empty path', [tarEntry({ path: '', content })], 'ENTRY_PATH'],
    ['directory that leaves', [tarEntry({ path: 'a/../../b/', type: '5' })], 'ENTRY_PATH'],
  ] as const)('%s', async (_, pieces, code) => {
    const tar = Buffer.concat(pieces);
    await refusal(code, () => readTar(tar));
    await refusal(code, () => readTar(tar, 100));
  });

  test('what the sink throws', async () => {
    const error = new Error('no');
    const reader = new TarReader({
      entry: () => {
        throw error;
      },
      data: () => {},
      entryEnd: () => {},
      directory: () => {},
    });
    expect(() => reader.push(file)).toThrow(error);
  });
});

test('pax paths round-trip, the length counting itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1100 }), (text) => {
      const bytes = formatPaxPath(text);
      expect(Number.parseInt(Buffer.from(bytes).toString('latin1'), 10)).toBe(bytes.length);
      expect(parsePax(bytes)).toEqual({ path: text });
    }),
  );
  expect(Buffer.from(formatPaxPath('x'.repeat(90))).toString()).toBe(`99 path=${'x'.repeat(90)}\n`);
  expect(Buffer.from(formatPaxPath('x'.repeat(91))).toString()).toBe(`101 path=${'x'.repeat(91)}\n`);
});
