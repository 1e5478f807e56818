import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { defaultConfigFiles } from '../../src/config/locations.ts';

/** Writes the configuration file of the user whose home this is; a `stella.yaml` that just lies around does not count. */
export function writeUserConfig(home: string, config: string | object): string {
  const [path] = defaultConfigFiles({ env: { HOME: home }, cwd: home, platform: process.platform });
  mkdirSync(dirname(path!), { recursive: true });
  writeFileSync(path!, typeof config === 'string' ? config : JSON.stringify(config));
  return path!;
}
