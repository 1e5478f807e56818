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
