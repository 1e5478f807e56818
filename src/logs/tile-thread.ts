/** The code of one worker thread that hashes tiles: gets pieces, answers with their hashes. */
import { parentPort } from 'node:worker_threads';
import { isStellaError } from '../base/errors.ts';
import { hashPiece, type TileAnswer, type TilePiece } from './tile-hashes.ts';

function answer(piece: TilePiece): TileAnswer {
  try {
    return { hashes: hashPiece(piece) };
  } catch (error) {
    if (isStellaError(error)) return { code: error.code, message: error.message };
    return { code: 'INTERNAL', message: String(error) };
  }
}

parentPort!.on('message', (piece: TilePiece) => parentPort!.postMessage(answer(piece)));
