import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 collect early rather than grow its heap: for commands that go through a bundle, whose manifest may have a
 * hundred thousand entries and whose time is spent in zstd, SHA-256 and writes, not in JavaScript.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size');
}
