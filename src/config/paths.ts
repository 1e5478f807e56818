import { join, resolve } from 'node:path';
import { StellaError } from '../base/errors.ts';
import { type Environment, home } from './locations.ts';

/**
 * A path as the configuration has it → absolute. `~/` is the home directory of this user, as in a shell, which does not
 * get to see what stands in a file; `~NAME/`, which a shell would look up, is refused.
 * @param directory what relative paths begin at
 * @param before what messages begin with
 * @throws StellaError CONFIG_INVALID
 */
export function resolvePath(path: string, directory: string, env: Environment, before = ''): string {
  const [, user, rest = ''] = /^~([^/\\]*)(?:[/\\](.*))?$/s.exec(path) ?? [];
  if (user === undefined) return resolve(directory, path);
  if (user !== '')
    throw new StellaError(
      'CONFIG_INVALID',
      `${before}${JSON.stringify(path)}: only ~/ stands for a home directory`,
      {
        hint: `write the path from / on; a file of that name is ./${path}`,
      },
    );
  const base = home(env);
  if (base === undefined)
    throw new StellaError(
      'CONFIG_INVALID',
      `${before}${JSON.stringify(path)}: this user has no home directory`,
      {
        hint: 'write the path from / on, or set HOME',
      },
    );
  return join(base, rest);
}
