/**
 * Bundles the library into dist/, with its type declarations, and the command into dist/cli/. Equal sources give equal
 * files. What was there is replaced at once, so that a stella that runs from it meanwhile finds one build or the other.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { commandBundle } from './command-bundle.ts';
import { THREADS } from './threads.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const [target, next, old] = [`${root}dist`, `${root}.dist-${process.pid}`, `${root}.dist-old-${process.pid}`];
try {
  await build({
    cwd: root,
    input: {
      index: 'src/index.ts',
      ...THREADS,
    },
    platform: 'node',
    // Dependencies stay packages, so that their updates need no new stella.
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    output: { dir: next, format: 'esm', chunkFileNames: 'chunks/[name]-[hash].js' },
  });
  await build(commandBundle(root, `${next}/cli`));
  if (!process.argv.includes('--no-types')) {
    execFileSync(
      process.execPath,
      [`${root}node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json', '--outDir', `${next}/types`],
      { cwd: root, stdio: 'inherit' },
    );
  }
  const before = existsSync(target) ? readdirSync(target) : [];
  // Executables stay until build:sea makes new ones.
  for (const name of before.filter((one) => /^stella(?:-linux-\w+)?$/.test(one)))
    renameSync(`${target}/${name}`, `${next}/${name}`);
  if (before.length > 0) renameSync(target, old);
  renameSync(next, target);
} finally {
  for (const directory of [next, old]) rmSync(directory, { recursive: true, force: true });
}
