/** The modules that run as worker threads: every bundle has them beside it. */
export const THREADS: Readonly<Record<string, string>> = {
  'batch-thread': 'src/attest/batch/batch-thread.ts',
  'tile-thread': 'src/logs/tile-thread.ts',
  'digest-thread': 'src/base/digest-thread.ts',
};
