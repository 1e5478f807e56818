import type { ExitStatus } from '../../base/codes.ts';

/** What `--help` and the reference say of a command beyond its flags. */
export interface CommandHelp {
  /** What it is for and what it does, for a reader who has only this. */
  readonly purpose: string;
  /** Commands as typed, each with what it does. Two at least. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Exit statuses beside 0, 1 and 4, which every command has. */
  readonly exits: readonly Exclude<ExitStatus, 0 | 1 | 4>[];
  /** Paths of commands that come before, after, or instead. */
  readonly related: readonly string[];
}

/** By the command's path, e.g. `trust snapshot export`. */
export type HelpTable = Readonly<Record<string, CommandHelp>>;

/** Words in a sentence: `a, b, c`, or with a last conjunction `a, b or c`. */
export function enumerate(words: readonly string[], conjunction?: 'and' | 'or'): string {
  if (conjunction === undefined || words.length < 2) return words.join(', ');
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`;
}

/** The exit statuses in one line of help. */
export const EXIT_IN_BRIEF: Readonly<Record<ExitStatus, string>> = {
  0: 'done',
  1: 'unexpected failure',
  2: 'verification failed',
  3: 'network needed',
  4: 'usage or input',
  5: 'stale or expired',
};

export const EXIT_MEANINGS: Readonly<Record<ExitStatus, string>> = {
  0: 'done',
  1: 'unexpected failure, or interrupted (130 after Ctrl-C)',
  2: 'verification failed: signature, digest, proof, policy, rollback or fork',
  3: 'the network was needed and not allowed, or it failed',
  4: 'usage, configuration or input',
  5: 'stale or expired',
};
