import { SOURCES } from '../../../config/sources.ts';
import { enumerate, type HelpTable } from '../../frame/command-help.ts';

export const CONFIG: HelpTable = {
  'config show': {
    purpose: `Prints the effective configuration and where each value comes from: ${enumerate(SOURCES)}, in this order of strength.`,
    examples: [
      ['stella config show', 'what the commands here will use'],
      ['stella config show --config ./stella.yaml --json', 'of another file, for a program'],
    ],
    exits: [],
    related: ['config check', 'doctor', 'trust status'],
  },
  'config check': {
    purpose:
      'Checks a configuration file: unknown keys (with the nearest known one), types and values, with line numbers.',
    examples: [
      ['stella config check ./stella.yaml', 'before it is rolled out'],
      ['stella config check /etc/stella/stella.yaml --json', 'for a program'],
    ],
    exits: [],
    related: ['config show', 'doctor'],
  },
};
