import type { HelpTable } from '../../frame/command-help.ts';

export const LOG: HelpTable = {
  'log init': {
    purpose:
      'Makes an empty transparency log: a directory of static files in the C2SP tlog-tiles layout that any web server can serve. The private key stays outside of the directory.',
    examples: [
      ['stella log init ./site/log --origin log.example.com/builds', 'the key is made as ./site/log.key'],
      [
        'stella log init ./site/log --origin log.example.com/builds --key ./log.key',
        'with a key of your own',
      ],
    ],
    exits: [],
    related: ['log append', 'log checkpoint', 'attest sign'],
  },
  'log append': {
    purpose: 'Appends entries and signs a new checkpoint. All of them are in the log afterwards, or none.',
    examples: [
      ['stella log append ./site/log ./release.json', 'one file, one entry'],
      ['stella log append ./site/log --lines ./releases.txt', 'each line an entry'],
    ],
    exits: [2],
    related: ['log checkpoint', 'log verify'],
  },
  'log checkpoint': {
    purpose: 'Prints the signed checkpoint of an embedded log, as it is served.',
    examples: [
      ['stella log checkpoint ./site/log', 'the signed note'],
      ['stella log checkpoint ./site/log --json', 'origin, size and root hash for a program'],
    ],
    exits: [2],
    related: ['log verify', 'log append'],
  },
  'log search': {
    purpose:
      'Answers who signed what, from entries that are held here: those of an embedded log, or those that bundles brought with --entries. Says which range it searched. An entry about a DSSE envelope, as `attest sign` makes it, holds the digest of the payload and not of the artifact that the payload speaks of.',
    examples: [
      [
        'stella log search --identity ci@example.com --since 7d',
        'what this identity signed in the last week',
      ],
      [
        'stella log search ./site/log --digest sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
        'signatures of this artifact; of attestations a log knows the digest of the payload only',
      ],
    ],
    exits: [2],
    related: ['log verify', 'trust import', 'attest verify'],
  },
  'log verify': {
    purpose:
      'Checks a log directory as a stranger would: the checkpoint signature, the root hash from the tiles, and every entry against its leaf.',
    examples: [
      ['stella log verify ./site/log', 'with the key that the log remembers'],
      [
        'stella log verify ./copy --key log.example.com/builds+3a2c1d4e+AeA0d0Y5c1hYb2Z2c3R1dnd4eXoxMjM0NTY3ODkwYWJjZGVm',
        'a copy, with the verifier key that was published',
      ],
      ['stella log verify ./copy --key ./log.pub', 'the same, with the public key in a PEM file'],
    ],
    exits: [2],
    related: ['log checkpoint', 'trust snapshot export'],
  },
};
