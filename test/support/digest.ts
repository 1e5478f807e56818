import { parseSha256Hex, type Sha256Hex } from '../../src/base/bytes.ts';

/** The SHA-256 that consists of these digits again and again. */
export const repeatedDigest = (digits: string): Sha256Hex =>
  parseSha256Hex(digits.repeat(64 / digits.length))!;
