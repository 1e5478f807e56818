import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { register } from './commands/index.ts';
import { makeTree } from './make-tree.ts';

/** The whole command tree with its help. */
export function commandTree(cli: Cli): Command {
  return makeTree(cli, register);
}
