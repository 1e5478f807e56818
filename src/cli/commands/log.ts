import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { LOG } from '../help/log.ts';
import { GROUPS } from './groups.ts';
import { registerLogAppend } from './log-append.ts';
import { registerLogCheckpoint } from './log-checkpoint.ts';
import { registerLogInit } from './log-init.ts';
import { registerLogSearch } from './log-search.ts';
import { registerLogVerify } from './log-verify.ts';

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
