import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { ATTEST } from './help.ts';
import { registerAttestMerge } from './merge.ts';
import { registerAttestSign } from './sign.ts';
import { registerAttestVerify } from './verify.ts';

/** `stella attest`. */
export function registerAttest(program: Command, cli: Cli): void {
  const attest = cli.group(program, 'attest', GROUPS.attest);
  registerAttestVerify(attest, cli);
  registerAttestMerge(attest, cli);
  registerAttestSign(attest, cli);
  addHelp(attest, ATTEST);
}
