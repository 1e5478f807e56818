import { expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';

/** Attestations of private instances as they were published, with what has to be said of each. */
const FORMS = [
  [
    'a checkpoint signed under the host name of a pod',
    '01-rekor-v1-host-name',
    [
      'bundle.json',
      '--trusted-root',
      'trusted_root.json',
      '--digest',
      'sha256:bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b',
    ],
    'logged    rekor-00001-deployment-56bf7777c9-jds5x - 6364419738405537866 index 3',
  ],
  [
    'a trusted root whose logs have no URL',
    '18-root-without-base-url',
    ['bundle.json', '--trusted-root', 'trusted_root.json'],
    'by the word of c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d',
  ],
  [
    'a promise of a log without a URL',
    '18-root-without-base-url',
    ['sig.as-cosign-bundle.json', '--artifact', 'payload.json', '--trusted-root', 'real_root.json'],
    'logged    59b2aa842d6509de61cd18677bf954f46db6aee0a33f8e18936d5423582b4b43 index 0',
  ],
] as const;

test.runIf(realIsPresent).each(FORMS)('%s is verified and named', async (_, form, args, named) => {
  const result = await stella(['attest', 'verify', ...args], { cwd: `${real}forms/${form}`, env: {} });
  expect([result.status, result.stderr]).toEqual([0, '']);
  expect(result.stdout).toContain(named);
});
