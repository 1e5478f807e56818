import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { CONFIG } from '../help/config.ts';
import { registerConfigCheck } from './config-check.ts';
import { registerConfigShow } from './config-show.ts';
import { GROUPS } from './groups.ts';

/** `stella config`. */
export function registerConfig(program: Command, cli: Cli): void {
  const config = cli.group(program, 'config', GROUPS.config);
  registerConfigShow(config, cli);
  registerConfigCheck(config, cli);
  addHelp(config, CONFIG);
}
