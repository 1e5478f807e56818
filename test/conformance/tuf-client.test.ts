import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as base, expect, onTestFinished } from 'vitest';
import { DAY } from '../../src/base/clock.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { TufRepository } from '../support/tuf-repository.ts';

const executable = fileURLToPath(new URL('tuf-client', import.meta.url));
const faketime = ['/usr/bin/faketime', '/usr/local/bin/faketime'].find((path) => existsSync(path));
if (!faketime)
  console.warn('skipping tests with a fake clock: scripts/install-test-servers.sh installs faketime');

/** The protocol of the suite: a repository behind HTTP, and one process per command. */
class Case {
  readonly repository = new TufRepository(Date.now()).publish();
  readonly metadata = join(temporaryDirectory(), 'metadata');
  readonly targets = join(temporaryDirectory(), 'targets');
  readonly requests: string[] = [];
  #url = '';

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      const path = decodeURIComponent(request.url!.slice(1));
      this.requests.push(path);
      const bytes = this.repository.files.get(path);
      if (bytes) response.end(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    this.#url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const root = join(temporaryDirectory(), 'root.json');
    writeFileSync(root, this.repository.firstRoot);
    expect(await this.#run(['--metadata-dir', this.metadata, 'init', root])).toBe(0);
    return this;
  }

  refresh(wrapper: string[] = []): Promise<number> {
    return this.#run(['--metadata-dir', this.metadata, '--metadata-url', this.#url, 'refresh'], wrapper);
  }

  download(...names: string[]): Promise<number> {
    const args = ['--metadata-dir', this.metadata, '--metadata-url', this.#url];
    for (const name of names) args.push('--target-name', name);
    return this.#run([
      ...args,
      '--target-base-url',
      `${this.#url}targets/`,
      '--target-dir',
      this.targets,
      'download',
    ]);
  }

  trusted(): Record<string, number> {
    return Object.fromEntries(
      readdirSync(this.metadata).map((file) => {
        const { signed } = JSON.parse(readFileSync(join(this.metadata, file), 'utf8')) as {
          signed: { version: number };
        };
        return [file, signed.version];
      }),
    );
  }

  #run(args: string[], wrapper: string[] = []): Promise<number> {
    const [program, ...rest] = [...wrapper, executable, ...args];
    return new Promise((resolve) => {
      execFile(program!, rest, (error) => resolve(error ? Number(error.code) : 0));
    });
  }
}

const test = base.extend<{ suite: Case }>({
  suite: async ({ task: _ }, use) => use(await new Case().start()),
});

test('basic: init keeps the root, refresh brings the rest, a second refresh asks for two files', async ({
  suite,
}) => {
  expect(suite.trusted()).toEqual({ 'root.json': 1 });
  expect(await suite.refresh()).toBe(0);
  expect(suite.trusted()).toEqual({
    'root.json': 1,
    'timestamp.json': 1,
    'snapshot.json': 1,
    'targets.json': 1,
  });
  suite.requests.length = 0;
  expect(await suite.refresh()).toBe(0);
  expect(suite.requests).toEqual(['2.root.json', 'timestamp.json']);
});

test('key rotation: intermediate roots are followed, and kept even if the rest then fails', async ({
  suite,
}) => {
  suite.repository.rotate('root');
  suite.repository.rotate('timestamp');
  expect(await suite.refresh()).toBe(1);
  expect(suite.trusted()['root.json']).toBe(3);
  suite.repository.publish();
  expect(await suite.refresh()).toBe(0);
});

test('rollback: an older timestamp is refused and the newer kept', async ({ suite }) => {
  const old = suite.repository.files.get('timestamp.json')!;
  suite.repository.publish();
  expect(await suite.refresh()).toBe(0);
  suite.repository.files.set('timestamp.json', old);
  expect(await suite.refresh()).toBe(1);
  expect(suite.trusted()['timestamp.json']).toBe(2);
});

base.skipIf(!faketime)('expiration: a fake clock decides', async () => {
  const suite = await new Case().start();
  const later = new Date(Date.now() + 3 * DAY).toISOString().slice(0, 19).replace('T', ' ');
  expect(await suite.refresh([faketime!, '-f', `@${later}`])).toBe(1);
  expect(suite.trusted()).not.toHaveProperty('snapshot.json');
  expect(await suite.refresh()).toBe(0);
  expect(await suite.refresh([faketime!, '-f', `@${later}`])).toBe(1);
});

test('download: several names with one client, in order; what is there already is not fetched again', async ({
  suite,
}) => {
  suite.repository.addTarget('a.txt', 'a');
  suite.repository.addTarget('dir/b.txt', 'b');
  suite.repository.publish();
  expect(await suite.download('dir/b.txt', 'a.txt')).toBe(0);
  const fetched = () =>
    suite.requests.filter((path) => path.startsWith('targets/')).map((path) => path.slice(-5));
  expect(fetched()).toEqual(['b.txt', 'a.txt']);
  expect(readdirSync(suite.targets).sort()).toEqual(['a.txt', 'dir%2Fb.txt']);
  expect(await suite.download('a.txt')).toBe(0);
  expect(fetched()).toHaveLength(2);
  writeFileSync(join(suite.targets, 'a.txt'), 'altered');
  expect(await suite.download('a.txt')).toBe(0);
  expect(readFileSync(join(suite.targets, 'a.txt'), 'utf8')).toBe('a');
  expect(await suite.download('missing')).toBe(1);
});

test('delegation graph and quoting: roles with unusual names are found along their delegations only', async ({
  suite,
}) => {
  for (const name of ['?', 'a/b', '../up']) suite.repository.delegate(name, { paths: [`${name.length}-*`] });
  suite.repository.addTarget('1-x', 'x', undefined, '?');
  suite.repository.addTarget('3-x', 'x', undefined, 'a/b');
  suite.repository.addTarget('5-x', 'x', undefined, '?');
  suite.repository.publish();
  expect(await suite.download('1-x')).toBe(0);
  expect(suite.requests.filter((path) => path.includes('?'))).toEqual(['1.?.json']);
  expect(suite.requests.some((path) => path.includes('a/b'))).toBe(false);
  expect(await suite.download('3-x')).toBe(0);
  expect(await suite.download('5-x')).toBe(1);
});
