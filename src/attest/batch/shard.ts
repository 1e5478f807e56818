import { excerpt, formatHex, formatUtf8, sha256, sha256Stream } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { type FoundInput, isInputFile } from '../document/find.ts';
import { isLongFile } from '../document/inputs.ts';
import type { BatchPiece } from './batch.ts';
import type { ShardBinding } from './binding.ts';

/** One of several runs that share their inputs. */
export interface Shard {
  /** From 1 to {@link count}. */
  readonly index: number;
  readonly count: number;
}

const MOST_SHARDS = 100_000;

/**
 * `3/8` → the third of eight; `completion/8` → the one that an Indexed Job of Kubernetes wants.
 * @param completion `JOB_COMPLETION_INDEX`, which counts from 0
 * @throws StellaError USAGE
 */
export function parseShard(text: string, completion?: string): Shard {
  if (text.startsWith('completion/')) {
    if (completion === undefined || !/^\d{1,6}$/.test(completion))
      throw new StellaError('USAGE', '$JOB_COMPLETION_INDEX is not set to a number', {
        hint: 'it is set in the pods of a Job with completionMode: Indexed; elsewhere write --shard I/N',
      });
    return parseShard(`${Number(completion) + 1}/${text.slice('completion/'.length)}`);
  }
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (count === undefined || shard.index < 1 || shard.index > shard.count || shard.count > MOST_SHARDS) {
    throw new StellaError('USAGE', `not a shard: ${excerpt(text)}`, {
      hint: 'write it as I/N with I from 1 to N, e.g. --shard 3/8',
    });
  }
  return shard;
}

/** Which of `count` shards a name belongs to, from 1: the same in every run, whatever else there is. */
export function shardOf(name: string, count: number): number {
  // 48 of the 256 bits stay exact in a number, and are far more than the fairness of any count needs.
  return (Buffer.from(sha256(formatUtf8(name))).readUIntBE(0, 6) % count) + 1;
}

/** Takes a shard's share out of all inputs, and remembers what all inputs were. */
export class ShardSelection {
  readonly shard: Shard;
  readonly #hash = sha256Stream();
  #binding: ShardBinding | undefined;
  #inputs = 0;

  constructor(shard: Shard) {
    this.shard = shard;
  }

  /** Says what the inputs are judged by. */
  bind(binding: ShardBinding): void {
    this.#binding = binding;
  }

  /** The files of this shard, and those that are shared line by line. */
  *files(all: Iterable<FoundInput>): Generator<FoundInput> {
    for (const file of all) {
      this.#inputs += 1;
      const isLong = isInputFile(file) && isLongFile(file);
      this.#hash.update(formatUtf8(`${file.name}\0${isLong ? file.size : ''}\0`));
      if (isLong || this.#holds(file.name)) yield file;
    }
  }

  /** Of long files, the blocks of lines of this shard. */
  *pieces(all: Iterable<BatchPiece>): Generator<BatchPiece> {
    for (const piece of all) if (this.#isMine(piece)) yield piece;
  }

  /** Only long files are shared; the others were chosen before. */
  #isMine(piece: BatchPiece): boolean {
    if ('lines' in piece && isLongFile(piece.lines.file))
      return this.#holds(`${piece.lines.file.name}#${piece.lines.first}`);
    if ('inputs' in piece && piece.file && isLongFile(piece.file)) return this.#holds(piece.file.name);
    return true;
  }

  /** Call it once, when everything has been read. */
  inputs(): { readonly inputs: number; readonly inputs_sha256: string } & ShardBinding {
    if (!this.#binding) throw new StellaError('INTERNAL', 'a shard was not bound to its rules');
    return { ...this.#binding, inputs: this.#inputs, inputs_sha256: formatHex(this.#hash.digest()) };
  }

  #holds(name: string): boolean {
    return shardOf(name, this.shard.count) === this.shard.index;
  }
}
