import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { registerSnapshotExport } from '../snapshot/export.ts';
import { registerSnapshotInspect } from '../snapshot/inspect.ts';
import { registerSnapshotList } from '../snapshot/list.ts';
import { registerSnapshotPull } from '../snapshot/pull.ts';
import { registerSnapshotPush } from '../snapshot/push.ts';
import { registerSnapshotSign } from '../snapshot/sign.ts';
import { registerSnapshotVerify } from '../snapshot/verify.ts';
import { registerTrustDiff } from './diff.ts';
import { registerTrustExport } from './export.ts';
import { TRUST } from './help.ts';
import { registerTrustImport } from './import.ts';
import { registerTrustInit } from './init.ts';
import { registerTrustPrune } from './prune.ts';
import { registerTrustReceipts } from './receipts.ts';
import { registerTrustStatus } from './status.ts';
import { registerTrustSync } from './sync.ts';

/** `stella trust`, with the sealed bundles that carry it. */
export function registerTrust(program: Command, cli: Cli): void {
  const trust = cli.group(program, 'trust', GROUPS.trust);
  const snapshot = cli.group(trust, 'snapshot', 'sealed bundles: make, look into, check');
  registerTrustInit(trust, cli);
  registerTrustSync(trust, cli);
  registerTrustStatus(trust, cli);
  registerTrustExport(trust, cli);
  registerTrustDiff(trust, cli);
  registerTrustImport(trust, cli);
  registerTrustReceipts(trust, cli);
  registerTrustPrune(trust, cli);
  registerSnapshotExport(snapshot, cli);
  registerSnapshotInspect(snapshot, cli);
  registerSnapshotVerify(snapshot, cli);
  registerSnapshotSign(snapshot, cli);
  registerSnapshotPush(snapshot, cli);
  registerSnapshotPull(snapshot, cli);
  registerSnapshotList(snapshot, cli);
  addHelp(trust, TRUST);
}
