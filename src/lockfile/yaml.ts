import { parseUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';

/**
 * A lock file in YAML → value. Aliases, which could make much of little, are in none that a package manager wrote.
 * @throws StellaError LOCKFILE_INVALID
 */
export async function parseYamlLock(document: Uint8Array, what: string): Promise<unknown> {
  const { parseDocument } = await import('yaml');
  try {
    const parsed = parseDocument(parseUtf8(document), { uniqueKeys: true, merge: false });
    if (parsed.errors.length > 0) throw parsed.errors[0]!;
    return parsed.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    throw new StellaError('LOCKFILE_INVALID', `${what} is not YAML that a package manager writes`, { cause });
  }
}
