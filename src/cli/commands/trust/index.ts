/**
 * cli/commands/trust/: `stella trust`: make a trust store, keep it current, import into it, show it, compare, prune.
 * The two ways to change it are sync (from a repository) and import (from a sealed bundle); both are in rooms below.
 * It never makes trust out of flags alone: a root needs a voucher, and first use is said in a warning. Commands for
 * sealed bundles are in snapshot/.
 * Start here, then init.ts, sync.ts and import.ts.
 */

import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { SNAPSHOT } from '../snapshot/help.ts';
import { registerSnapshot } from '../snapshot/index.ts';
import { registerTrustDiff } from './diff.ts';
import { registerTrustExport } from './export.ts';
import { TRUST } from './help.ts';
import { registerTrustImport } from './import.ts';
import { registerTrustInit } from './init.ts';
import { registerTrustPrune } from './prune.ts';
import { registerTrustReceipts } from './receipts.ts';
import { registerTrustStatus } from './status.ts';
import { registerTrustSync } from './sync.ts';
import { registerTrustUnpin } from './unpin.ts';

/** `stella trust`, with the sealed bundles that carry it. */
export function registerTrust(program: Command, cli: Cli): void {
  const trust = cli.group(program, 'trust', GROUPS.trust);
  registerSnapshot(trust, cli);
  registerTrustInit(trust, cli);
  registerTrustSync(trust, cli);
  registerTrustStatus(trust, cli);
  registerTrustExport(trust, cli);
  registerTrustDiff(trust, cli);
  registerTrustImport(trust, cli);
  registerTrustReceipts(trust, cli);
  registerTrustUnpin(trust, cli);
  registerTrustPrune(trust, cli);
  addHelp(trust, { ...TRUST, ...SNAPSHOT });
}
