import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  directory,
  hasPython,
  hasTuftool,
  heldBy,
  init,
  python,
  Repository,
  refusalOf,
  rolesOf,
  SYNC,
  serve,
  tuftool,
  url,
} from './tuf-clients.ts';

/** Histories of a repository: each step changes it, and clients follow after each. */
const HISTORIES: {
  readonly history: string;
  readonly begin?: readonly string[];
  readonly steps: readonly string[];
  readonly targets: readonly string[];
  /** What tuftool does not know. */
  readonly notTuftool?: string;
}[] = [
  {
    history: 'every key is rotated, root twice, and thresholds go up and down',
    begin: ['--threshold', 'root=1/2'],
    steps: [
      'add-target log.pub rekor-key-v1.pub',
      'rotate-key root --key root-1',
      'set-threshold root 2',
      'rotate-key root --key root-2',
      'add-key root --threshold 3',
      'set-threshold root 1',
      'rotate-key timestamp',
      'rotate-key snapshot',
      'add-key targets --threshold 2',
      'rotate-key targets --key targets-1',
      'add-target b.txt',
    ],
    targets: ['rekor-key-v1.pub', 'b.txt', 'none.txt'],
  },
  {
    history: 'keys are of P-256, RSA and Ed25519',
    begin: ['--key-type', 'ecdsa-p256'],
    steps: [
      'add-target log.pub rekor-key-v1.pub',
      'rotate-key root --key-type rsa',
      'rotate-key timestamp --key-type rsa',
      'rotate-key targets --key-type ed25519',
      'add-target a.txt',
    ],
    targets: ['rekor-key-v1.pub', 'a.txt'],
  },
  {
    history: 'keys are of P-384',
    begin: ['--key-type', 'ecdsa-p384'],
    steps: ['add-target log.pub rekor-key-v1.pub', 'rotate-key root', 'add-target a.txt'],
    targets: ['rekor-key-v1.pub', 'a.txt'],
    notTuftool: 'it reads no P-384 keys',
  },
  {
    history: 'roles list targets, one below another',
    steps: [
      'delegate team --paths team-* --paths shared-?.txt',
      'add-target a.txt team-a.txt --role team',
      'delegate below --paths shared-?.txt --from team',
      'add-target b.txt shared-1.txt --role below',
      'add-target log.pub team-a.pub --usage Rekor --role team',
      'rotate-key team',
      'add-key below --threshold 2',
      'add-target b.txt team-a.txt --role team --replace',
      'remove-key below below-1 --threshold 1',
    ],
    targets: ['team-a.txt', 'team-rekor-key-v1.pub', 'shared-1.txt', 'shared-2.txt'],
  },
  {
    history: 'targets lie in directories',
    steps: [
      'delegate team --paths team/* --paths team/*/x-?.txt',
      'add-target log.pub team/rekor-key-v1.pub --role team',
      'add-target b.txt team/b/x-1.txt --role team',
      'add-target b.txt c/d.txt',
    ],
    targets: ['team/rekor-key-v1.pub', 'team/b/x-1.txt', 'c/d.txt'],
    notTuftool: 'with consistent snapshots it asks for DIGEST.team/a.txt, others for team/DIGEST.a.txt',
  },
  {
    history: 'targets are spread over hash bins',
    steps: [
      'add-target log.pub rekor-key-v1.pub',
      'delegate bin --hash-bins 8',
      'add-target a.txt one.txt',
      'add-target a.txt two.txt',
      'add-target b.txt a/three.txt',
      'rotate-key bin',
      'add-target b.txt four.txt',
      'remove-target two.txt',
    ],
    targets: ['rekor-key-v1.pub', 'one.txt', 'two.txt', 'a/three.txt', 'four.txt'],
    notTuftool: 'it has no succinct roles (TAP 15)',
  },
];

describe.skipIf(!hasPython && !hasTuftool)('clients of others follow what `stella repo` writes where', () => {
  test.each(HISTORIES)(
    '$history',
    async ({ begin = [], steps, targets, notTuftool }) => {
      const repository = await new Repository().init(...begin);
      serve(repository.public);
      const root = join(repository.public, '1.root.json');
      const [home, state] = [directory(), directory()];
      const follow = (from = root, at = state) => python.ask({ state: at, url, root: from, targets });
      expect(await refusalOf(home, init(root))).toBeUndefined();
      for (const step of steps) {
        await repository.do(step);
        expect(await refusalOf(home, SYNC)).toBeUndefined();
        if (hasPython) expect(await follow(), step).toMatchObject({ roles: await rolesOf(home) });
      }
      const held = await heldBy(home, targets);
      if (hasPython) expect(await follow()).toEqual(held);
      const there = targets.filter((name) => held.targets[name] !== null);
      expect(there.length).toBeGreaterThan(1);
      // Those that come late go from the first root to the last at once.
      const late = directory();
      expect(await refusalOf(late, init(root))).toBeUndefined();
      expect(await heldBy(late, targets)).toEqual(held);
      if (hasPython) expect(await follow(root, directory())).toEqual(held);
      if (hasTuftool && !notTuftool)
        expect(await tuftool(root, there)).toEqual(
          Object.fromEntries(there.map((name) => [name, held.targets[name]])),
        );
      // So is what a store exports.
      const exported = directory();
      serve(exported);
      expect(await refusalOf(home, ['trust', 'export', '--out', exported])).toBeUndefined();
      if (hasPython) expect(await follow(root, directory())).toEqual(held);
    },
    120_000,
  );
});
