import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { formatSeekTable } from '../../src/archive/seek-table.ts';
import { FrameStream } from '../../src/archive/stream.ts';
import { refusal } from '../support/errors.ts';

const frame = zstdCompressSync(Buffer.from('the first piece, '));
const other = zstdCompressSync(Buffer.from('and the second'));

/** A skippable frame: magic number, length, content. */
function skippable(content: Uint8Array, magic = 0x184d2a50): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

/** What pzstd writes before a frame. */
function announced(length: number, magic?: number): Buffer {
  const content = Buffer.alloc(4);
  content.writeUInt32LE(length);
  return skippable(content, magic);
}

async function read(...pieces: Uint8Array[]): Promise<string> {
  const bytes = Buffer.concat(pieces);
  // In pieces that end inside headers, too.
  const stream = new FrameStream(
    (async function* () {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    })(),
  );
  const parts: Uint8Array[] = [];
  for await (const part of stream.bytes()) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString();
}

test('the lengths that pzstd writes before frames are read', async () => {
  const pieces = [announced(frame.length), frame, announced(other.length), other];
  expect(await read(...pieces)).toBe('the first piece, and the second');
});

test.each([
  ['a length that is not that of the next frame', [announced(frame.length + 1), frame]],
  ['another number', [announced(frame.length, 0x184d2a51), frame]],
  ['more content', [skippable(Buffer.from('12345')), frame]],
  ['no content', [skippable(Buffer.alloc(0)), frame]],
  ['two before one frame', [announced(frame.length), announced(frame.length), frame]],
  ['one that announces another', [announced(12), announced(frame.length), frame]],
  ['one at the end', [announced(frame.length), frame, announced(12)]],
  ['nothing else', [announced(12)]],
  [
    'a seek table after them',
    [announced(frame.length), frame, formatSeekTable([{ compressed: frame.length, decompressed: 17 }])],
  ],
])('a skippable frame that carries anything else is refused: %s', async (_, pieces) => {
  await refusal('ARCHIVE_INVALID', () => read(...pieces));
});

test('an archive that ends inside such a frame is truncated', async () => {
  await refusal('ARCHIVE_TRUNCATED', () =>
    read(announced(frame.length), frame, announced(12).subarray(0, 10)),
  );
});
