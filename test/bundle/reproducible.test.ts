import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temp.ts';

const script = fileURLToPath(new URL('../support/seal-golden.ts', import.meta.url));

/** Seals the same content in a process of its own, in another setting, with files of another order and mode. */
function sealIn(setting: {
  env?: Record<string, string>;
  umask: string;
  name: string;
  order: string;
}): Buffer {
  const directory = join(temporaryDirectory(), setting.name);
  mkdirSync(directory);
  const out = join(directory, 'x.tar.zst');
  const command = `umask ${setting.umask}; exec "$0" "$1" "$2" "$3"`;
  execFileSync('sh', ['-c', command, process.execPath, script, out, setting.order], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', ...setting.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return readFileSync(out);
}

test('equal inputs give equal bytes in another time zone, locale, umask, directory, thread count and order', () => {
  const one = sealIn({ umask: '022', name: 'a', order: 'forwards' });
  const two = sealIn({
    umask: '077',
    name: 'another directory \u00e4',
    order: 'backwards',
    env: {
      TZ: 'Pacific/Kiritimati',
      LANG: 'tr_TR.UTF-8',
      LC_ALL: 'tr_TR.UTF-8',
      UV_THREADPOOL_SIZE: '1',
      USER: 'nobody',
    },
  });
  expect(two.equals(one)).toBe(true);
});
