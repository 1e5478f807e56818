/**
 * cli/commands/log/: `stella log`: keep an embedded transparency log, and look into logs that were carried. Reading
 * and writing logs is in logs/, their mathematics in tlog/. It never signs with a key that the log does not name. It
 * never prints an entry before it is shown to be in the log.
 * Start here, then append.ts for writing and verify.ts for checking.
 */

import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { registerLogAppend } from './append.ts';
import { registerLogCheckpoint } from './checkpoint.ts';
import { LOG } from './help.ts';
import { registerLogInit } from './init.ts';
import { registerLogSearch } from './search.ts';
import { registerLogVerify } from './verify.ts';

/** `stella log`. */
export function registerLog(program: Command, cli: Cli): void {
  const log = cli.group(program, 'log', GROUPS.log);
  registerLogInit(log, cli);
  registerLogAppend(log, cli);
  registerLogCheckpoint(log, cli);
  registerLogVerify(log, cli);
  registerLogSearch(log, cli);
  addHelp(log, LOG);
}
