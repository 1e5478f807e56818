import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import { checkNoCredentials } from '../../../config/url-credentials.ts';
import { USAGES, type Usage } from '../../../repository/directory/vocabulary.ts';
import type { TargetFacts } from '../../../repository/edit/target.ts';
import type { Run } from '../../frame/cli.ts';
import { printable } from '../../terminal/output.ts';
import { instantFlag } from './shared-command.ts';

/** Flags that say something about a target. */
export interface TargetFlags {
  readonly usage?: Usage;
  readonly uri?: string;
  readonly validFrom?: string;
  readonly validUntil?: string;
}

/** Clients hold a target in memory. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

export function collectTarget(path: string): Uint8Array {
  const bytes = readBounded(path, MAX_TARGET_BYTES);
  if (bytes.length === 0) throw new StellaError('TARGET_INVALID', `${path} is empty`);
  return bytes;
}

export function targetFacts(flags: TargetFlags): Partial<TargetFacts> {
  const { usage, uri, validFrom, validUntil } = flags;
  if (uri !== undefined) checkNoCredentials(uri, '--uri');
  return {
    ...(usage === undefined ? {} : { usage }),
    ...(uri === undefined ? {} : { uri }),
    ...(validFrom === undefined ? {} : { validFrom: instantFlag('--valid-from', validFrom) }),
    ...(validUntil === undefined ? {} : { validUntil: instantFlag('--valid-until', validUntil) }),
  };
}

/** A misspelt name makes a target that clients use for nothing, and nothing fails. */
export function warnOfName(run: Run<object>, name: string, usage: Usage, meant: string | undefined): void {
  if (usage !== 'other' || meant === undefined) return;
  run.note(
    `warning: ${printable(name)} is of usage other: clients use it for nothing. Did you mean ${printable(meant)}?`,
  );
  run.note('  if the name is meant: --usage USAGE says what it is for, --usage other silences this');
}

/**
 * `NAME=FILE[,USAGE]`, as repeated flags of `repo init` have it.
 * @throws StellaError USAGE
 */
export function parseTargetFlag(text: string): { name: string; file: string; usage?: Usage } {
  const match = /^([^=]+)=(.+?)(?:,([A-Za-z-]+))?$/.exec(text);
  const usage = USAGES.find((known) => known === match?.[3]);
  if (!match || (match[3] !== undefined && usage === undefined))
    throw new StellaError('USAGE', `--target ${JSON.stringify(text)} is not NAME=FILE or NAME=FILE,USAGE`, {
      hint: `usages: ${USAGES.join(', ')}`,
    });
  return { name: match[1]!, file: match[2]!, ...(usage ? { usage } : {}) };
}
