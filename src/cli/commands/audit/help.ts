import type { HelpTable } from '../../frame/command-help.ts';

export const AUDIT: HelpTable = {
  'audit show': {
    purpose:
      'Shows what happened to the trust store and what was refused: every init, sync, import and export, with time, generation and digests.',
    examples: [
      ['stella audit show --last 20', 'the latest events'],
      ['stella audit show --json', 'all of them, for a program'],
    ],
    exits: [2],
    related: ['audit verify', 'trust status'],
  },
  'audit verify': {
    purpose:
      'Checks that no line of the audit log was edited, removed or moved: each line carries the SHA-256 of the one before, and the trust store remembers how many lines there were when it last changed. The digest of the last line, kept elsewhere, shows that the end is still there.',
    examples: [
      ['stella audit verify', 'is the record whole?'],
      ['stella audit verify --json', 'with the digest of the last line, to keep elsewhere'],
    ],
    exits: [2],
    related: ['audit show', 'doctor'],
  },
};
