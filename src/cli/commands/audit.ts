import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { AUDIT } from '../help/audit.ts';
import { registerAuditShow } from './audit-show.ts';
import { registerAuditVerify } from './audit-verify.ts';
import { GROUPS } from './groups.ts';

/** `stella audit`. */
export function registerAudit(program: Command, cli: Cli): void {
  const audit = cli.group(program, 'audit', GROUPS.audit);
  registerAuditShow(audit, cli);
  registerAuditVerify(audit, cli);
  addHelp(audit, AUDIT);
}
