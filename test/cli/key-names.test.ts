import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

/** A rotation as the guide has it: clients name both keys while the repository has one, both, and then the other. */
describe('a configuration that names the old key and the new one', () => {
  let base: string;
  let site: Site;
  const config = (name: string, ...keys: string[]) => {
    const path = join(base, `${name}.yaml`);
    writeFileSync(path, `attestor:\n  trust_repo:\n    rekor_key_targets: [${keys.join(', ')}]\n`);
    return ['--config', path];
  };

  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base);
  });

  test('goes on while only one of them is there', async () => {
    await site.run(['trust', 'sync', '--force', ...config('both', 'rekor-key-v1', 'rekor-key-v2')]);
    await site.run([
      'repo',
      'add-target',
      'log.pub',
      'rekor-key-v2.pub',
      '--usage',
      'Rekor',
      '--repo',
      'repo',
    ]);
    site.publish();
    await site.run(['trust', 'sync', '--force', ...config('both', 'rekor-key-v1', 'rekor-key-v2')]);
    await site.run(['repo', 'remove-target', 'rekor-key-v1.pub', '--repo', 'repo']);
    site.publish();
    await site.run(['trust', 'sync', '--force', ...config('both', 'rekor-key-v1', 'rekor-key-v2')]);
  });

  test('is refused when none of them is there, and so is a name that somebody types', async () => {
    const none = await site.run(
      ['trust', 'sync', '--force', ...config('none', 'rekor-key-v8', 'rekor-key-v9')],
      { expect: 4 },
    );
    expect(none.stderr).toMatch(/^error: Unknown target "rekor-key-v8".* \[TARGET_UNKNOWN\]\nhint: /m);
    const typed = await site.run(
      [
        'trust',
        'init',
        '--replace',
        '--tuf-url',
        `file://${base}/site/tuf/`,
        '--pin',
        'rekor-key-v2',
        'rekor-key-v9',
      ],
      { expect: 4 },
    );
    expect(typed.stderr).toContain('Unknown target "rekor-key-v9"');
  });
});
