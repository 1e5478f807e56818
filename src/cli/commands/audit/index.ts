import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { AUDIT } from './help.ts';
import { registerAuditShow } from './show.ts';
import { registerAuditVerify } from './verify.ts';

/** `stella audit`. */
export function registerAudit(program: Command, cli: Cli): void {
  const audit = cli.group(program, 'audit', GROUPS.audit);
  registerAuditShow(audit, cli);
  registerAuditVerify(audit, cli);
  addHelp(audit, AUDIT);
}
