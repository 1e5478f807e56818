/** The code of the worker thread that hashes one file: answers with its SHA-256, or with nothing if it cannot be read. */

import { parentPort, workerData } from 'node:worker_threads';
import type { Sha256Hex } from './bytes.ts';
import { isStellaError } from './errors.ts';
import { fileSha256 } from './files.ts';

function answer(path: string): Sha256Hex | undefined {
  try {
    return fileSha256(path);
  } catch (error) {
    if (isStellaError(error)) return undefined;
    throw error;
  }
}

parentPort!.postMessage(answer(workerData as string));
