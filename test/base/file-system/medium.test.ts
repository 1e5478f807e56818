import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { missingMedium } from '../../../src/base/file-system/medium.ts';
import { onNotice } from '../../../src/base/file-system/notices.ts';
import { checkMedium } from '../../../src/base/files.ts';
import { stella } from '../../support/cli.ts';
import { refusal } from '../../support/errors.ts';
import { temporaryDirectory } from '../../support/temp.ts';

test('below a place for media on the same device nothing is mounted', () => {
  const base = temporaryDirectory();
  const place = join(base, 'media');
  const at = (...names: string[]) => missingMedium(join(base, ...names), [place]);
  expect(at('media', 'usb'), 'the place itself is missing').toEqual({
    existing: base,
    missing: join(place, 'usb'),
  });
  mkdirSync(join(place, 'usb'), { recursive: true });
  expect(at('media', 'usb'), 'an empty mount point').toEqual({ existing: join(place, 'usb') });
  expect(at('media', 'disk', 'snapshots')).toEqual({
    existing: place,
    missing: join(place, 'disk', 'snapshots'),
  });
  writeFileSync(join(place, 'usb', 'work'), '');
  expect(at('media', 'usb', 'snapshots'), 'a directory in use').toEqual({ existing: join(place, 'usb') });
  expect(at('elsewhere', 'new')).toBeUndefined();
  expect(at('media-of-others', 'new')).toBeUndefined();
});

test.skipIf(!existsSync('/proc/self'))('where another file system begins, a medium is mounted', () => {
  expect(missingMedium('/proc/self/x', ['/proc'])).toBeUndefined();
});

const unmounted = join('/media', 'stella-test-not-mounted', 'snapshots');

describe.skipIf(missingMedium(unmounted)?.missing === undefined)('a medium that is not mounted', () => {
  test('no directory is made in its place', async () => {
    const error = await refusal('WRITE_FAILED', () => checkMedium(unmounted));
    expect(error.message).toBe(`there is no directory ${unmounted}, and no medium is mounted there`);
    expect(error.hints).toEqual([
      'mount the medium, then run the command again',
      `if it is to lie on the disk of this machine: mkdir -p ${unmounted}`,
    ]);
    expect(existsSync(join('/media', 'stella-test-not-mounted'))).toBe(false);
  });

  test('a trust store is not made there either', async () => {
    const config = join(temporaryDirectory(), 'stella.yaml');
    writeFileSync(config, `attestor:\n  trust_repo:\n    local_cache_path: ${unmounted}\n`);
    const args = ['trust', 'init', '--tuf-url', 'file:///nonexistent/', '--config', config];
    const { stderr } = await stella(args, { env: {} });
    expect(stderr).toContain('no medium is mounted there [STORE_UNWRITABLE]');
    expect(stderr).toContain('hint: mount the medium');
  });

  test.each([
    ['trust', 'snapshot', 'export', '--out', join(unmounted, 'x.tar.zst')],
    ['repo', 'init', unmounted, '--no-passphrase'],
    ['log', 'init', unmounted, '--origin', 'a.example/b'],
    ['config', 'show', '--log-file', join(unmounted, 'run.log')],
  ])('stella %s %s %s says so before it does anything', async (...args) => {
    const { status, stderr } = await stella(args, { env: { HOME: temporaryDirectory() } });
    expect(status).toBe(4);
    expect(stderr).toContain('no medium is mounted there [WRITE_FAILED]');
    expect(existsSync(join('/media', 'stella-test-not-mounted'))).toBe(false);
  });
});

test.skipIf(missingMedium('/mnt') === undefined || missingMedium('/mnt')?.missing !== undefined)(
  'an empty mount point is named once, and used',
  () => {
    const said: string[] = [];
    const end = onNotice((line) => said.push(line));
    checkMedium('/mnt');
    checkMedium('/mnt');
    end();
    checkMedium('/mnt');
    expect(said).toEqual([
      'warning: no medium is mounted at /mnt: what is written there stays on the disk of this machine',
    ]);
  },
);
