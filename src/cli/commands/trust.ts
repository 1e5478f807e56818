import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { TRUST } from '../help/trust.ts';
import { GROUPS } from './groups.ts';
import { registerSnapshotExport } from './snapshot-export.ts';
import { registerSnapshotInspect } from './snapshot-inspect.ts';
import { registerSnapshotList } from './snapshot-list.ts';
import { registerSnapshotPull } from './snapshot-pull.ts';
import { registerSnapshotPush } from './snapshot-push.ts';
import { registerSnapshotSign } from './snapshot-sign.ts';
import { registerSnapshotVerify } from './snapshot-verify.ts';
import { registerTrustDiff } from './trust-diff.ts';
import { registerTrustExport } from './trust-export.ts';
import { registerTrustImport } from './trust-import.ts';
import { registerTrustInit } from './trust-init.ts';
import { registerTrustPrune } from './trust-prune.ts';
import { registerTrustReceipts } from './trust-receipts.ts';
import { registerTrustStatus } from './trust-status.ts';
import { registerTrustSync } from './trust-sync.ts';

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
