/**
 * cli/commands/audit/: `stella audit`: show and check the record of what happened to the trust store. It reads; only
 * store/audit.ts writes such lines. It never repairs a broken chain: it says where it breaks. Each line chains to the
 * one before it, so that an edit shows.
 * Start here, then show.ts and verify.ts.
 */

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
