import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addHelp } from '../help/add-help.ts';
import { ATTEST } from '../help/attest.ts';
import { registerAttestMerge } from './attest-merge.ts';
import { registerAttestSign } from './attest-sign.ts';
import { registerAttestVerify } from './attest-verify.ts';
import { GROUPS } from './groups.ts';

/** `stella attest`. */
export function registerAttest(program: Command, cli: Cli): void {
  const attest = cli.group(program, 'attest', GROUPS.attest);
  registerAttestVerify(attest, cli);
  registerAttestMerge(attest, cli);
  registerAttestSign(attest, cli);
  addHelp(attest, ATTEST);
}
