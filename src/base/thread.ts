import { Worker } from 'node:worker_threads';

let embedded: ((name: string) => string) | undefined;

/** Has threads run code that the executable carries, instead of files beside the program. */
export function embedThreadCode(codeOf: (name: string) => string): void {
  embedded = codeOf;
}

/**
 * Starts a worker thread.
 * @param name of its module, without extension
 * @param importer `import.meta.url` of a module in the same folder of the source
 */
export function startThread(name: string, importer: string, workerData?: unknown): Worker {
  if (embedded) return new Worker(embedded(name), { eval: true, workerData });
  if (importer.endsWith('.ts')) return new Worker(new URL(`./${name}.ts`, importer), { workerData });
  // The built command has all code in one folder; the built library has the threads beside its entry, and most in chunks.
  const file = importer.endsWith('.cjs')
    ? `./${name}.cjs`
    : `${importer.includes('/chunks/') ? '..' : '.'}/${name}.js`;
  const url = new URL(file, importer);
  return new Worker(url, { workerData });
}
