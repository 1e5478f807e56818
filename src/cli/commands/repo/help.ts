import type { HelpTable } from '../../frame/command-help.ts';

export const REPO: HelpTable = {
  'repo init': {
    purpose:
      'Makes a TUF repository: keys for each role, first metadata, and public/, the directory to serve. Private keys are encrypted with a passphrase and never lie in public/.',
    examples: [
      ['stella repo init ./trust-repo', 'asks for a passphrase; one key per role'],
      [
        'stella repo init ./trust-repo --threshold root=2/3 --expires timestamp=1d --stage',
        'three root keys of which two must sign; nothing is signed yet',
      ],
    ],
    exits: [2],
    related: ['repo add-target', 'repo update-timestamp', 'repo status', 'trust init'],
  },
  'repo add-target': {
    purpose:
      'Publishes a file (a key, a certificate chain, a service map) as a target, with what it is for. Signs targets, snapshot and timestamp.',
    examples: [
      [
        'stella repo add-target ./rekor.pub rekor-key-v2.pub --usage Rekor --repo ./trust-repo',
        'a new Rekor key, beside the old one',
      ],
      [
        'stella repo add-target ./services.json sigstore-services-v1.json --replace',
        'a new service map in the place of the old one',
      ],
    ],
    exits: [2, 5],
    related: ['repo retire-target', 'repo remove-target', 'repo swap-endpoint'],
  },
  'repo remove-target': {
    purpose:
      'Stops publishing a target. A key that is removed counts as revoked: clients refuse even what it signed before. To let old signatures stand use `repo retire-target`.',
    examples: [
      ['stella repo remove-target rekor-key-v1.pub --repo ./trust-repo', 'revoke a key'],
      ['stella repo remove-target old-map.json --stage', 'only add it to the staged change'],
    ],
    exits: [2, 5],
    related: ['repo retire-target', 'repo add-target'],
  },
  'repo retire-target': {
    purpose:
      'Ends the life of a key without revoking it: what it signed until then stays valid, and nothing later is.',
    examples: [
      [
        'stella repo retire-target rekor-key-v1.pub --valid-until 2026-03-01T00:00:00Z',
        'the end of the grace period',
      ],
      [
        'stella repo retire-target attestor-key-v1.pub --valid-until 2026-03-01T00:00:00Z --stage',
        'to be signed later',
      ],
    ],
    exits: [2, 5],
    related: ['repo add-target', 'repo remove-target'],
  },
  'repo service-map': {
    purpose:
      'Makes the service map, so that none of it has to be guessed: each log is asked what it serves, what it signs as and what its id is. What a log says must be signed by a key that you give; without one it is taken on first sight, and said so. With --check each log of a service map is asked whether it is what the map says.',
    examples: [
      [
        'stella repo service-map --rekor https://log.example.com/builds --log-key log.pub --out map.json',
        'one log, confirmed by its key',
      ],
      [
        'stella repo service-map --from map.json --environment staging --rekor https://log.staging.example.com --out new.json',
        'an override for an environment',
      ],
      ['stella repo service-map --check map.json --log-key log.pub', 'is every log what the map says?'],
    ],
    exits: [2, 3],
    related: ['repo add-target', 'repo swap-endpoint', 'trust status'],
  },
  'repo swap-endpoint': {
    purpose:
      'Changes the address of a service in the published service map, so that clients follow without a new configuration. Of a log, what the map says of the one before (log id, origin, interface) goes with the old address, unless --same-log says that it only moved.',
    examples: [
      ['stella repo swap-endpoint rekor https://rekor2.example.com', 'another log, for everybody'],
      ['stella repo swap-endpoint rekor https://rekor.example.org --same-log', 'the same log has moved'],
      [
        'stella repo swap-endpoint rekor https://rekor.staging.example.com --environment staging',
        'for one environment',
      ],
    ],
    exits: [2, 5],
    related: ['repo add-target', 'trust status'],
  },
  'repo update-timestamp': {
    purpose:
      'Signs a new timestamp, so that clients know that the repository is alive. Needs the timestamp key only; run it daily from cron. Fails when another role expires soon, so that somebody notices.',
    examples: [
      ['stella repo update-timestamp --repo ./trust-repo', 'daily'],
      [
        'stella repo update-timestamp --force --expires-within 30d',
        'now, and fail if a role expires within a month',
      ],
    ],
    exits: [2, 5],
    related: ['repo status', 'repo stage'],
  },
  'repo rotate-key': {
    purpose:
      'Puts a new key in the place of an old one. A new root is signed by the old root keys and the new ones.',
    examples: [
      ['stella repo rotate-key timestamp --repo ./trust-repo', 'a new timestamp key'],
      [
        'stella repo rotate-key root --key root-1 --public-key ./hsm.pub --signer "exec:sign-with-hsm root"',
        'a key in a hardware module',
      ],
    ],
    exits: [2, 5],
    related: ['repo add-key', 'repo remove-key', 'repo status'],
  },
  'repo add-key': {
    purpose: 'Gives a role one more key, and with --threshold says how many must sign from now on.',
    examples: [
      ['stella repo add-key root --threshold 2', 'from now on two root keys must sign'],
      ['stella repo add-key targets --public-key ./alice.pub --stage', 'a key that somebody else keeps'],
    ],
    exits: [2, 5],
    related: ['repo remove-key', 'repo set-threshold', 'repo rotate-key'],
  },
  'repo remove-key': {
    purpose: 'Takes a key from a role. The threshold must still be possible.',
    examples: [
      ['stella repo remove-key targets alice', 'by its name'],
      ['stella repo remove-key root root-3 --threshold 2', 'and lower the threshold'],
    ],
    exits: [2, 5],
    related: ['repo add-key', 'repo rotate-key'],
  },
  'repo set-threshold': {
    purpose: 'Says how many keys of a role must sign.',
    examples: [
      ['stella repo set-threshold root 2', 'two root keys'],
      ['stella repo set-threshold targets 2 --stage', 'to be signed later'],
    ],
    exits: [2, 5],
    related: ['repo add-key', 'repo remove-key'],
  },
  'repo delegate': {
    purpose: 'Lets other keys sign for some targets, or spreads a large number of targets over hash bins.',
    examples: [
      ['stella repo delegate builds --paths "builds/*"', 'a role for the targets under builds/'],
      ['stella repo delegate bins --hash-bins 16', 'spread all new targets over 16 roles'],
    ],
    exits: [2, 5],
    related: ['repo add-target', 'repo status'],
  },
  'repo stage': {
    purpose:
      'Shows the change that commands with --stage have collected and who must still sign it. With roles, issues them anew as part of it, e.g. before they expire.',
    examples: [
      ['stella repo stage root', 'renew the root'],
      ['stella repo stage --discard', 'drop the staged change'],
    ],
    exits: [2],
    related: ['repo sign', 'repo publish'],
  },
  'repo sign': {
    purpose:
      'Adds signatures to the staged change, here or to a copy of it on a machine without network. Shows what will be signed and asks before it signs.',
    examples: [
      ['stella repo sign --repo ./trust-repo', 'with every key that is at hand'],
      [
        'stella repo sign /media/usb/staged --key ./root-2.key --yes',
        'a copy on a medium, with one key, without asking',
      ],
    ],
    exits: [2],
    related: ['repo stage', 'repo publish'],
  },
  'repo publish': {
    purpose: 'Publishes the staged change when enough signatures are there, with those of copies of it.',
    examples: [
      ['stella repo publish --repo ./trust-repo', 'what was signed here'],
      ['stella repo publish /media/usb/alice /media/usb/bob', 'with the signatures of two copies'],
    ],
    exits: [2, 5],
    related: ['repo stage', 'repo sign', 'repo verify'],
  },
  'repo verify': {
    purpose:
      'Checks everything that a repository publishes, whoever made it, as a strict client would: signatures, thresholds, versions, expiries, digests of every target.',
    examples: [
      ['stella repo verify ./trust-repo/public', 'before it is served'],
      [
        'stella repo verify ./copy --root ./root.json --as-of 2026-01-25T00:00:00Z',
        'a copy, from a known root, as of a past time',
      ],
    ],
    exits: [2, 5],
    related: ['repo status', 'repo publish'],
  },
  'repo status': {
    purpose: 'Shows roles with versions, expiries, keys and thresholds, the targets, and what is staged.',
    examples: [
      ['stella repo status --repo ./trust-repo', 'as a table'],
      ['stella repo status --json', 'for a program'],
    ],
    exits: [2],
    related: ['repo stage', 'repo update-timestamp', 'repo verify'],
  },
};
