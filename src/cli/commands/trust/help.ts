import { BUNDLE_CHECKS } from '../../../consumer/check-list.ts';
import { enumerate, type HelpTable } from '../../frame/command-help.ts';

export const TRUST: HelpTable = {
  'trust init': {
    purpose:
      'Makes the trust store: fetches the TUF repository, verifies it from a root that you vouch for, and keeps it as generation 1. Vouch with --root or --root-fingerprint; without either the root that the repository shows is trusted on first use, which a warning says and which stays visible in `trust status`. The root of the Sigstore public-good repository is built in.',
    examples: [
      [
        'stella trust init --tuf-url https://trust.example.com/tuf/ --root ./root.json',
        'pin the root metadata that the trust team handed out',
      ],
      [
        'stella trust init --tuf-url file:///media/usb/trust/ --root-fingerprint sha256:3f5d06a8b2a5a1d2c0d5c2a0e1a7d9f0b6a1c3e5f70819a2b3c4d5e6f7081920 --offline',
        'from a directory, with the fingerprint as read out over the telephone',
      ],
      [
        'stella trust init --tuf-url https://trust.example.com/tuf/ --service-map sigstore-services-v1 --pin rekor-key-v1 rekor-key-v2',
        'believe these two Rekor keys and no others',
      ],
    ],
    exits: [2, 3, 5],
    related: ['trust sync', 'trust status', 'trust import'],
  },
  'trust sync': {
    purpose:
      'Asks the TUF repository for news and keeps them as a new generation. Asks at most once per refresh_interval_minutes unless --force is given. What fails leaves the trust store as it was, and `trust status` shows the failure.',
    examples: [
      ['stella trust sync', 'before an export, or from cron'],
      ['stella trust sync --force', 'after a key rotation: ask now'],
      ['stella trust sync --watch --metrics ./stella.prom', 'as a service, with metrics for Prometheus'],
    ],
    exits: [2, 3, 5],
    related: ['trust status', 'trust diff', 'trust snapshot export'],
  },
  'trust status': {
    purpose:
      'Verifies the trust store again and shows what it holds: where it came from, who vouched for the root, how fresh it is, when each role and key expires, and what makes other commands refuse it. What it can show it shows, whatever the exit status. Behind the gap roles are shown as of the sealed time; what expires there is the staleness window.',
    examples: [
      ['stella trust status --show-keys --show-endpoints', 'everything, as a table'],
      [
        'stella trust status --expires-within 14d --quiet',
        'for monitoring: status 5 if anything expires within two weeks, or if the store is too old',
      ],
      ['stella trust status --html ./status.html', 'a page with pictures, for a report'],
    ],
    exits: [2, 5],
    related: ['trust sync', 'trust diff', 'doctor'],
  },
  'trust export': {
    purpose:
      'Writes the current trust as a directory: the TUF repository as published, and the Sigstore trusted root and service map for other verifiers. Unsealed: nobody signs it, and there are no logs in it. To cross an air gap use `trust snapshot export`.',
    examples: [
      ['stella trust export --out ./trust-bundle/', 'a directory that any TUF client can use'],
      [
        'stella trust init --tuf-url file:///srv/trust-bundle/ --offline',
        'on another machine: start from such a directory',
      ],
    ],
    exits: [2],
    related: ['trust snapshot export', 'trust init'],
  },
  'trust diff': {
    purpose:
      'Compares the current generation with an earlier one: roles, keys, services and logs that came, went or changed.',
    examples: [
      ['stella trust diff', 'what the last sync or import changed'],
      ['stella trust diff 3 --json', 'since generation 3, for a program'],
    ],
    exits: [2],
    related: ['trust status', 'trust sync', 'trust import'],
  },
  'trust import': {
    purpose: `Checks a sealed bundle from the outside and makes it the current trust. The checks, in order: ${enumerate(BUNDLE_CHECKS)}. All pass and the bundle becomes a new generation in one step, or the store stays as it was. Uses the network only for a bundle at oci://…. On the first import you vouch for the root: with --root, --root-fingerprint or, trusting the bundle itself, --trust-on-first-use.`,
    examples: [
      [
        'stella trust import ./2026-01-25.tar.zst --verify-manifest --reject-if-stale 7d',
        'the usual import: print every check, accept nothing older than a week',
      ],
      [
        'stella trust import ./first.tar.zst --root-fingerprint sha256:3f5d06a8b2a5a1d2c0d5c2a0e1a7d9f0b6a1c3e5f70819a2b3c4d5e6f7081920',
        'the first import, with the fingerprint that came over another channel',
      ],
      ['stella trust import - --dry-run', 'check what comes on standard input, and change nothing'],
      [
        'stella trust import oci:/media/usb/layout:2026-01-25',
        'from an OCI image layout that skopeo has written on a medium',
      ],
    ],
    exits: [2, 3, 5],
    related: ['trust snapshot inspect', 'trust snapshot verify', 'trust status', 'attest verify'],
  },
  'trust receipts': {
    purpose:
      'Reads the receipts that sites wrote with `trust import --receipt` and brought back, and lists what each site holds: before an old key is revoked, every site must hold the new one.',
    examples: [
      ['stella trust receipts ./receipts', 'which site holds what'],
      [
        'stella trust receipts ./receipts --key ./site-a.pub --key ./site-b.pub --holding rekor-key-v2.pub',
        'with signatures; fails unless every site holds the new key',
      ],
    ],
    exits: [2],
    related: ['trust import', 'repo retire-target'],
  },
  'trust unpin': {
    purpose:
      'Takes back a key that `trust import --bundle-key` or `trust init --bundle-key` pinned: bundles of it are accepted no more, unless the TUF repository names it. The trust stays as it is, as a new generation, and the audit log says so. `trust status` lists what is pinned.',
    examples: [
      [
        'stella trust unpin sha256:3f5d06a8b2a5a1d2c0d5c2a0e1a7d9f0b6a1c3e5f70819a2b3c4d5e6f7081920',
        'once the repository names the new signer, or when the key was lost',
      ],
      [
        'stella trust unpin sha256:3f5d06a8b2a5a1d2c0d5c2a0e1a7d9f0b6a1c3e5f70819a2b3c4d5e6f7081920 --json',
        'for a program: what is still pinned',
      ],
    ],
    exits: [2, 5],
    related: ['trust import', 'trust status', 'audit show'],
  },
  'trust prune': {
    purpose:
      'Removes logs, tiles and attestations that none of the kept generations needs. The trust itself stays as it is.',
    examples: [
      ['stella trust prune', 'free the space'],
      ['stella trust prune --json', 'for a program: what was removed'],
    ],
    exits: [2],
    related: ['trust status', 'doctor'],
  },
};
