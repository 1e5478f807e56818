import { expect, test } from 'vitest';
import { parseByteSize } from '../../src/base/byte-size.ts';
import { refusal } from '../support/errors.ts';

test.each([
  ['4GiB', 4 * 2 ** 30],
  ['1.5 MiB', 1.5 * 2 ** 20],
  ['700MB', 7e8],
  ['1000000', 1e6],
  ['12B', 12],
])('size %s', (text, bytes) => expect(parseByteSize(text)).toBe(bytes));
test.each(['', '4 gib', '-1', '0', '1e9', '9999999TiB', '4GiB ', 'GiB'])(
  'size %j is refused',
  async (text) => {
    await refusal('USAGE', () => parseByteSize(text));
  },
);
