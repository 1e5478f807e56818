import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Real inputs published by others, kept beside the project; tests that need them are skipped where they are absent. */
export const real = fileURLToPath(new URL('../../../shared/real/', import.meta.url));
export const realIsPresent = existsSync(`${real}README.md`);
if (!realIsPresent) console.warn('skipping tests on real inputs: ../shared/real is not here');
