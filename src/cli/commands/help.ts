import type { HelpTable } from '../frame/command-help.ts';
import { ATTEST } from './attest/help.ts';
import { AUDIT } from './audit/help.ts';
import { CONFIG } from './config/help.ts';
import { KEY } from './key/help.ts';
import { LOG } from './log/help.ts';
import { OWN } from './own/help.ts';
import { REPO } from './repo/help.ts';
import { SNAPSHOT } from './snapshot/help.ts';
import { TRUST } from './trust/help.ts';

/** The help of every command. */
export const HELP: HelpTable = {
  ...TRUST,
  ...SNAPSHOT,
  ...ATTEST,
  ...REPO,
  ...KEY,
  ...LOG,
  ...CONFIG,
  ...AUDIT,
  ...OWN,
};
