/** DER elements (ITU-T X.690), written rather than read. */
export function tlv(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 1 ? `0${digits}` : digits, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

export const sequence = (...content: readonly Uint8Array[]) => tlv(0x30, ...content);
export const setOf = (...content: readonly Uint8Array[]) => tlv(0x31, ...content);
export const octets = (...content: readonly Uint8Array[]) => tlv(0x04, ...content);
export const bits = (content: Uint8Array, unused = 0) => tlv(0x03, Buffer.from([unused]), content);
export const boolean = (value: boolean) => tlv(0x01, Buffer.from([value ? 0xff : 0]));
export const nothing = () => tlv(0x05);
export const utf8 = (text: string) => tlv(0x0c, Buffer.from(text));

export function integer(value: number): Buffer {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 1 ? `0${digits}` : digits, 'hex');
  return tlv(0x02, ...(bytes[0]! >= 0x80 ? [Buffer.from([0])] : []), bytes);
}

export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

/** Whole seconds in UTC as `YYYYMMDDHHMMSSZ`, with a fraction where there is one. */
export function generalizedTime(instant: number): Buffer {
  const text = new Date(instant).toISOString().replaceAll(/[-:T]/g, '');
  return tlv(
    0x18,
    Buffer.from(text.replace('.000Z', 'Z').replace(/0+Z$/, instant % 1000 === 0 ? '$&' : 'Z')),
  );
}

/** For years up to 2049. */
export function utcTime(instant: number): Buffer {
  const text = new Date(instant).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return tlv(0x17, Buffer.from(text.slice(2)));
}
