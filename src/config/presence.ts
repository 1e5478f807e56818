import { existsSync } from 'node:fs';
import { platform } from 'node:os';
import type { ConfigPlace } from './config.ts';
import { defaultConfigFiles, variable } from './locations.ts';

/** Whether there is, or ought to be, a configuration file. Cheap: what reads one is loaded only where there is one. */
export function isConfigFileThere(place: ConfigPlace): boolean {
  const { file, env, cwd } = place;
  if (file !== undefined || variable(env, 'STELLA_CONFIG') !== undefined) return true;
  return defaultConfigFiles({ env, cwd, platform: place.platform ?? platform() }).some((path) =>
    existsSync(path),
  );
}
