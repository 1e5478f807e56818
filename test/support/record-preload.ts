/**
 * Loaded before a command with `node --import`: records every call that changes the disk below $RECORD_BELOW, with what
 * was written, and writes the record to $RECORD_FILE at the end. See power-loss.ts for what is done with it.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { DiskCall } from './power-loss.ts';

const fs = createRequire(import.meta.url)('node:fs') as Record<string, (...args: never[]) => unknown>;
const below = process.env['RECORD_BELOW']!;
const { writeFileSync } = fs as unknown as typeof import('node:fs');
const calls: DiskCall[] = [];
const paths = new Map<number, string>();

function wrap(name: string, record: (args: unknown[], result: unknown) => DiskCall | undefined): void {
  const original = fs[name]! as (...args: unknown[]) => unknown;
  fs[name] = (...args: unknown[]) => {
    const result = original(...args);
    const call = record(args, result);
    if (call) calls.push(call);
    return result;
  };
}

const inside = (path: unknown): path is string =>
  typeof path === 'string' && (path === below || path.startsWith(`${below}/`));

wrap('openSync', ([path, flags], fd) => {
  if (!inside(path)) return undefined;
  paths.set(fd as number, path);
  return flags === 'r' ? undefined : { op: 'create', path };
});
wrap('closeSync', ([fd]) => void paths.delete(fd as number));
wrap('writeSync', ([fd, bytes, offset], count) => {
  const path = paths.get(fd as number);
  const from = (offset as number | undefined) ?? 0;
  return path === undefined
    ? undefined
    : {
        op: 'append',
        path,
        data: Buffer.from(bytes as Uint8Array)
          .subarray(from, from + (count as number))
          .toString('base64'),
      };
});
wrap('appendFileSync', ([file, text]) => {
  const path = typeof file === 'number' ? paths.get(file) : file;
  return inside(path)
    ? { op: 'append', path, data: Buffer.from(text as string).toString('base64') }
    : undefined;
});
wrap('fsyncSync', ([fd]) => {
  const path = paths.get(fd as number);
  return path === undefined ? undefined : { op: 'sync', path };
});
wrap('renameSync', ([from, to]) => (inside(to) ? { op: 'rename', path: from as string, to } : undefined));
wrap('mkdirSync', ([path]) => (inside(path) ? { op: 'mkdir', path } : undefined));
wrap('mkdtempSync', (_, path) => (inside(path) ? { op: 'mkdir', path } : undefined));
wrap('rmSync', ([path]) => (inside(path) ? { op: 'remove', path } : undefined));
wrap('rmdirSync', ([path]) => (inside(path) ? { op: 'remove', path } : undefined));
wrap('copyFileSync', ([from, to]) =>
  inside(to)
    ? {
        op: 'copy',
        path: to,
        data: (fs['readFileSync'] as unknown as typeof import('node:fs').readFileSync)(
          from as string,
        ).toString('base64'),
      }
    : undefined,
);
syncBuiltinESMExports();
process.on('exit', () => writeFileSync(process.env['RECORD_FILE']!, JSON.stringify(calls)));
