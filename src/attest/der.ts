import type { Instant } from '../base/clock.ts';
import type { ErrorCode } from '../base/codes.ts';
import { StellaError } from '../base/errors.ts';

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

  get done(): boolean {
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
    if (!this.done) this.refuse('trailing data');
  }

  content(element: Element): Buffer {
    return this.bytes.subarray(element.content, element.end);
  }

  /** The element with its header. */
  whole(element: Element): Buffer {
    return this.bytes.subarray(element.start, element.end);
  }

  /** An object identifier as the hexadecimal digits of its content, which is all that comparing needs. */
  oid(): string {
    const element = this.next(TAG.oid);
    return this.bytes.toString('hex', element.content, element.end);
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
    const text = this.bytes.toString('latin1', element.content, element.end);
    let match: RegExpExecArray | null = null;
    if (element.tag === TAG.generalizedTime)
      match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
    else if (element.tag === TAG.utcTime) match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
    if (!match) return this.refuse('bad time');
    let year = Number(match[1]);
    if (element.tag === TAG.utcTime) year += year >= 50 ? 1900 : 2000;
    const [month, day, hour, minute, second] = match.slice(2, 7).map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const instant = Date.UTC(year, month - 1, day, hour, minute, second);
    const date = new Date(instant);
    if (
      month < 1 ||
      date.getUTCMonth() !== month - 1 ||
      date.getUTCDate() !== day ||
      hour > 23 ||
      minute > 59 ||
      second > 59
    )
      this.refuse('no such time');
    return instant + Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000);
  }
}

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

/** Dotted decimal → the hexadecimal digits that {@link DerReader.oid} gives. */
export function oidOf(dotted: string): string {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) | 0x80);
    bytes.push(...digits);
  }
  return Buffer.from(bytes).toString('hex');
}
