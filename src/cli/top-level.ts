import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { GROUPS } from './commands/groups.ts';
import { registerOwn } from './commands/own.ts';

/** What `stella --help` lists: the groups without what is in them. */
export function registerTopLevel(program: Command, cli: Cli): void {
  for (const [name, summary] of Object.entries(GROUPS)) cli.group(program, name, summary);
  registerOwn(program, cli);
}
