import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { OWN } from '../help/own.ts';
import { registerCompletion } from './completion.ts';
import { registerDoctor } from './doctor.ts';
import { registerKit } from './kit.ts';

/** The commands that belong to no group. */
export function registerOwn(program: Command, cli: Cli): void {
  registerDoctor(program, cli);
  registerKit(program, cli);
  registerCompletion(program, cli);
  addHelp(program, OWN);
}
