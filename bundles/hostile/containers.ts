import { zstdCompressSync } from 'node:zlib';
import { formatSeekTable } from '../../src/archive/seek-table.ts';
import { compressFrame } from '../../src/archive/zstd.ts';
import { formatManifest } from '../../src/bundle/manifest.ts';
import { noise } from '../../test/support/bundle.ts';
import { repeatedDigest } from '../../test/support/digest.ts';
import { tarEnd } from '../../test/support/tar.ts';
import type { HostileArchive } from './archive.ts';
import {
  bombFrame,
  CONTENTS,
  coseOf,
  entry,
  framesOf,
  headOf,
  join,
  manifestOf,
  type Packed,
  pack,
  repack,
  skippable,
} from './forge.ts';

const GIB = 2 ** 30;

/** Changes one number of a good seek table. */
function lie({ frames, table }: Packed, index: number, change: Partial<Packed['table'][number]>): Buffer {
  return join({ frames, table: table.map((one, i) => (i === index ? { ...one, ...change } : one)) });
}

async function* seekTables(good: Packed): AsyncGenerator<HostileArchive> {
  const { frames, table } = good;
  const [, second] = table;
  const body = Buffer.concat(frames);
  const last = frames.length - 1;
  const edited = (at: number, value: number): Buffer => {
    const bytes = formatSeekTable(table) as Buffer;
    bytes[at < 0 ? bytes.length + at : at] = value;
    return Buffer.concat([body, bytes]);
  };
  yield {
    name: 'seek-compressed-too-long',
    bytes: lie(good, 1, { compressed: second!.compressed + 1 }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-compressed-shifted',
    bytes: join({
      frames,
      table: table.map((one, i) =>
        i === 1 || i === 2 ? { ...one, compressed: one.compressed + (i === 1 ? 1 : -1) } : one,
      ),
    }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-decompressed-too-long',
    bytes: lie(good, last, { decompressed: table[last]!.decompressed + 512 }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-decompressed-too-short',
    bytes: lie(good, last, { decompressed: 512 }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-decompressed-of-head-too-short',
    bytes: lie(good, 0, { decompressed: 512 }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-decompressed-shifted',
    bytes: join({
      frames,
      table: table.map((one, i) =>
        i === 1 || i === 2 ? { ...one, decompressed: one.decompressed + (i === 1 ? 512 : -512) } : one,
      ),
    }),
    code: 'ARCHIVE_INVALID',
  };
  yield { name: 'seek-empty-frame', bytes: lie(good, 1, { decompressed: 0 }), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'seek-frame-of-4-gib',
    bytes: lie(good, 1, { decompressed: 2 ** 32 - 1 }),
    code: 'ARCHIVE_LIMIT',
  };
  yield {
    name: 'seek-compressed-4-gib',
    bytes: lie(good, 1, { compressed: 2 ** 32 - 1 }),
    code: 'ARCHIVE_LIMIT',
  };
  yield { name: 'seek-no-frames', bytes: join({ frames, table: [] }), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'seek-frame-left-out',
    bytes: join({ frames, table: table.slice(0, -1) }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-frame-added',
    bytes: join({ frames, table: [...table, { compressed: 1, decompressed: 1 }] }),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'seek-count-too-large',
    bytes: edited(-6, 0x7f),
    code: 'ARCHIVE_LIMIT',
    pipeCode: 'ARCHIVE_LIMIT',
  };
  yield { name: 'seek-count-wrong', bytes: edited(-9, 9), code: 'ARCHIVE_INVALID' };
  yield { name: 'seek-checksums-claimed', bytes: edited(-5, 0x80), code: 'ARCHIVE_INVALID' };
  yield { name: 'seek-reserved-bits', bytes: edited(-5, 0x04), code: 'ARCHIVE_INVALID' };
  yield { name: 'seek-footer-magic', bytes: edited(-1, 0x8e), code: 'ARCHIVE_INVALID' };
  yield { name: 'seek-frame-magic', bytes: edited(0, 0x5d), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'seek-frame-size',
    bytes: edited(4, 0),
    code: 'ARCHIVE_INVALID',
  };
  const file = join(good);
  yield { name: 'trailing-byte', bytes: Buffer.concat([file, Buffer.of(0)]), code: 'ARCHIVE_TRAILING_DATA' };
  yield { name: 'trailing-frame', bytes: Buffer.concat([file, frames[0]!]), code: 'ARCHIVE_TRAILING_DATA' };
  yield {
    name: 'trailing-seek-table',
    bytes: Buffer.concat([file, formatSeekTable(table)]),
    code: 'ARCHIVE_INVALID',
    pipeCode: 'ARCHIVE_TRAILING_DATA',
  };
  yield {
    name: 'concatenated-with-itself',
    bytes: Buffer.concat([file, file]),
    code: 'ARCHIVE_INVALID',
    pipeCode: 'ARCHIVE_TRAILING_DATA',
  };
  const junk = skippable(Buffer.from('junk'), 0x184d2a50);
  yield { name: 'skippable-junk-first', bytes: Buffer.concat([junk, file]), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'skippable-junk-inside',
    bytes: Buffer.concat([frames[0]!, junk, ...frames.slice(1), formatSeekTable(table)]),
    code: 'ARCHIVE_INVALID',
  };
  const counted = [...table.slice(0, 1), { compressed: junk.length, decompressed: 1 }, ...table.slice(1)];
  yield {
    name: 'skippable-junk-counted',
    bytes: join({ frames: [frames[0]!, junk, ...frames.slice(1)], table: counted }),
    code: 'ARCHIVE_INVALID',
  };
  yield { name: 'skippable-junk-last', bytes: Buffer.concat([body, junk]), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'skippable-claims-4-gib',
    bytes: Buffer.concat([body, Buffer.from('5e2a4d18ffffffff', 'hex')]),
    code: 'ARCHIVE_LIMIT',
  };
}

async function* frameHeaders(good: Packed): AsyncGenerator<HostileArchive> {
  const { frames, table } = good;
  const withFrame = (index: number, frame: Buffer, decompressed = table[index]!.decompressed): Buffer =>
    join({
      frames: frames.map((one, i) => (i === index ? frame : one)),
      table: table.map((one, i) => (i === index ? { compressed: frame.length, decompressed } : one)),
    });
  const edited = (at: number, change: (byte: number) => number): Buffer => {
    const frame = Buffer.from(frames[2]!);
    frame[at] = change(frame[at]!);
    return withFrame(2, frame);
  };
  yield { name: 'frame-magic', bytes: edited(0, (byte) => byte ^ 1), code: 'ARCHIVE_INVALID' };
  yield { name: 'frame-reserved-bit', bytes: edited(4, (byte) => byte | 0x08), code: 'ARCHIVE_INVALID' };
  yield { name: 'frame-dictionary', bytes: edited(4, (byte) => byte | 0x01), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'frame-checksum-claimed',
    bytes: edited(4, (byte) => byte | 0x04),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'frame-content-size-claimed',
    bytes: edited(4, (byte) => byte | 0x80),
    code: 'ARCHIVE_INVALID',
  };
  yield { name: 'frame-window-of-3-tib', bytes: edited(5, () => 0xff), code: 'ARCHIVE_LIMIT' };
  yield { name: 'frame-window-of-256-mib', bytes: edited(5, () => 18 << 3), code: 'ARCHIVE_LIMIT' };
  yield {
    name: 'frame-reserved-block-type',
    bytes: edited(6, (byte) => byte | 0x06),
    code: 'ARCHIVE_INVALID',
  };
  yield { name: 'frame-block-too-large', bytes: edited(8, (byte) => byte | 0x80), code: 'ARCHIVE_INVALID' };
  yield {
    name: 'frame-truncated',
    bytes: withFrame(2, frames[2]!.subarray(0, -3)),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'frame-followed-by-junk',
    bytes: withFrame(2, Buffer.concat([frames[2]!, Buffer.from('junk')])),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'frame-with-content-size',
    bytes: withFrame(2, zstdCompressSync(framesOf(CONTENTS).sections[1]!)),
    code: 'ARCHIVE_INVALID',
  };
  yield {
    name: 'frame-of-another-algorithm',
    bytes: withFrame(2, Buffer.from('1f8b0800000000000003', 'hex')),
    code: 'ARCHIVE_INVALID',
  };
  const short = zstdCompressSync(Buffer.alloc(1000));
  short.writeUInt16LE(5000 - 256, 5);
  yield {
    name: 'frame-content-size-lies',
    bytes: Buffer.concat([frames[0]!, short]),
    code: 'ARCHIVE_INVALID',
  };
}

async function* bombs(good: Packed): AsyncGenerator<HostileArchive> {
  const [head] = good.frames as [Buffer];
  const [headLengths] = good.table as [Packed['table'][number]];
  const bomb = bombFrame(4 * GIB - 131072);
  yield { name: 'bomb-behind-the-head', bytes: Buffer.concat([head, bomb]), code: 'ARCHIVE_LIMIT' };
  yield { name: 'bomb-instead-of-the-head', bytes: bomb, code: 'ARCHIVE_LIMIT' };
  for (const [name, claimed, code] of [
    ['small', 4096, 'ARCHIVE_INVALID'],
    ['full', 4 * 2 ** 20, 'ARCHIVE_INVALID'],
    ['enormous', 4 * GIB - 1, 'ARCHIVE_LIMIT'],
  ] as const) {
    const table = [headLengths, { compressed: bomb.length, decompressed: claimed }];
    yield {
      name: `bomb-claimed-${name}`,
      bytes: join({ frames: [head, bomb], table }),
      code,
      pipeCode: 'ARCHIVE_LIMIT',
    };
  }
  const contents = [{ path: 'tuf/large', content: Buffer.alloc(0) }];
  const listed = { path: 'tuf/large', size: 16 * GIB, sha256: repeatedDigest('00') };
  const { entriesRoot } = await import('../../src/bundle/manifest.ts');
  const manifest = formatManifest(
    manifestOf(contents, {
      entries: [listed],
      entries_root: entriesRoot([listed]),
    }),
  );
  const large = entry({ path: 'tuf/large', sizeField: `\x80\0\0\0\0\0\0\x04\0\0\0\0` });
  yield {
    name: 'bomb-listed-then-cut',
    bytes: Buffer.concat([
      await compressFrame(headOf(manifest, coseOf(manifest)), 3),
      await compressFrame(large, 3),
    ]),
    code: 'ARCHIVE_TRUNCATED',
  };
  const empty = Buffer.from('28b52ffd0058010000', 'hex');
  yield {
    name: 'many-empty-frames',
    bytes: Buffer.concat([head, ...Array<Buffer>(200_000).fill(empty)]),
    code: 'ARCHIVE_INVALID',
  };
  const tiny = await pack({ head: Buffer.of(0x6d), sections: [] });
  const many = {
    frames: Array<Buffer>(50_000).fill(tiny.frames[0]!),
    table: Array(50_000).fill(tiny.table[0]!) as Packed['table'],
  };
  yield { name: 'many-frames-of-a-byte', bytes: join(many), code: 'ARCHIVE_INVALID' };
  const name = Buffer.from(entry({ path: 'manifest.json', size: 2_000_000 }));
  const bytes: Buffer[] = [];
  for (const byte of name) bytes.push(await compressFrame(Buffer.of(byte), 3));
  const filler = await compressFrame(Buffer.of(0x20), 3);
  yield {
    name: 'many-frames-of-a-byte-streamed',
    bytes: Buffer.concat([...bytes, ...Array<Buffer>(50_000).fill(filler)]),
    code: 'ARCHIVE_LIMIT',
  };
  yield {
    name: 'manifest-of-zeros',
    bytes: repack(entry({ path: 'manifest.json', content: Buffer.alloc(64 * 2 ** 20) }), tarEnd),
    code: 'MANIFEST_MISSING',
  };
}

async function* truncations(): AsyncGenerator<HostileArchive> {
  const contents = CONTENTS.map((one, i) => (i === 2 ? { ...one, content: noise(40_000) } : one));
  const packed = await pack(framesOf(contents));
  const file = join(packed);
  for (let at = 4096; at < file.length; at += 4096)
    yield { name: `truncated-at-${at}`, bytes: file.subarray(0, at), code: 'ARCHIVE_TRUNCATED' };
  const ends = [0];
  for (const frame of packed.frames) ends.push(ends.at(-1)! + frame.length);
  for (const at of ends)
    yield {
      name: `truncated-at-frame-${at}`,
      bytes: file.subarray(0, at),
      code: at === ends.at(-1) ? 'ARCHIVE_INVALID' : 'ARCHIVE_TRUNCATED',
    };
  yield { name: 'truncated-by-a-byte', bytes: file.subarray(0, -1), code: 'ARCHIVE_TRUNCATED' };
}

export async function* hostileContainers(): AsyncGenerator<HostileArchive> {
  const good = await pack(framesOf(CONTENTS));
  yield* seekTables(good);
  yield* frameHeaders(good);
  yield* bombs(good);
  for await (const one of truncations()) {
    // Whole but for its seek table, it is what a repack is: good.
    if (one.code !== 'ARCHIVE_INVALID') yield one;
  }
}
