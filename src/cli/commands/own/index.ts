/**
 * cli/commands/own/: the commands that belong to no group: doctor, kit, completion. Doctor looks for what will go
 * wrong and changes nothing; kit writes what a site behind the gap needs to begin. None of them makes anything
 * trusted. Each has its flags in a file called *-command.ts and its work in the file without that ending.
 * Start here, then doctor.ts and kit.ts.
 */

import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { registerCompletion } from './completion-command.ts';
import { registerDoctor } from './doctor-command.ts';
import { OWN } from './help.ts';
import { registerKit } from './kit-command.ts';

/** The commands that belong to no group. */
export function registerOwn(program: Command, cli: Cli): void {
  registerDoctor(program, cli);
  registerKit(program, cli);
  registerCompletion(program, cli);
  addHelp(program, OWN);
}
