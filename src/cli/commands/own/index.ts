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
