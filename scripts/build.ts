/** Bundles the library and the command into dist/, with the type declarations of the library. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
await build({
  cwd: root,
  input: {
    index: 'src/index.ts',
    stella: 'src/cli/stella.ts',
    // Run as worker threads.
    'batch-thread': 'src/attest/batch-thread.ts',
    'tile-thread': 'src/logs/tile-thread.ts',
  },
  platform: 'node',
  // Dependencies stay packages, so that their updates need no new stella.
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  output: { dir: 'dist', format: 'esm', chunkFileNames: 'chunks/[name]-[hash].js' },
});
if (!process.argv.includes('--no-types')) {
  execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
}
