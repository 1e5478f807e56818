import { addDuration, type Duration, type Instant, instant, milliseconds } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/codes.ts';
import { StellaError } from '../../base/errors.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Where one DER element (ITU-T X.690 §10) lies in its buffer: header from `start`, content from `content` to `end`. */
export interface Element {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** Walks the DER elements of `bytes[at, end)` in order, copying nothing. */
export class DerReader {
  readonly bytes: Buffer;
  readonly end: number;
  readonly code: ErrorCode;
  at: number;

  /** @param code the code of the StellaError for anything malformed */
  constructor(bytes: Buffer, code: ErrorCode, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.code = code;
    this.at = at;
    this.end = end;
  }

  refuse(problem: string): never {
    throw new StellaError(this.code, `malformed DER: ${problem}`);
  }

  isDone(): boolean {
    return this.at >= this.end;
  }

  /** The tag of the next element, or -1 at the end. */
  get peek(): number {
    return this.at < this.end ? this.bytes[this.at]! : -1;
  }

  next(tag?: number): Element {
    const start = this.at;
    if (start + 2 > this.end) this.refuse('it ends too early');
    const found = this.bytes[start]!;
    if ((found & 0x1f) === 0x1f) this.refuse('tag numbers above 30 are not used');
    if (tag !== undefined && found !== tag)
      this.refuse(`tag ${found.toString(16)} where ${tag.toString(16)} belongs`);
    let length = this.bytes[start + 1]!;
    let content = start + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4 || content + count > this.end) this.refuse('bad length');
      length = this.bytes.readUIntBE(content, count);
      content += count;
      if (length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1)))) this.refuse('length not minimal');
    }
    const end = content + length;
    if (end > this.end) this.refuse('it ends too early');
    this.at = end;
    return { tag: found, start, content, end };
  }

  /** The next element if it has this tag. */
  optional(tag: number): Element | undefined {
    return this.peek === tag ? this.next() : undefined;
  }

  /** A reader over the inside of an element. */
  inside(element: Element): DerReader {
    return new DerReader(this.bytes, this.code, element.content, element.end);
  }

  /** Enters the next element, which must have this tag. */
  enter(tag: number): DerReader {
    return this.inside(this.next(tag));
  }

  /** Refuses anything that is left over. */
  finish(): void {
    if (!this.isDone()) this.refuse('trailing data');
  }

  content(element: Element): Buffer {
    return this.bytes.subarray(element.content, element.end);
  }

  /** The element with its header. */
  whole(element: Element): Buffer {
    return this.bytes.subarray(element.start, element.end);
  }

  /** An object identifier as the bytes of its content, each a character, which is all that comparing needs. */
  oid(): string {
    const element = this.next(TAG.oid);
    return this.bytes.toString('latin1', element.content, element.end);
  }

  boolean(): boolean {
    const element = this.next(TAG.boolean);
    const value = this.bytes[element.content];
    if (element.end - element.content !== 1 || (value !== 0 && value !== 0xff)) this.refuse('bad boolean');
    return value === 0xff;
  }

  /** A small non-negative integer. */
  smallInteger(): number {
    const element = this.next(TAG.integer);
    const length = element.end - element.content;
    if (length < 1 || length > 4 || this.bytes[element.content]! >= 0x80) this.refuse('integer out of range');
    return this.bytes.readUIntBE(element.content, length);
  }

  /** UTCTime or GeneralizedTime (RFC 5280 §4.1.2.5; fractions of a second as RFC 3161 §2.4.2 allows). */
  time(): Instant {
    const element = this.next();
    const isLong = element.tag === TAG.generalizedTime;
    if (!isLong && element.tag !== TAG.utcTime) this.refuse('bad time');
    const yearEnd = element.content + (isLong ? 4 : 2);
    const secondEnd = yearEnd + 10;
    if (this.bytes[element.end - 1] !== 0x5a || element.end <= secondEnd) this.refuse('bad time');
    let year = this.#digits(element.content, yearEnd);
    if (!isLong) year += year >= 50 ? 1900 : 2000;
    const two = (at: number) => this.#digits(yearEnd + at, yearEnd + at + 2);
    const [month, day, hour, minute, second] = [two(0), two(2), two(4), two(6), two(8)];
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = month === 2 && isLeap ? 29 : DAYS[month];
    // Date.UTC takes years below 100 for years of the twentieth century.
    if (year < 100 || days === undefined || day < 1 || day > days || hour > 23 || minute > 59 || second > 59)
      this.refuse('no such time');
    const time = instant(Date.UTC(year, month - 1, day, hour, minute, second));
    return secondEnd === element.end - 1
      ? time
      : addDuration(time, this.#fraction(secondEnd, element.end - 1, isLong));
  }

  #digits(from: number, to: number): number {
    let value = 0;
    for (let at = from; at < to; at += 1) {
      const digit = this.bytes[at]! - 0x30;
      if (!(digit >= 0 && digit <= 9)) this.refuse('bad time');
      value = value * 10 + digit;
    }
    return value;
  }

  /** `.123`, whole milliseconds of it. */
  #fraction(from: number, to: number, isAllowed: boolean): Duration {
    if (!isAllowed || this.bytes[from] !== 0x2e || to - from < 2 || to - from > 10) this.refuse('bad time');
    return milliseconds(Math.floor((this.#digits(from + 1, to) * 1000) / 10 ** (to - from - 1)));
  }
}

/** Days of each month, January at 1; February without the leap day. */
const DAYS = [undefined, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A DER header for `length` bytes of content. */
export function formatDerHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  const count = length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
  const header = Buffer.alloc(2 + count);
  header[0] = tag;
  header[1] = 0x80 | count;
  header.writeUIntBE(length, 2, count);
  return header;
}

/** Dotted decimal → the text that {@link DerReader.oid} gives. */
export function oidOf(dotted: string): string {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) | 0x80);
    bytes.push(...digits);
  }
  return Buffer.from(bytes).toString('latin1');
}
