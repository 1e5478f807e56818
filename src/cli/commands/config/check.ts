import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../../config/config.ts';
import type { Cli } from '../../frame/cli.ts';

export function registerConfigCheck(group: Command, cli: Cli): void {
  const command = cli.command(group, 'check <file>', 'check a configuration file: keys, types, values');
  cli.action<object, [string]>(command, async (run, file) => {
    const path = resolve(run.io.cwd, file);
    // The file alone is judged: what the environment overrides would hide its errors.
    loadConfig({ file: path, env: {}, cwd: run.io.cwd });
    return { json: { file: path, valid: true }, text: `${path} is valid` };
  });
}
