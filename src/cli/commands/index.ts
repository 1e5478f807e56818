import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerAttest } from './attest.ts';
import { registerAudit } from './audit.ts';
import { registerConfig } from './config.ts';
import { registerLog } from './log.ts';
import { registerOwn } from './own.ts';
import { registerRepo } from './repo.ts';
import { registerTrust } from './trust.ts';

/** The command tree. Each command is a file of this folder; what it does is loaded when it runs. */
export function register(program: Command, cli: Cli): void {
  registerTrust(program, cli);
  registerAttest(program, cli);
  registerRepo(program, cli);
  registerLog(program, cli);
  registerConfig(program, cli);
  registerAudit(program, cli);
  registerOwn(program, cli);
}
