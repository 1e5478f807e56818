/** The code of the worker thread that hashes one file: answers with its SHA-256 in hexadecimal digits. */
import { parentPort, workerData } from 'node:worker_threads';
import { fileSha256 } from './files.ts';

parentPort!.postMessage(fileSha256(workerData as string));
