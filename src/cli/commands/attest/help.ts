import { ATTESTATION_CHECKS } from '../../../attest/verdict/check-list.ts';
import { enumerate, type HelpTable } from '../../frame/command-help.ts';

export const ATTEST: HelpTable = {
  'attest verify': {
    purpose: `Answers whether attestations hold, by whom, about what, and as of when. The checks, in order: ${enumerate(ATTESTATION_CHECKS)}. Reads Sigstore bundles, DSSE envelopes with detached material, cosign bundles and JSON lines. Never uses the network: trust comes from the trust store or from --trusted-root. Without an artifact or a rule about the signer the verdict says that these were not checked. A log entry is required by the instance that certified the signer, if it has a log, else a timestamp by its own authority. Claims are compared exactly; a repository, owner or workflow on a host implies the issuer that vouches for it.`,
    examples: [
      [
        'stella attest verify ./attestation.json --artifact ./app.bin --offline',
        'is this attestation about this artifact, and does it hold?',
      ],
      [
        'stella attest verify ./attestation.jsonl --artifact ./app.bin --trusted-root ./trusted_root.jsonl --repo OWNER/NAME',
        'without a trust store: was it built from this repository?',
      ],
      [
        'stella attest verify ./attestations/ --certificate-identity ci@example.com --certificate-oidc-issuer https://accounts.example.com --json',
        'a whole directory, signed by one identity, for a program',
      ],
      [
        'stella attest verify ./attestations/ --lockfile ./package-lock.json --offline',
        'what vouches for each package of a lock file, and whether it is enough',
      ],
      [
        'stella attest verify ./attestation.json --explain',
        'show every check, and what a failed one expected',
      ],
    ],
    exits: [2, 5],
    related: ['trust import', 'trust status', 'attest sign', 'attest merge', 'attest collect'],
  },
  'attest collect': {
    purpose:
      "Fetches what vouches for the packages of a lock file: npm's attestations and registry signatures, PyPI's provenance objects. What a registry answers is kept as it came, a file for each package; a run that is repeated asks for the rest only. For the connected side; the directory is carried, and `attest verify --lockfile` judges it behind the gap.",
    examples: [
      [
        'stella attest collect --lockfile ./package-lock.json --out ./attestations',
        'what npm and the makers attest about each package',
      ],
      [
        'stella attest collect --lockfile ./uv.lock --out ./attestations --pypi https://pypi.example.com',
        'from an index of your own',
      ],
    ],
    exits: [3],
    related: ['attest verify', 'trust snapshot export'],
  },
  'attest merge': {
    purpose:
      'Joins what the runs of `attest verify --shard I/N --json` printed, and fails if a shard is missing, was judged by other rules, trust or settings than the others, or anything in one did not verify.',
    examples: [
      ['stella attest merge ./shard-1.jsonl ./shard-2.jsonl', 'of two runs'],
      ['stella attest merge ./shard-1.jsonl ./shard-2.jsonl --json', 'all verdicts in one stream'],
    ],
    exits: [2, 5],
    related: ['attest verify'],
  },
  'attest sign': {
    purpose:
      'Signs a statement about artifacts with a key, appends it to an embedded log, and writes a Sigstore bundle that carries its inclusion proof.',
    examples: [
      [
        'stella attest sign ./app.bin --key ./attestor.key --log ./site/log --out ./attestation.json',
        'the default predicate',
      ],
      [
        'stella attest sign ./app.bin --key ./attestor.key --log ./site/log --predicate ./provenance.json --type https://slsa.dev/provenance/v1',
        'SLSA provenance, printed on stdout',
      ],
    ],
    exits: [2],
    related: ['log init', 'attest verify', 'repo add-target'],
  },
};
