import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A `stella.yaml` in the working directory that does not count, because nothing but being there speaks for it.
 * @param used the configuration file that counts, if any
 */
export function strayConfigFile(cwd: string, used: string | undefined): string | undefined {
  const path = join(cwd, 'stella.yaml');
  if (!existsSync(path)) return undefined;
  return used !== undefined && realpathSync(used) === realpathSync(path) ? undefined : path;
}
