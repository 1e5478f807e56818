import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerAttestSign } from './attest-sign.ts';
import { registerAttestVerify } from './attest-verify.ts';
import { registerLogAppend } from './log-append.ts';
import { registerLogCheckpoint } from './log-checkpoint.ts';
import { registerLogInit } from './log-init.ts';
import { registerLogVerify } from './log-verify.ts';
import { registerRepoAddTarget } from './repo-add-target.ts';
import { registerRepoInit } from './repo-init.ts';
import { registerRepoStatus } from './repo-status.ts';
import { registerRepoUpdateTimestamp } from './repo-update-timestamp.ts';
import { registerRepoVerify } from './repo-verify.ts';
import { registerSnapshotExport } from './snapshot-export.ts';
import { registerSnapshotVerify } from './snapshot-verify.ts';
import { registerTrustImport } from './trust-import.ts';
import { registerTrustInit } from './trust-init.ts';
import { registerTrustStatus } from './trust-status.ts';
import { registerTrustSync } from './trust-sync.ts';

/** The command tree. Each command is a file of this folder; what it does is loaded when it runs. */
export function register(program: Command, cli: Cli): void {
  const trust = cli.group(program, 'trust', 'bring trust in, look at it, carry it');
  const snapshot = cli.group(trust, 'snapshot', 'sealed bundles: make, look into, check');
  const attest = cli.group(program, 'attest', 'verify and make attestations');
  const repo = cli.group(program, 'repo', 'author a TUF repository');
  const log = cli.group(program, 'log', 'keep and check an embedded transparency log');
  const config = cli.group(program, 'config', 'look at the configuration');
  registerTrustInit(trust, cli);
  registerTrustSync(trust, cli);
  registerTrustStatus(trust, cli);
  registerTrustImport(trust, cli);
  registerSnapshotExport(snapshot, cli);
  registerSnapshotVerify(snapshot, cli);
  registerAttestVerify(attest, cli);
  registerAttestSign(attest, cli);
  registerLogInit(log, cli);
  registerLogAppend(log, cli);
  registerLogCheckpoint(log, cli);
  registerLogVerify(log, cli);
  registerRepoInit(repo, cli);
  registerRepoAddTarget(repo, cli);
  registerRepoUpdateTimestamp(repo, cli);
  registerRepoVerify(repo, cli);
  registerRepoStatus(repo, cli);
  void [trust, snapshot, attest, config];
}
