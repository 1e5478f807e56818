/**
 * cli/commands/repo/: `stella repo`: author a TUF repository: targets, keys, delegations, signing, publishing. Each
 * command is one edit of repository/ with flags in front of it; files called shared-* hold what several need. It never
 * edits metadata itself, and never publishes below a threshold. A passphrase is asked for when a key needs it, and is
 * neither shown nor kept.
 * Start here, then shared-command.ts for how every edit runs.
 */

import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { registerRepoAddKey } from './add-key.ts';
import { registerRepoAddTarget } from './add-target.ts';
import { registerRepoDelegate } from './delegate.ts';
import { REPO } from './help.ts';
import { registerRepoInit } from './init.ts';
import { registerRepoPublish } from './publish.ts';
import { registerRepoRemoveKey } from './remove-key.ts';
import { registerRepoRemoveTarget } from './remove-target.ts';
import { registerRepoRetireTarget } from './retire-target.ts';
import { registerRepoRotateKey } from './rotate-key.ts';
import { registerRepoServiceMap } from './service-map.ts';
import { registerRepoSetThreshold } from './set-threshold.ts';
import { registerRepoSign } from './sign.ts';
import { registerRepoStage } from './stage.ts';
import { registerRepoStatus } from './status.ts';
import { registerRepoSwapEndpoint } from './swap-endpoint.ts';
import { registerRepoUpdateTimestamp } from './update-timestamp.ts';
import { registerRepoVerify } from './verify.ts';

/** `stella repo`. */
export function registerRepo(program: Command, cli: Cli): void {
  const repo = cli.group(program, 'repo', GROUPS.repo);
  registerRepoInit(repo, cli);
  registerRepoAddTarget(repo, cli);
  registerRepoRemoveTarget(repo, cli);
  registerRepoRetireTarget(repo, cli);
  registerRepoSwapEndpoint(repo, cli);
  registerRepoServiceMap(repo, cli);
  registerRepoUpdateTimestamp(repo, cli);
  registerRepoRotateKey(repo, cli);
  registerRepoAddKey(repo, cli);
  registerRepoRemoveKey(repo, cli);
  registerRepoSetThreshold(repo, cli);
  registerRepoDelegate(repo, cli);
  registerRepoStage(repo, cli);
  registerRepoSign(repo, cli);
  registerRepoPublish(repo, cli);
  registerRepoVerify(repo, cli);
  registerRepoStatus(repo, cli);
  addHelp(repo, REPO);
}
