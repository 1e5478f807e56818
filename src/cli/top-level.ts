import type { Command } from 'commander';
import { registerOwn } from './commands/own/index.ts';
import type { Cli } from './frame/cli.ts';
import { GROUPS } from './frame/groups.ts';

/** What `stella --help` lists: the groups without what is in them. */
export function registerTopLevel(program: Command, cli: Cli): void {
  for (const [name, summary] of Object.entries(GROUPS)) cli.group(program, name, summary);
  registerOwn(program, cli);
}
