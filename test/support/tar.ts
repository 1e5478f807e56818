/** Fields of a tar entry, any of which may be wrong. */
export interface TarFields {
  readonly path: string | Uint8Array;
  /** The type flag; `0` unless told otherwise. */
  readonly type?: string;
  readonly content?: Uint8Array;
  /** What the header says; the length of the content unless told otherwise. */
  readonly size?: number;
  /** The size field itself, 12 characters. */
  readonly sizeField?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly mtime?: number;
  readonly linkname?: string;
  readonly magic?: string;
  readonly uname?: string;
  readonly devmajor?: number;
  readonly prefix?: string;
  /** Added to the right checksum. */
  readonly checksum?: number;
  /** The byte that pads the content. */
  readonly padding?: number;
}

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')} `;

/** A tar header as format v1 has it, but for the fields given. Written here anew, apart from what it tests. */
export function tarBlock(fields: TarFields): Buffer {
  const block = Buffer.alloc(512);
  const size = fields.size ?? fields.content?.length ?? 0;
  const { path } = fields;
  (typeof path === 'string' ? Buffer.from(path) : Buffer.from(path)).copy(block, 0, 0, 100);
  block.write(octal(fields.mode ?? 0o644, 6), 100, 'latin1');
  block.write(octal(fields.uid ?? 0, 6), 108, 'latin1');
  block.write(octal(0, 6), 116, 'latin1');
  block.write(fields.sizeField ?? octal(size, 11), 124, 12, 'latin1');
  block.write(octal(fields.mtime ?? 1000, 11), 136, 12, 'latin1');
  block.write(fields.type ?? '0', 156, 1, 'latin1');
  block.write(fields.linkname ?? '', 157, 100, 'latin1');
  block.write(fields.magic ?? 'ustar\x0000', 257, 8, 'latin1');
  block.write(fields.uname ?? '', 265, 32, 'latin1');
  block.write(octal(fields.devmajor ?? 0, 6), 329, 'latin1');
  block.write(octal(0, 6), 337, 'latin1');
  block.write(fields.prefix ?? '', 345, 155, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum + (fields.checksum ?? 0), 6)}\0`, 148, 8, 'latin1');
  return block;
}

/** A whole entry: header, content, padding. */
export function tarEntry(fields: TarFields): Buffer {
  const content = fields.content ?? new Uint8Array(0);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512, fields.padding ?? 0);
  return Buffer.concat([tarBlock(fields), content, padding]);
}

/** The two zero blocks that end a tar stream. */
export const tarEnd: Buffer = Buffer.alloc(1024);
