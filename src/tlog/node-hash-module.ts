import { assembleModule, type Code, countDown, get, i32, set, tee, v128 } from './wasm-assembler.ts';

/**
 * SHA-256(0x01 ‖ left ‖ right) for four pairs at once, as WebAssembly: lane n of every vector belongs to pair n.
 *
 * The 65 bytes are two blocks (FIPS 180-4 §5.1.1). All of the second block but its first byte is padding, so its message
 * schedule is one of 256 known ones, and comes from a table.
 */

/** FIPS 180-4 §4.2.2 and §5.3.3: from the fractional parts of cube roots and square roots of the first primes. */
const roundConstants = (): readonly number[] => firstPrimes(64).map((prime) => fraction(prime, 3n));
const initialHash = (): readonly number[] => firstPrimes(8).map((prime) => fraction(prime, 2n));

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n += 1) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}

/** The first 32 bits of the fractional part of `n`'s root of this degree. */
function fraction(n: number, degree: bigint): number {
  const scaled = BigInt(n) << (32n * degree);
  let [low, high] = [0n, 1n << 40n];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle ** degree <= scaled) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn);
}

/** Bytes of one message schedule, and of the table of all 256, which is at address 0. */
const SCHEDULE_BYTES = 256;
export const TABLE_BYTES = 256 * SCHEDULE_BYTES;
/** Where hashes begin. The byte before them is read (and ignored). */
export const BUFFER_ADDRESS = TABLE_BYTES + 64;
/** Hashes that fit, and room for three pairs more that the last group of four may have too many. */
export const BUFFER_HASHES = 32 * 1024;
const PAGES = Math.ceil((BUFFER_ADDRESS + BUFFER_HASHES * 32 + 4 * 64) / 65_536);

const rotate = (value: number, bits: number) => (value >>> bits) | (value << (32 - bits));

/** For each last byte of `right`, the 64 sums of round constant and schedule word of the second block, little-endian. */
export function secondBlockTable(): Uint8Array {
  const table = new DataView(new ArrayBuffer(TABLE_BYTES));
  const constants = roundConstants();
  for (let last = 0; last < 256; last += 1) {
    const words = new Array<number>(64).fill(0);
    words[0] = (last << 24) | 0x80_00_00;
    words[15] = 65 * 8;
    for (let t = 16; t < 64; t += 1) {
      const [a, b] = [words[t - 15]!, words[t - 2]!];
      const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
      const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
      words[t] = (words[t - 16]! + s0 + words[t - 7]! + s1) | 0;
    }
    words.forEach((word, t) => {
      table.setUint32(last * SCHEDULE_BYTES + t * 4, (word + constants[t]!) >>> 0, true);
    });
  }
  return new Uint8Array(table.buffer);
}

// Parameters and locals of the function.
const INPUT = 0;
const OUTPUT = 1;
const GROUPS = 2;
const SCHEDULES = [3, 4, 5, 6]; // address of each lane's second block schedule
const FIRST_VECTOR = 7;
const WORDS = range(FIRST_VECTOR, 16);
const STATE = range(FIRST_VECTOR + 16, 8);
const CHAIN = range(FIRST_VECTOR + 24, 8);
const [SUM, T0, T1, T2, T3] = range(FIRST_VECTOR + 32, 5) as [number, number, number, number, number];

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** Bytes of word `n` of a vector, as they are or in the opposite order. */
const word = (n: number, swapped: boolean) =>
  (swapped ? [3, 2, 1, 0] : [0, 1, 2, 3]).map((byte) => 4 * n + byte);
const LOW_WORDS = (swapped: boolean) => [0, 4, 1, 5].flatMap((n) => word(n, swapped));
const HIGH_WORDS = (swapped: boolean) => [2, 6, 3, 7].flatMap((n) => word(n, swapped));
const LOW_HALVES = range(0, 8).concat(range(16, 8));
const HIGH_HALVES = range(8, 8).concat(range(24, 8));

/** Turns four rows of four words into four columns, optionally reversing the bytes of each word. */
function transpose(rows: readonly Code[], swapped: boolean, columns: readonly number[]): Code {
  const [a, b, c, d] = rows as [Code, Code, Code, Code];
  const pair = (x: Code, y: Code, low: number, high: number): Code => [
    ...x, ...tee(low), ...y, ...tee(high), ...v128.shuffle(LOW_WORDS(swapped)),
    ...get(low), ...get(high), ...v128.shuffle(HIGH_WORDS(swapped)), ...set(high), ...set(low),
  ]; // biome-ignore format: one instruction sequence
  return [
    ...pair(a, b, T0, T1),
    ...pair(c, d, T2, T3),
    ...get(T0),
    ...get(T2),
    ...v128.shuffle(LOW_HALVES),
    ...set(columns[0]!),
    ...get(T0),
    ...get(T2),
    ...v128.shuffle(HIGH_HALVES),
    ...set(columns[1]!),
    ...get(T1),
    ...get(T3),
    ...v128.shuffle(LOW_HALVES),
    ...set(columns[2]!),
    ...get(T1),
    ...get(T3),
    ...v128.shuffle(HIGH_HALVES),
    ...set(columns[3]!),
  ];
}

/** XOR of rotations (two shifts each) and at most one plain shift. */
function mixed(x: number, rotations: readonly number[], shift?: number): Code {
  const terms = rotations.flatMap((bits) => [
    [...get(x), ...v128.shr(bits)],
    [...get(x), ...v128.shl(32 - bits)],
  ]);
  if (shift !== undefined) terms.push([...get(x), ...v128.shr(shift)]);
  return terms.flatMap((term, i) => (i === 0 ? term : [...term, ...v128.xor]));
}

/** One round; `t` decides which local plays which of the eight working variables. */
function round(t: number, constantAndWord: Code): Code {
  const variable = (n: number) => STATE[(n - t + 64) % 8]!;
  const [a, b, c, d, e, f, g, h] = range(0, 8).map(variable) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return [
    ...get(h),
    ...constantAndWord,
    ...v128.add,
    ...get(f),
    ...get(g),
    ...get(e),
    ...v128.bitselect,
    ...v128.add,
    ...mixed(e, [6, 11, 25]),
    ...v128.add,
    ...tee(SUM),
    ...get(d),
    ...v128.add,
    ...set(d),
    // Majority: where a and b differ c decides, elsewhere a.
    ...get(c),
    ...get(a),
    ...get(a),
    ...get(b),
    ...v128.xor,
    ...v128.bitselect,
    ...mixed(a, [2, 13, 22]),
    ...v128.add,
    ...get(SUM),
    ...v128.add,
    ...set(h),
  ];
}

function firstBlock(): Code {
  const [constants, initial] = [roundConstants(), initialHash()];
  const load: Code[] = range(0, 4).map((quarter) =>
    // One byte early, since the prefix 0x01 comes before the hashes.
    transpose(
      range(0, 4).map((lane) => [
        ...get(INPUT),
        ...i32.constant(1),
        ...i32.sub,
        ...v128.load(64 * lane + 16 * quarter),
      ]),
      true,
      WORDS.slice(4 * quarter, 4 * quarter + 4),
    ),
  );
  const prefix = [
    ...get(WORDS[0]!),
    ...v128.constant(0x00ffffff),
    ...v128.and,
    ...v128.constant(0x01000000),
    ...v128.or,
    ...set(WORDS[0]!),
  ];
  const begin = STATE.flatMap((local, i) => [...v128.constant(initial[i]!), ...set(local)]);
  const rounds = range(0, 64).map((t) => {
    const w = (n: number) => WORDS[n % 16]!;
    const expand =
      t < 16
        ? get(w(t))
        : [
            ...get(w(t)),
            ...get(w(t - 7)),
            ...v128.add,
            ...mixed(w(t - 15), [7, 18], 3),
            ...v128.add,
            ...mixed(w(t - 2), [17, 19], 10),
            ...v128.add,
            ...tee(w(t)),
          ];
    return round(t, [...expand, ...v128.constant(constants[t]!), ...v128.add]);
  });
  const chain = STATE.flatMap((local, i) => [
    ...get(local),
    ...v128.constant(initial[i]!),
    ...v128.add,
    ...tee(local),
    ...set(CHAIN[i]!),
  ]);
  return [...load.flat(), ...prefix, ...begin, ...rounds.flat(), ...chain];
}

function secondBlock(): Code {
  const schedules = SCHEDULES.flatMap((local, lane) => [
    ...get(INPUT),
    ...i32.load8(64 * lane + 63),
    ...i32.constant(Math.log2(SCHEDULE_BYTES)),
    ...i32.shl,
    ...set(local),
  ]);
  const rounds = range(0, 16).map((four) => [
    ...transpose(
      SCHEDULES.map((local) => [...get(local), ...v128.load(16 * four)]),
      false,
      WORDS.slice(0, 4),
    ),
    ...range(0, 4).flatMap((i) => round(4 * four + i, get(WORDS[i]!))),
  ]);
  const finish = STATE.flatMap((local, i) => [...get(local), ...get(CHAIN[i]!), ...v128.add, ...set(local)]);
  const store = [0, 1].flatMap((half) => [
    ...transpose(STATE.slice(4 * half, 4 * half + 4).map(get), true, WORDS.slice(0, 4)),
    ...range(0, 4).flatMap((lane) => [
      ...get(OUTPUT),
      ...get(WORDS[lane]!),
      ...v128.store(32 * lane + 16 * half),
    ]),
  ]);
  return [...schedules, ...rounds.flat(), ...finish, ...store];
}

function advance(local: number, bytes: number): Code {
  return [...get(local), ...i32.constant(bytes), ...i32.add, ...set(local)];
}

/**
 * The module: `run(input, output, groups)` hashes `groups` ≥ 1 groups of four pairs of hashes from address `input` on, and
 * writes the parents from `output` on, which may be `input` itself. The caller fills the table at address 0.
 */
export function nodeHashModule(): Uint8Array<ArrayBuffer> {
  const group = [...firstBlock(), ...secondBlock(), ...advance(INPUT, 4 * 64), ...advance(OUTPUT, 4 * 32)];
  return assembleModule({
    parameters: 3,
    i32Locals: SCHEDULES.length,
    v128Locals: WORDS.length + STATE.length + CHAIN.length + 5,
    pages: PAGES,
    code: countDown(GROUPS, group),
  });
}
