import { execFileSync } from 'node:child_process';

/** The journeys run the built command as a process: build it once before all tests. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build.ts', '--no-types'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
