import type { Command } from 'commander';
import type { Cli } from '../frame/cli.ts';
import { registerAttest } from './attest/index.ts';
import { registerAudit } from './audit/index.ts';
import { registerConfig } from './config/index.ts';
import { registerLog } from './log/index.ts';
import { registerOwn } from './own/index.ts';
import { registerRepo } from './repo/index.ts';
import { registerTrust } from './trust/index.ts';

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
