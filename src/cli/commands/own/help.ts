import { enumerate, type HelpTable } from '../../frame/command-help.ts';
import { DOCTOR_CHECKS } from './doctor-checks.ts';

/** Commands about stella itself. */
export const OWN: HelpTable = {
  doctor: {
    purpose: `Looks at everything that makes the other commands fail, and says what to do about each: ${enumerate(DOCTOR_CHECKS)}. Changes nothing and uses no network.`,
    examples: [
      ['stella doctor', 'what is wrong here?'],
      ['stella doctor --json --quiet', 'for monitoring'],
    ],
    exits: [2, 5],
    related: ['trust status', 'config show', 'config check'],
  },
  kit: {
    purpose:
      'Puts onto one medium what an operator behind the gap needs: the sealed bundle, the public key that sealed it, this executable (where it is one), checksums, a sheet to print with the fingerprints of root, key and executable and the commands to type, and the short guide as text. The copy is checked as an import would, from the root that this trust store is pinned to; every key that this store has sealed with counts. The commands leave a blank for each fingerprint: the operator fills in what came over another channel.',
    examples: [
      ['stella kit --out /media/usb/2026-01-25 --bundle ./2026-01-25.tar.zst', 'everything for the courier'],
      [
        'stella kit --out ./kit --bundle ./x.tar.zst --executable ./dist/stella',
        'with an executable built elsewhere',
      ],
    ],
    exits: [2, 5],
    related: ['trust snapshot export', 'trust import'],
  },
  completion: {
    purpose:
      'Prints a script that teaches the shell to complete commands, flags and their values. Load it once per shell, or from the shell’s start file.',
    examples: [
      ['stella completion bash >> ~/.bashrc', 'bash, for good; no other package is needed'],
      ['stella completion zsh > ~/.zfunc/_stella', 'zsh, for good (with ~/.zfunc in fpath)'],
      ['stella completion fish > ~/.config/fish/completions/stella.fish', 'fish, for good'],
    ],
    exits: [],
    related: ['doctor'],
  },
};
