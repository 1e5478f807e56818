import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isStellaError } from '../../../base/errors.ts';
import { readConfigFile, resolveConfig } from '../../../config/config.ts';
import { checkConfigOwner } from '../../../config/config-owner.ts';
import type { Cli } from '../../frame/cli.ts';
import { printable } from '../../terminal/output.ts';

export function registerConfigCheck(group: Command, cli: Cli): void {
  const command = cli.command(group, 'check <file>', 'check a configuration file: keys, types, values');
  cli.action<object, [string]>(command, async (run, name) => {
    const path = resolve(run.io.cwd, name);
    // The file alone is judged: what the environment overrides would hide its errors.
    const { HOME, USERPROFILE } = run.io.env;
    const place = { env: { HOME, USERPROFILE }, cwd: run.io.cwd };
    const file = readConfigFile(path, place);
    resolveConfig(place, file, {});
    try {
      checkConfigOwner(path, file.parsed.values);
    } catch (error) {
      if (!isStellaError(error, 'CONFIG_UNSAFE')) throw error;
      // Where it will be used, others may own it.
      run.note(`warning: here it would be refused: ${printable(error.message)} [${error.code}]`);
    }
    return { json: { file: path, valid: true }, text: `${path} is valid` };
  });
}
