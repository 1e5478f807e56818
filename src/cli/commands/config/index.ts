/**
 * cli/commands/config/: `stella config`: show the effective configuration with where each value comes from, and check
 * it. What a key means is documented in docs/configuration.md and decided in config/. It never changes a file. It
 * never shows a secret: of those only the names of files and variables are known.
 * Start here, then show.ts and check.ts.
 */

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
