import { createHash, createPrivateKey, createPublicKey, sign as nodeSign } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { FRAME_LENGTH } from '../../src/archive/limits.ts';
import { formatPaxPath } from '../../src/archive/pax.ts';
import { type FrameLengths, formatSeekTable } from '../../src/archive/seek-table.ts';
import { compressFrame } from '../../src/archive/zstd.ts';
import { sha256Hex } from '../../src/base/bytes.ts';
import { type PublicKey, publicKeyOf } from '../../src/base/keys.ts';
import { entriesRoot, formatManifest, type Manifest } from '../../src/bundle/manifest.ts';
import { manifestFacts } from '../../test/support/bundle.ts';
import { type TarFields, tarEnd, tarEntry } from '../../test/support/tar.ts';

/** A key that is no secret, so that the archives are the same every time: RFC 8032 §7.1, test 1. */
const SECRET = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const privateKey = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${SECRET}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
/** The key that signs every archive here, and that judges them trust. */
export const forgeKey: PublicKey = publicKeyOf(createPublicKey(privateKey));
const kid = Buffer.from(forgeKey.id, 'hex');

/** 2026-01-25T12:00:00Z, when all were sealed. */
export const MTIME: number = Date.parse(manifestFacts.sealed_at) / 1000;

export interface Content {
  readonly path: string;
  readonly content: Buffer;
}

/** What a good archive holds. Small, but with each folder. */
export const CONTENTS: readonly Content[] = [
  { path: `attestations/${'ef'.repeat(32)}.json`, content: Buffer.from('{"attestation":1}') },
  { path: `logs/${'ab'.repeat(32)}/checkpoint`, content: Buffer.from('example.com/log\n1\n') },
  { path: `logs/${'ab'.repeat(32)}/tile/0/000.p/1`, content: createHash('sha256').update('leaf').digest() },
  { path: 'tuf/1.root.json', content: Buffer.from('{"root":1}') },
  { path: 'tuf/timestamp.json', content: Buffer.from('{"timestamp":1}') },
];

/** A manifest over these contents, and anything else as told. */
export function manifestOf(contents: readonly Content[], more: Partial<Manifest> = {}): Manifest {
  const entries = contents.map(({ path, content }) => ({
    path,
    size: content.length,
    sha256: sha256Hex(content),
  }));
  return {
    ...manifestFacts,
    format: 'stella-bundle/v1',
    entries,
    entries_root: entriesRoot(entries),
    ...more,
  };
}

/** CBOR by hand: what an encoder would refuse to write must be writable. */
export const cbor = {
  head(major: number, value: number): Buffer {
    if (value < 24) return Buffer.of((major << 5) | value);
    if (value < 256) return Buffer.of((major << 5) | 24, value);
    const head = Buffer.alloc(3);
    head[0] = (major << 5) | 25;
    head.writeUInt16BE(value, 1);
    return head;
  },
  int: (value: number): Buffer => (value < 0 ? cbor.head(1, -1 - value) : cbor.head(0, value)),
  bytes: (value: Uint8Array): Buffer => Buffer.concat([cbor.head(2, value.length), value]),
  text: (value: string): Buffer =>
    Buffer.concat([cbor.head(3, Buffer.byteLength(value)), Buffer.from(value)]),
  array: (...items: Buffer[]): Buffer => Buffer.concat([cbor.head(4, items.length), ...items]),
  map: (...pairs: Buffer[]): Buffer => Buffer.concat([cbor.head(5, pairs.length / 2), ...pairs]),
  tag: (tag: number, item: Buffer): Buffer => Buffer.concat([cbor.head(6, tag), item]),
  nil: Buffer.of(0xf6),
};

/** The parts of a manifest.cose, any of which may be wrong. */
export interface CoseFields {
  readonly tag?: number;
  readonly body?: Buffer;
  readonly unprotected?: Buffer;
  readonly payload?: Buffer;
  readonly signer?: Buffer;
  readonly signerUnprotected?: Buffer;
  /** Bytes that are signed instead of the manifest. */
  readonly over?: Uint8Array;
  /** Changes the array of signatures. */
  readonly signatures?: (one: Buffer) => Buffer;
  readonly signature?: (good: Buffer) => Buffer;
}

export const bodyHeader: Buffer = cbor.map(
  cbor.int(3),
  cbor.text('application/vnd.stella.bundle-manifest+json'),
);
/** Header of a signature: alg and kid. */
export const signerHeader = (alg = -8, id: Uint8Array = kid): Buffer =>
  cbor.map(cbor.int(1), cbor.int(alg), cbor.int(4), cbor.bytes(id));

export function coseOf(manifest: Uint8Array, fields: CoseFields = {}): Buffer {
  const body = cbor.bytes(fields.body ?? bodyHeader);
  const signer = cbor.bytes(fields.signer ?? signerHeader());
  const payload = fields.over ?? manifest;
  const head = Buffer.alloc(5);
  head[0] = 0x5a;
  head.writeUInt32BE(payload.length, 1);
  const short = payload.length < 65536 ? cbor.head(2, payload.length) : head;
  const signed = Buffer.concat([
    Buffer.of(0x85),
    cbor.text('Signature'),
    body,
    signer,
    Buffer.of(0x40),
    short,
    payload,
  ]);
  const signature = (fields.signature ?? ((good) => good))(nodeSign(null, signed, privateKey));
  const one = cbor.array(signer, fields.signerUnprotected ?? cbor.map(), cbor.bytes(signature));
  const signatures = (fields.signatures ?? ((item) => cbor.array(item)))(one);
  const cose = cbor.array(body, fields.unprotected ?? cbor.map(), fields.payload ?? cbor.nil, signatures);
  return cbor.tag(fields.tag ?? 98, cose);
}

/** A tar entry of an archive here. */
export const entry = (fields: TarFields): Buffer => tarEntry({ mtime: MTIME, ...fields });

/** A file of a good archive; with an extended header where its path needs one. */
function fileOf({ path, content }: Content): Buffer {
  if (path.length <= 100) return entry({ path, content });
  const extended = entry({ path: 'PaxHeader', type: 'x', content: formatPaxPath(path) });
  return Buffer.concat([extended, entry({ path: 'PaxHeader', content })]);
}

/** What goes into an archive before it is compressed: tar bytes, a buffer for each frame. */
export interface Frames {
  readonly head: Buffer;
  readonly sections: readonly Buffer[];
}

/** The frames of a bundle over these contents. */
export function framesOf(
  contents: readonly Content[],
  manifest: Uint8Array = formatManifest(manifestOf(contents)),
  cose: Uint8Array = coseOf(manifest),
): Frames {
  const sections = new Map<string, Buffer[]>();
  for (const { path, content } of contents) {
    const name = path.split('/')[0]!;
    sections.set(name, [...(sections.get(name) ?? []), fileOf({ path, content })]);
  }
  const bodies = [...sections.values()].map((pieces) => Buffer.concat(pieces));
  return {
    head: headOf(manifest, cose),
    sections: [...bodies.slice(0, -1), Buffer.concat([bodies.at(-1) ?? Buffer.alloc(0), tarEnd])],
  };
}

export function headOf(manifest: Uint8Array, cose: Uint8Array): Buffer {
  return Buffer.concat([
    entry({ path: 'manifest.json', content: manifest }),
    entry({ path: 'manifest.cose', content: cose }),
  ]);
}

/** Compressed frames with the lengths that a true seek table gives them. */
export interface Packed {
  readonly frames: Buffer[];
  readonly table: FrameLengths[];
}

export async function pack({ head, sections }: Frames): Promise<Packed> {
  const frames: Buffer[] = [];
  const table: FrameLengths[] = [];
  for (const section of [head, ...sections]) {
    for (let at = 0; at < section.length; at += FRAME_LENGTH) {
      const raw = section.subarray(at, at + FRAME_LENGTH);
      const frame = await compressFrame(raw, 3);
      frames.push(frame);
      table.push({ compressed: frame.length, decompressed: raw.length });
    }
  }
  return { frames, table };
}

/** Frames and their seek table as one file. */
export const join = ({ frames, table }: Packed): Buffer => Buffer.concat([...frames, formatSeekTable(table)]);

/** Tar bytes in one frame without seek table, as `tar --zstd` writes them. */
export const repack = (...tar: Buffer[]): Buffer => zstdCompressSync(Buffer.concat(tar));

/** A skippable frame. */
export function skippable(content: Buffer, magic = 0x184d2a5e): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

/** A frame of RLE blocks: 4 bytes for every 128 KiB of output. */
export function bombFrame(length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let left = length; left > 0; left -= 131072) {
    const block = Buffer.alloc(4);
    block.writeUIntLE((Math.min(left, 131072) << 3) | (1 << 1) | (left <= 131072 ? 1 : 0), 0, 3);
    blocks.push(block);
  }
  return Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...blocks]);
}
