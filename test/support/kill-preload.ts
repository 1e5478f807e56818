/**
 * Loaded before a command with `node --import`: counts the calls that change the disk, and kills the process just before
 * call number $KILL_AT (half of the bytes of a write go out first), or makes that call fail with $FAIL_WITH. At the end
 * it writes the names of the calls to $CALLS_FILE. $KILL_ALSO_AT names further calls to count, e.g. `fsyncSync`.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';

const fs = createRequire(import.meta.url)('node:fs') as Record<string, (...args: unknown[]) => unknown>;
const at = Number(process.env['KILL_AT'] ?? 0);
const failWith = process.env['FAIL_WITH'];
const callsFile = process.env['CALLS_FILE'];
const { writeFileSync, writeSync } = fs as unknown as typeof import('node:fs');
const calls: string[] = [];
/** Descriptors that are open for writing. What is done to others changes nothing. */
const written = new Set<unknown>();

for (const name of [
  'openSync',
  'writeSync',
  'closeSync',
  'renameSync',
  'mkdirSync',
  'mkdtempSync',
  'rmSync',
  ...(process.env['KILL_ALSO_AT']?.split(',') ?? []),
]) {
  const original = fs[name]!;
  fs[name] = (...args: unknown[]) => {
    if (name === 'openSync' && args[1] === 'r') return original(...args);
    if (name === 'closeSync' && !written.delete(args[0])) return original(...args);
    calls.push(name);
    if (calls.length === at) {
      // A full disk keeps nobody from removing or closing files.
      if (failWith && name !== 'rmSync' && name !== 'closeSync')
        throw Object.assign(new Error(`${failWith}: ${name}`), { code: failWith });
      if (!failWith && name === 'writeSync') {
        const [fd, bytes] = args as [number, Uint8Array];
        writeSync(fd, bytes, 0, bytes.length >> 1);
      }
      if (!failWith) process.kill(process.pid, 'SIGKILL');
    }
    const result = original(...args);
    if (name === 'openSync') written.add(result);
    return result;
  };
}
syncBuiltinESMExports();
if (callsFile) process.on('exit', () => writeFileSync(callsFile, JSON.stringify(calls)));
