/**
 * cli/commands/attest/: `stella attest`: verify attestations, sign them, join verdicts of several machines. Flags
 * become the options of attest/; a verdict becomes text, JSON and an exit status. It never judges: what is printed as
 * verified is what the verdict says. Only `attest collect`, for the connected side, uses the network.
 * Start here, then verify.ts for the flags and verify-run.ts for what they do.
 */

import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { registerAttestCollect } from './collect.ts';
import { ATTEST } from './help.ts';
import { registerAttestMerge } from './merge.ts';
import { registerAttestSign } from './sign.ts';
import { registerAttestVerify } from './verify.ts';

/** `stella attest`. */
export function registerAttest(program: Command, cli: Cli): void {
  const attest = cli.group(program, 'attest', GROUPS.attest);
  registerAttestVerify(attest, cli);
  registerAttestCollect(attest, cli);
  registerAttestMerge(attest, cli);
  registerAttestSign(attest, cli);
  addHelp(attest, ATTEST);
}
