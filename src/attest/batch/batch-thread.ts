/** The code of one worker thread of a batch: gets pieces of work, answers with verdicts. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTrust } from '../authority/verifier-trust.ts';
import { type BatchPiece, type BatchRules, verifyPiece } from './batch.ts';

const rules = workerData as BatchRules;
const trust = loadTrust(rules.trust);
let turn: Promise<void> = Promise.resolve();

async function answer(piece: BatchPiece): Promise<void> {
  try {
    parentPort!.postMessage(await verifyPiece(piece, trust, rules));
  } catch (error) {
    parentPort!.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
}

parentPort!.on('message', (piece: BatchPiece) => {
  turn = turn.then(() => answer(piece));
});
parentPort!.postMessage('ready');
