import type { HelpTable } from '../../frame/command-help.ts';

export const SNAPSHOT: HelpTable = {
  'trust snapshot export': {
    purpose:
      'Seals what verification behind the gap will need into one signed .tar.zst: the TUF repository, the log tiles that prove the newest entries, and attestations. Run `trust sync` before it. Equal input and SOURCE_DATE_EPOCH give equal bytes.',
    examples: [
      [
        'stella trust snapshot export --out ./snapshots/2026-01-25.tar.zst --depth 10000',
        'the newest 10,000 entries of each log are provable from it',
      ],
      [
        'stella trust snapshot export --out ./x.tar.zst --entries --attestation ./release.sigstore.json --signing-key ./bundle-signer.key',
        'with the entries, an attestation, and a key of your own',
      ],
      [
        'stella trust snapshot export --out ./delta.tar.zst --since ./receipts/site-a.json --split-size 2GiB',
        'only what that site does not hold yet, in parts for small media',
      ],
    ],
    exits: [2, 3, 5],
    related: ['trust sync', 'trust snapshot inspect', 'trust snapshot sign', 'trust import', 'kit'],
  },
  'trust snapshot inspect': {
    purpose:
      'Shows what a bundle says of itself: sealed time, signers, TUF versions and expiries, logs, sizes. Verifies nothing and needs no trust store, so use it to look, not to decide; `trust snapshot verify` decides.',
    examples: [
      ['stella trust snapshot inspect ./x.tar.zst', 'a summary'],
      [
        'stella trust snapshot inspect ./x.tar.zst --list --html ./x.html',
        'every entry, and a page with pictures',
      ],
      [
        'stella trust snapshot inspect oci://registry.example.com/trust/bundles:2026-01-25',
        'one in a registry, fetched for this and not kept',
      ],
    ],
    exits: [2, 3],
    related: ['trust snapshot verify', 'trust snapshot list', 'trust import'],
  },
  'trust snapshot verify': {
    purpose:
      'Does every check that `trust import` would do, against the same store and with the same flags, and changes nothing.',
    examples: [
      ['stella trust snapshot verify ./x.tar.zst --reject-if-stale 7d', 'would this be accepted?'],
      [
        'stella trust snapshot verify ./x.tar.zst --root ./root.json --json',
        'on a machine without a trust store, for a program',
      ],
      [
        'stella trust snapshot verify oci:/media/usb/layout:2026-01-25',
        'one that `skopeo copy docker://… oci:/media/usb/layout:2026-01-25` put on a medium',
      ],
    ],
    exits: [2, 3, 5],
    related: ['trust import', 'trust snapshot inspect'],
  },
  'trust snapshot sign': {
    purpose:
      'Adds a signature to a sealed bundle, for stores that ask for more than one (bundle_key_threshold). The content and the earlier signatures stay as they are.',
    examples: [
      ['stella trust snapshot sign ./x.tar.zst --signing-key ./second.key', 'countersign'],
      [
        'stella trust snapshot sign ./x.tar.zst --signing-key ./second.key --key-passphrase-file ./passphrase',
        'the key is encrypted',
      ],
    ],
    exits: [2],
    related: ['trust snapshot export', 'trust snapshot inspect'],
  },
  'trust snapshot push': {
    purpose:
      'Puts a sealed bundle into an OCI registry as an artifact, for sites that move registries across the gap anyway. The registry is only a carrier: what comes out of it is checked like any other bundle.',
    examples: [
      [
        'stella trust snapshot push ./x.tar.zst oci://registry.example.com/trust/bundles:2026-01-25',
        'under a tag',
      ],
      [
        'stella trust snapshot push ./x.tar.zst oci://localhost:5000/bundles:latest --plain-http',
        'into a registry on this machine',
      ],
      [
        'stella trust snapshot push ./x.tar.zst oci://registry.example.com/trust/bundles:2026-01-25 --split-size 256MiB',
        'over a line that breaks often',
      ],
    ],
    exits: [2, 3],
    related: ['trust snapshot pull', 'trust snapshot list', 'trust import'],
  },
  'trust snapshot pull': {
    purpose:
      'Fetches a sealed bundle from an OCI registry into a file. With @sha256:HEX exactly that one; with a tag what the registry says it is, which `trust import` then checks.',
    examples: [
      [
        'stella trust snapshot pull oci://registry.example.com/trust/bundles:2026-01-25 --out ./x.tar.zst',
        'by tag',
      ],
      [
        'stella trust snapshot pull oci://registry.example.com/trust/bundles:latest --out ./x.tar.zst --ca-file ./ca.pem',
        'from a registry with a certificate authority of its own',
      ],
    ],
    exits: [2, 3],
    related: ['trust snapshot list', 'trust snapshot push', 'trust import'],
  },
  'trust snapshot list': {
    purpose:
      'Lists the sealed bundles in an OCI repository as the registry describes them, newest first. Nothing of it is verified.',
    examples: [
      ['stella trust snapshot list oci://registry.example.com/trust/bundles', 'which bundles are there?'],
      ['stella trust snapshot list oci://registry.example.com/trust/bundles --json', 'for a program'],
    ],
    exits: [2, 3],
    related: ['trust snapshot pull', 'trust snapshot push'],
  },
};
