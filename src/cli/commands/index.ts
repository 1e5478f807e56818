/**
 * cli/commands/: one folder for each group of commands, and one file for each command with its flags. A command reads
 * its flags, loads what it needs when it runs, calls the rooms below and returns text and JSON. It never contains a
 * rule about trust, and never writes to a stream itself. Help lies beside the commands of its group (help.ts) and is
 * made from lists of the code where it lists something.
 * Start here, then the index.ts of a group.
 */

import type { Command } from 'commander';
import type { Cli } from '../frame/cli.ts';
import { registerAttest } from './attest/index.ts';
import { registerAudit } from './audit/index.ts';
import { registerConfig } from './config/index.ts';
import { registerKey } from './key/index.ts';
import { registerLog } from './log/index.ts';
import { registerOwn } from './own/index.ts';
import { registerRepo } from './repo/index.ts';
import { registerTrust } from './trust/index.ts';

/** The command tree. Each command is a file of this folder; what it does is loaded when it runs. */
export function register(program: Command, cli: Cli): void {
  registerTrust(program, cli);
  registerAttest(program, cli);
  registerRepo(program, cli);
  registerKey(program, cli);
  registerLog(program, cli);
  registerConfig(program, cli);
  registerAudit(program, cli);
  registerOwn(program, cli);
}
