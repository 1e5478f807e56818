/**
 * As much of the WebAssembly binary format (W3C core specification 2.0, §5) as one function over 128-bit vectors needs.
 */

export type Code = readonly number[];

/** Unsigned LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit number. */
function signed(value: number): Code {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const isLast = rest >= -64 && rest < 64;
    bytes.push((rest & 0x7f) | (isLast ? 0 : 0x80));
    if (isLast) return bytes;
  }
}

const vector = (opcode: number, ...operands: Code[]): Code => [0xfd, ...unsigned(opcode), ...operands.flat()];
/** No alignment is promised: hashes begin one byte after their prefix. */
const at = (offset: number): Code => [0, ...unsigned(offset)];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];
export const tee = (local: number): Code => [0x22, ...unsigned(local)];

export const i32 = {
  constant: (value: number): Code => [0x41, ...signed(value)],
  load8: (offset: number): Code => [0x2d, ...at(offset)],
  add: [0x6a] as Code,
  sub: [0x6b] as Code,
  shl: [0x74] as Code,
};

/** Four 32-bit lanes. */
export const v128 = {
  load: (offset: number): Code => vector(0, at(offset)),
  store: (offset: number): Code => vector(11, at(offset)),
  /** The same 32-bit number in each lane. */
  constant: (value: number): Code => {
    const lane = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
    return vector(12, lane, lane, lane, lane);
  },
  /** Picks 16 of the 32 bytes of two vectors. */
  shuffle: (bytes: readonly number[]): Code => vector(13, bytes),
  and: vector(78),
  or: vector(80),
  xor: vector(81),
  /** (first AND mask) OR (second AND NOT mask) */
  bitselect: vector(82),
  shl: (bits: number): Code => [...i32.constant(bits), ...vector(171)],
  shr: (bits: number): Code => [...i32.constant(bits), ...vector(173)],
  add: vector(174),
};

/** Repeats `body` until the i32 local `counter`, at least 1 at first, has been counted down to 0. */
export function countDown(counter: number, body: Code): Code {
  const repeat = [...get(counter), ...i32.constant(1), ...i32.sub, ...tee(counter), 0x0d, 0x00];
  return [0x03, 0x40, ...body, ...repeat, 0x0b];
}

const TYPE_I32 = 0x7f;
const TYPE_V128 = 0x7b;

/**
 * A module with one function `run`, whose parameters are i32 and whose further locals are i32 and then v128, and a memory
 * `memory` of so many pages of 64 KiB.
 */
export function assembleModule(shape: {
  readonly parameters: number;
  readonly i32Locals: number;
  readonly v128Locals: number;
  readonly pages: number;
  readonly code: Code;
}): Uint8Array<ArrayBuffer> {
  const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
  const text = (value: string): Code => list(Array.from(value, (c) => [c.charCodeAt(0)]));
  // Spreading 20,000 bytes as arguments is fine for arrays, which is all that happens here.
  const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
  const locals = list([
    [...unsigned(shape.i32Locals), TYPE_I32],
    [...unsigned(shape.v128Locals), TYPE_V128],
  ]);
  const body = [...locals, ...shape.code, 0x0b];
  const parameters = list(Array.from({ length: shape.parameters }, () => [TYPE_I32]));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list([[0x60, ...parameters, 0x00]])),
    ...section(3, list([[0]])),
    ...section(5, list([[0x00, ...unsigned(shape.pages)]])),
    ...section(
      7,
      list([
        [...text('run'), 0x00, 0],
        [...text('memory'), 0x02, 0],
      ]),
    ),
    ...section(10, list([[...unsigned(body.length), ...body]])),
  ]);
}
