import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 collect early rather than grow its heap while a manifest is read, which may have a hundred thousand entries: a
 * heap that has grown is not given back. What comes after makes little garbage that lives, and is quicker with V8's
 * ordinary ways, as long as new space does not grow.
 * @returns to be called once the manifest has been read
 */
export function keepHeapSmall(): () => void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
  return () => setFlagsFromString('--no-optimize-for-size');
}
