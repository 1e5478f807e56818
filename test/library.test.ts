import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeEnclave, makeSite, type Site } from './support/site.ts';
import { temporaryDirectory, temporaryTree } from './support/temp.ts';

test('the public interface is the one in docs/api-report.md (npm run generate)', { timeout: 120_000 }, () => {
  const { stderr, status } = spawnSync(process.execPath, ['scripts/generate-api-report.ts', '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

describe('the examples run with the built package', () => {
  let base: string;
  let site: Site;

  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base);
    await site.seal('x');
  });

  const example = (name: string, args: readonly string[], home: string) =>
    spawnSync(process.execPath, [resolve('examples', `${name}.ts`), ...args], {
      encoding: 'utf8',
      cwd: home,
      env: { HOME: home },
    });

  test('seal-and-open.ts', () => {
    const { stdout, stderr } = example('seal-and-open', [base], base);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^sealed \d+ bytes.*\nsigned by sha256:.*; tuf\/1\.root\.json has 2 bytes\n$/);
  });

  test('author.ts', () => {
    const { stdout, stderr } = example('author', [temporaryDirectory()], base);
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^the timestamp is signed by timestamp-2 now; published .*\nverified 4 roles and 1 target\n$/,
    );
  });

  test('follow.ts', () => {
    const home = temporaryDirectory();
    const root = join(site.home, 'repo', 'public', '1.root.json');
    const args = [pathToFileURL(join(base, 'site', 'tuf')).href, root];
    const made = example('follow', args, home);
    expect(made.stderr).toBe('');
    expect(made.stdout).toBe('made generation 1, pinned to root 1\n');
    expect(example('follow', args, home).stdout).toBe('unchanged: generation 1\n');
  });

  test('import.ts and verify.ts', () => {
    const { home } = makeEnclave(base);
    const bundle = join(site.home, 'x.tar.zst');
    const refused = example('import', [bundle, '0'.repeat(64)], home);
    expect(refused.stderr).toMatch(/^PIN_MISMATCH: /);
    expect(refused.status).toBe(2);
    const imported = example('import', [bundle, site.fingerprint.slice(7)], home);
    expect(imported.stderr).toBe('');
    expect(imported.stdout).toMatch(/generation 1 of .*, fresh\n$/);
    const args = [join(site.home, 'attestation.json'), join(site.home, 'app.bin')];
    const verified = example('verify', args, home);
    expect(verified.stderr).toBe('');
    expect(verified.status).toBe(0);
    expect(example('verify', [args[0]!, args[0]!], home).status).toBe(2);
    const policy = join(home, 'policy.json');
    writeFileSync(policy, JSON.stringify({ version: 1, rules: [{ artifacts: ['*.bin'], required: 2 }] }));
    expect(example('verify', [...args, policy], home).status).toBe(2);
  });
});
