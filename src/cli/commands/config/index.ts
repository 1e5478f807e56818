import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { registerConfigCheck } from './check.ts';
import { CONFIG } from './help.ts';
import { registerConfigShow } from './show.ts';

/** `stella config`. */
export function registerConfig(program: Command, cli: Cli): void {
  const config = cli.group(program, 'config', GROUPS.config);
  registerConfigShow(config, cli);
  registerConfigCheck(config, cli);
  addHelp(config, CONFIG);
}
