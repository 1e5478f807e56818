import { BUFFER_ADDRESS, BUFFER_HASHES, nodeHashModule, secondBlockTable } from './node-hash-module.ts';

/** What the host has of WebAssembly, as far as it is used here; absent under `--jitless`. */
interface Host {
  readonly WebAssembly?: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly run: (input: number, output: number, groups: number) => void;
}

export interface NodeHasher {
  /** 32 bytes each, as many as fit. */
  readonly buffer: Uint8Array;
  /** Replaces the first 2 · `pairs` hashes in the buffer by the hashes of their parents. */
  readonly hashPairs: (pairs: number) => void;
}

export { BUFFER_HASHES };

/** A hasher of four nodes at once; `undefined` where the host cannot run it. */
export function vectorHasher(): NodeHasher | undefined {
  const { WebAssembly } = globalThis as Host;
  if (!WebAssembly) return undefined;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(nodeHashModule()));
  const { memory, run } = instance.exports as Exports;
  new Uint8Array(memory.buffer).set(secondBlockTable());
  return {
    buffer: new Uint8Array(memory.buffer, BUFFER_ADDRESS, BUFFER_HASHES * 32),
    hashPairs: (pairs) => {
      if (pairs > 0) run(BUFFER_ADDRESS, BUFFER_ADDRESS, Math.ceil(pairs / 4));
    },
  };
}
