import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { formatScript, OPERATOR_SCRIPTS } from '../../src/repository/directory/operator-scripts.ts';
import { TestRepository } from './repository.ts';

const isInstalled = (command: string) =>
  spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
const shellcheck = isInstalled('shellcheck');
if (!shellcheck) console.warn('skipping shellcheck: not installed (scripts/install-test-servers.sh)');

/** The command from source, as an executable: `dist/` may be built anew while this runs. */
function stellaCommand(directory: string): string {
  const path = join(directory, 'stella');
  const source = resolve('src/cli/process/stella.ts');
  writeFileSync(
    path,
    `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${source}" "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

async function newRepository(): Promise<{
  repository: TestRepository;
  env: Record<string, string | undefined>;
}> {
  const repository = new TestRepository();
  repository.now = Date.now();
  await repository.init();
  const bin = join(repository.area, 'bin');
  mkdirSync(bin);
  stellaCommand(bin);
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH']}`,
    NODE_COMPILE_CACHE: join(tmpdir(), 'stella-test-cache'),
    STELLA_REPO: undefined,
    STELLA: undefined,
  };
  return { repository, env };
}

test('the scripts of the project are those that init writes', () => {
  for (const script of OPERATOR_SCRIPTS) {
    const path = resolve('scripts', script[0]);
    expect(readFileSync(path, 'utf8'), script[0]).toBe(formatScript(script));
  }
});

test.skipIf(!shellcheck)('all scripts are clean under shellcheck', () => {
  const files = readdirSync('scripts').filter((name) => name.endsWith('.sh'));
  expect(files.length).toBeGreaterThan(8);
  const result = spawnSync(
    'shellcheck',
    files.map((name) => join('scripts', name)),
    { encoding: 'utf8' },
  );
  expect(result.stdout).toBe('');
  expect(result.status).toBe(0);
});

test("the guide's two commands work as typed in the repository, from elsewhere, and through a link", async () => {
  const { repository, env } = await newRepository();
  const sh = (command: string, cwd: string) =>
    spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8' });
  const key = repository.publicKey('a target.pub');
  const first = sh('./scripts/update-timestamp.sh', repository.path);
  expect([first.status, first.stdout], first.stderr).toEqual([0, expect.stringContaining('nothing to do')]);
  const added = sh(`./scripts/add-target.sh '${key}' target-name`, repository.path);
  expect([added.status, added.stdout], added.stderr).toEqual([
    0,
    expect.stringContaining('Published targets 2'),
  ]);
  mkdirSync(join(repository.area, 'elsewhere dir'));
  const away = sh(
    `'${repository.path}/scripts/remove-target.sh' target-name`,
    join(repository.area, 'elsewhere dir'),
  );
  expect([away.status, away.stdout], away.stderr).toEqual([
    0,
    expect.stringContaining('Target target-name removed'),
  ]);
  symlinkSync(repository.path, join(repository.area, 'link'));
  const linked = sh(
    'CDPATH=/ ../link/scripts/update-timestamp.sh --force',
    join(repository.area, 'elsewhere dir'),
  );
  expect(linked.status, linked.stderr).toBe(0);
});

// All are of one template, so two speak for the rest.
test.each(OPERATOR_SCRIPTS.filter((_, index) => index % 5 === 0).map(([file, command]) => [file, command]))(
  '%s --help explains stella repo %s',
  async (file, command) => {
    const directory = new TestRepository().area;
    const env = {
      ...process.env,
      NODE_COMPILE_CACHE: join(tmpdir(), 'stella-test-cache'),
      STELLA: stellaCommand(directory),
    };
    const help = execFileSync(resolve('scripts', file), ['--help'], {
      cwd: directory,
      env,
      encoding: 'utf8',
    });
    expect(help).toContain(`stella repo ${command}`);
  },
);

const units = resolve('scripts/systemd');

test('the systemd unit runs a command that exists, with options that exist', async () => {
  const { repository, env } = await newRepository();
  const unit = readFileSync(join(units, 'stella-timestamp.service'), 'utf8');
  const command = /^ExecStart=\S+\/(stella .*)$/m.exec(unit)![1]!;
  repository.file('passphrase', 'none needed');
  const result = spawnSync('sh', ['-c', command], {
    env: { ...env, STELLA_REPO: repository.path, CREDENTIALS_DIRECTORY: repository.area },
    encoding: 'utf8',
  });
  expect([result.status, result.stdout], result.stderr).toEqual([
    0,
    expect.stringContaining('nothing to do'),
  ]);
});

test.skipIf(!isInstalled('systemd-analyze'))('systemd reads the units without complaint', () => {
  const files = readdirSync(units).map((name) => join(units, name));
  const result = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
  const complaints = `${result.stdout}${result.stderr}`
    .split('\n')
    .filter((line) => line.includes(dirname(units)) || line.includes('stella-timestamp'))
    // The command is not installed here.
    .filter((line) => !line.includes('is not executable'));
  expect(complaints).toEqual([]);
  expect(existsSync(join(units, 'stella-timestamp.timer'))).toBe(true);
});
