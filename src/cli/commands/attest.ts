import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerAttestMerge } from './attest-merge.ts';
import { registerAttestSign } from './attest-sign.ts';
import { registerAttestVerify } from './attest-verify.ts';

/** `stella attest`. Pipelines run it often, so that it can be had without the rest of the tree. */
export function registerAttest(program: Command, cli: Cli): void {
  const attest = cli.group(program, 'attest', 'verify and make attestations');
  registerAttestVerify(attest, cli);
  registerAttestMerge(attest, cli);
  registerAttestSign(attest, cli);
}
