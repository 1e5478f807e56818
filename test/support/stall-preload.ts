/**
 * Loaded before a command with `node --import`, to interrupt it at a moment that is certain. When a file whose path matches
 * $STALL_AT is opened without blocking, the file $STALLED appears and the opening never ends; with $TELL_AT the file appears
 * and the opening takes its course. When one that matches
 * $SIGNAL_AT is opened by a blocking call, or before blocking call number $SIGNAL_CALL that changes the disk, the process
 * sends itself $SIGNAL. The number of such calls goes to $CALLS_FILE.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

type Calls = Record<string, (...args: unknown[]) => unknown>;
const require = createRequire(import.meta.url);
const fs = require('node:fs') as Calls;
const promises = require('node:fs/promises') as Calls;
const { writeFileSync } = fs as unknown as typeof import('node:fs');
const pattern = (name: string) => new RegExp(process.env[name] ?? '(?!)');
const [stallAt, tellAt, signalAt] = [pattern('STALL_AT'), pattern('TELL_AT'), pattern('SIGNAL_AT')];
const signal = (process.env['SIGNAL'] ?? 'SIGINT') as NodeJS.Signals;
const callsFile = process.env['CALLS_FILE'];
const signalCall = Number(process.env['SIGNAL_CALL'] ?? -1);

/** Whether to stop here for ever, told to whoever waits for it. */
function isStalled(path: unknown): boolean {
  const stalls = stallAt.test(String(path));
  if (!stalls && !tellAt.test(String(path))) return false;
  writeFileSync(process.env['STALLED']!, '');
  if (stalls) setInterval(() => {}, 1000);
  return stalls;
}

const open = fs['open']!;
fs['open'] = (...args) => (isStalled(args[0]) ? undefined : open(...args));
const openPromise = promises['open']!;
promises['open'] = (...args) => (isStalled(args[0]) ? new Promise(() => {}) : openPromise(...args));

let calls = 0;
let sent = false;
for (const name of [
  'openSync',
  'writeSync',
  'renameSync',
  'mkdirSync',
  'mkdtempSync',
  'rmSync',
  'fsyncSync',
]) {
  const original = fs[name]!;
  fs[name] = (...args) => {
    // Before the command listens for signals it does nothing.
    if (process.listenerCount(signal) > 0) calls += 1;
    const isMatch = name === 'openSync' && signalAt.test(String(args[0]));
    if (!sent && (calls === signalCall || isMatch)) {
      sent = true;
      process.kill(process.pid, signal);
    }
    return original(...args);
  };
}
syncBuiltinESMExports();
if (callsFile && isMainThread) process.on('exit', () => writeFileSync(callsFile, String(calls)));
