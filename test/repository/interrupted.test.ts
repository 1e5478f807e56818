import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { TufClient } from '../support/tuf-client.ts';
import { TestRepository } from './repository.ts';

/** Every call, or those that clients can notice and a few others. `npm run test:every-kill` takes them all. */
const everyCall = process.env['STELLA_EVERY_KILL'] === '1';

interface Ended {
  readonly killed: boolean;
  readonly status: number | null;
  readonly stderr: string;
}

/** A command in a process of its own, which the preload may kill. */
function runApart(repository: TestRepository, args: readonly string[], env: Record<string, string>): Ended {
  const preload = resolve('test/support/kill-preload.ts');
  const result = spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      preload,
      resolve('src/cli/process/stella.ts'),
      ...args,
    ],
    {
      env: {
        ...process.env,
        ...env,
        STELLA_REPO: repository.path,
        NODE_COMPILE_CACHE: join(tmpdir(), 'stella-test-cache'),
      },
      encoding: 'utf8',
      cwd: repository.area,
    },
  );
  return { killed: result.signal === 'SIGKILL', status: result.status, stderr: result.stderr };
}

/** The calls of a whole run, and which of them to stop at. */
function pointsOf(calls: readonly string[], failing: boolean): number[] {
  const chosen = (name: string, index: number) =>
    failing
      ? name === 'writeSync' && calls.slice(0, index).filter((call) => call === name).length % 3 === 0
      : name === 'renameSync' || index === 20;
  const points = calls.flatMap((name, index) => (everyCall || chosen(name, index) ? [index + 1] : []));
  // What clients can notice happens at the end.
  return everyCall ? points : points.slice(failing ? -2 : -6);
}

/** Stops a command at many points; after each, every kind of client must be served and the command must be able to go on. */
async function stopEverywhere(
  repository: TestRepository,
  args: readonly string[],
  env: Record<string, string>,
  check: (ended: Ended) => Promise<void>,
): Promise<void> {
  const saved = join(repository.area, 'saved');
  const restore = () => {
    rmSync(repository.path, { recursive: true, force: true });
    cpSync(saved, repository.path, { recursive: true });
  };
  cpSync(repository.path, saved, { recursive: true });
  const callsFile = join(repository.area, 'calls.json');
  expect(runApart(repository, args, { CALLS_FILE: callsFile }).status).toBe(0);
  const points = pointsOf(JSON.parse(readFileSync(callsFile, 'utf8')) as string[], 'FAIL_WITH' in env);
  expect(points.length).toBeGreaterThan(1);
  for (const point of points) {
    restore();
    await check(runApart(repository, args, { ...env, KILL_AT: String(point) }));
  }
}

/** A staged change that touches everything: all keys, a target, a delegation. */
async function stagedRepository(): Promise<{ repository: TestRepository; client: () => TufClient }> {
  const repository = new TestRepository();
  repository.now = Date.now();
  await repository.init('--target', `old.pub=${repository.publicKey('old.pub')}`);
  const before = join(repository.area, 'before');
  cpSync(repository.public, before, { recursive: true });
  for (const role of ['root', 'targets', 'snapshot', 'timestamp'])
    await repository.ok(['repo', 'rotate-key', role, '--no-passphrase', '--stage']);
  await repository.ok(['repo', 'add-target', repository.publicKey('new.pub'), 'new.pub', '--stage']);
  await repository.ok(['repo', 'delegate', 'team', '--paths', 'team/*', '--no-passphrase', '--stage']);
  await repository.ok(['repo', 'sign']);
  return { repository, client: () => repository.client(join(before, '1.root.json')) };
}

async function expectServed(client: TufClient): Promise<void> {
  const now = Date.now();
  // One that asked for the next root a moment ago, one that asks now, and one that knows what is there now.
  await client.refresh(now, ['2.root.json']);
  expect(await client.fetchTarget('old.pub', now)).toBeDefined();
  await client.refresh(now);
}

const LONG = everyCall ? 600_000 : 60_000;

test(
  'publish may be killed at any write: clients are served at every instant, and it can be repeated',
  async () => {
    const { repository, client } = await stagedRepository();
    let done = 0;
    await stopEverywhere(repository, ['repo', 'publish'], {}, async (ended) => {
      expect(ended.killed).toBe(true);
      const old = client();
      await expectServed(old);
      const again = await repository.run(['repo', 'publish']);
      if (existsSync(join(repository.path, 'staged'))) expect(again.status, again.stderr).toBe(0);
      else done += 1;
      await expectServed(client());
      await old.refresh(Date.now());
      expect(readdirSync(repository.path, { recursive: true, encoding: 'utf8' }).join()).not.toContain(
        '.staging-',
      );
      expect(old.versions()).toMatchObject({ root: 2, targets: 2, snapshot: 2 });
      expect(await old.fetchTarget('new.pub', Date.now())).toBeDefined();
      await repository.ok(['repo', 'verify']);
    });
    expect(done).toBeGreaterThan(0);
  },
  LONG,
);

test(
  'a full disk in the middle of publish is reported, and clients are served',
  async () => {
    const { repository, client } = await stagedRepository();
    await stopEverywhere(repository, ['repo', 'publish'], { FAIL_WITH: 'ENOSPC' }, async (ended) => {
      expect(ended.killed).toBe(false);
      if (ended.status !== 0)
        expect([ended.status, ended.stderr]).toEqual([4, expect.stringContaining('[WRITE_FAILED]')]);
      await expectServed(client());
      if (existsSync(join(repository.path, 'staged'))) await repository.ok(['repo', 'publish']);
      await repository.ok(['repo', 'verify']);
    });
  },
  LONG,
);

test(
  'add-target and update-timestamp may be killed at any write',
  async () => {
    const repository = new TestRepository();
    repository.now = Date.now();
    await repository.init('--target', `old.pub=${repository.publicKey('old.pub')}`);
    const root = repository.file('root.json', readFileSync(join(repository.public, '1.root.json')));
    const file = repository.publicKey('new.pub');
    const saved = join(repository.area, 'first');
    cpSync(repository.path, saved, { recursive: true });
    const commands = [['repo', 'add-target', file, 'new.pub']];
    if (everyCall) commands.push(['repo', 'update-timestamp', '--force']);
    for (const args of commands) {
      await stopEverywhere(repository, args, {}, async (ended) => {
        expect(ended.killed).toBe(true);
        const client = repository.client(root);
        expect(await client.fetchTarget('old.pub', Date.now())).toBeDefined();
        const again = await repository.run([...args, ...(args[1] === 'add-target' ? ['--replace'] : [])]);
        expect(again.status, again.stderr).toBe(0);
        await client.refresh(Date.now());
        await repository.ok(['repo', 'verify']);
      });
      rmSync(repository.path, { recursive: true });
      rmSync(join(repository.area, 'saved'), { recursive: true });
      cpSync(saved, repository.path, { recursive: true });
    }
  },
  LONG,
);
