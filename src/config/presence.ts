import { existsSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import type { ConfigPlace } from './config.ts';
import { defaultConfigFile, variable } from './locations.ts';

/** Whether there is, or ought to be, a configuration file. Cheap: what reads one is loaded only where there is one. */
export function isConfigFileThere(place: ConfigPlace): boolean {
  const { file, env, cwd } = place;
  if (file !== undefined || variable(env, 'STELLA_CONFIG') !== undefined) return true;
  const own = defaultConfigFile({ env, cwd, platform: place.platform ?? platform() });
  return [join(cwd, 'stella.yaml'), ...(own === undefined ? [] : [own])].some((path) => existsSync(path));
}
