/**
 * cli/commands/snapshot/: `stella trust snapshot`: sealed bundles: export, inspect, verify, sign, push, pull, list.
 * Making them is in producer/, judging them in consumer/, carrying them through registries in oci/. `inspect` shows
 * what a bundle says and verifies nothing; `verify` does every check of an import and changes nothing. It never makes
 * a bundle current: that is `trust import`.
 * Start here, then export.ts and bundle-input.ts, which reads every bundle that a command is given.
 */

import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { registerSnapshotExport } from './export.ts';
import { registerSnapshotInspect } from './inspect.ts';
import { registerSnapshotList } from './list.ts';
import { registerSnapshotPull } from './pull.ts';
import { registerSnapshotPush } from './push.ts';
import { registerSnapshotSign } from './sign.ts';
import { registerSnapshotVerify } from './verify.ts';

/** `stella trust snapshot`. */
export function registerSnapshot(trust: Command, cli: Cli): void {
  const snapshot = cli.group(trust, 'snapshot', 'sealed bundles: make, look into, check');
  registerSnapshotExport(snapshot, cli);
  registerSnapshotInspect(snapshot, cli);
  registerSnapshotVerify(snapshot, cli);
  registerSnapshotSign(snapshot, cli);
  registerSnapshotPush(snapshot, cli);
  registerSnapshotPull(snapshot, cli);
  registerSnapshotList(snapshot, cli);
}
