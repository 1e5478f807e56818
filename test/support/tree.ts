import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../src/base/bytes.ts';

/** Every file below a directory with the digest of its content, for comparing before and after. */
export function fingerprintTree(
  directory: string,
  ignore: (path: string) => boolean = () => false,
): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(directory.length + 1), path] as const)
      .filter(([name]) => !ignore(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, path]) => [name, sha256Hex(readFileSync(path))]),
  );
}

/** A trust store without what may change at a refusal: the lock and the record of it. */
export function fingerprintStore(store: string): Record<string, string> {
  return fingerprintTree(store, (name) => name === 'lock' || name.startsWith('audit.'));
}
