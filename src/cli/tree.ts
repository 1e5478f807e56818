import type { Command } from 'commander';
import { register } from './commands/index.ts';
import type { Cli } from './frame/cli.ts';
import { makeTree } from './make-tree.ts';

/** The whole command tree with its help. */
export function commandTree(cli: Cli): Command {
  return makeTree(cli, register);
}
