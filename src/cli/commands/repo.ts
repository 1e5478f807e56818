import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { REPO } from '../help/repo.ts';
import { GROUPS } from './groups.ts';
import { registerRepoAddKey } from './repo-add-key.ts';
import { registerRepoAddTarget } from './repo-add-target.ts';
import { registerRepoDelegate } from './repo-delegate.ts';
import { registerRepoInit } from './repo-init.ts';
import { registerRepoPublish } from './repo-publish.ts';
import { registerRepoRemoveKey } from './repo-remove-key.ts';
import { registerRepoRemoveTarget } from './repo-remove-target.ts';
import { registerRepoRetireTarget } from './repo-retire-target.ts';
import { registerRepoRotateKey } from './repo-rotate-key.ts';
import { registerRepoSetThreshold } from './repo-set-threshold.ts';
import { registerRepoSign } from './repo-sign.ts';
import { registerRepoStage } from './repo-stage.ts';
import { registerRepoStatus } from './repo-status.ts';
import { registerRepoSwapEndpoint } from './repo-swap-endpoint.ts';
import { registerRepoUpdateTimestamp } from './repo-update-timestamp.ts';
import { registerRepoVerify } from './repo-verify.ts';

/** `stella repo`. */
export function registerRepo(program: Command, cli: Cli): void {
  const repo = cli.group(program, 'repo', GROUPS.repo);
  registerRepoInit(repo, cli);
  registerRepoAddTarget(repo, cli);
  registerRepoRemoveTarget(repo, cli);
  registerRepoRetireTarget(repo, cli);
  registerRepoSwapEndpoint(repo, cli);
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
