import { describe, expect, test } from 'vitest';
import { instanceRepository, Repositories } from '../support/instances.ts';

describe('three repositories in one store and one bundle', () => {
  const [good, hub] = [instanceRepository('good'), instanceRepository('hub')];

  test('are followed, sealed, carried and believed, each for its own instance', async () => {
    const site = new Repositories();
    site.serve('good', good.repository);
    site.serve('hub', hub.repository);
    const made = await site.init(
      '--instance',
      `good=${site.url('good')}`,
      '--instance',
      `hub=${site.url('hub')}`,
    );
    expect(made.stderr).toMatch(/nobody vouched for the root of the repository good: trusted on first use/);
    expect(made.stdout).toMatch(/^repository hub from file:.*root 1, timestamp 1/m);
    for (const { bundle } of [good, hub]) {
      const verified = await site.verify(bundle, 'connected');
      expect(verified.stderr + verified.stdout).toContain('holds');
      expect(verified.status).toBe(0);
    }
    const file = await site.seal('first');
    const imported = await site.import(file);
    expect(imported.stderr).toMatch(
      /the repository hub is new here, and nobody but the signer of the bundle/,
    );
    expect(imported.status).toBe(0);
    for (const { bundle } of [good, hub]) expect((await site.verify(bundle)).status).toBe(0);
  });
});
