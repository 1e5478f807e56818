import { ATTEST } from './attest.ts';
import { AUDIT } from './audit.ts';
import type { HelpTable } from './command-help.ts';
import { CONFIG } from './config.ts';
import { LOG } from './log.ts';
import { OWN } from './own.ts';
import { REPO } from './repo.ts';
import { TRUST } from './trust.ts';

/** The help of every command. */
export const HELP: HelpTable = { ...TRUST, ...ATTEST, ...REPO, ...LOG, ...CONFIG, ...AUDIT, ...OWN };
