import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { stella } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';
import { writeUserConfig } from '../support/user-config.ts';

const pem = () => formatPublicKey(generateKey().publicKey);

/** A repository with one key for each use, which a client follows. */
function site() {
  const repository = new TufRepository();
  const directory = temporaryDirectory();
  const home = temporaryDirectory();
  const add = (name: string, usage: string, status = 'Active') => {
    repository.addTarget(name, pem(), { sigstore: { status, usage } });
    repository.publish().writeTo(directory);
  };
  const addMap = (map: object) => {
    repository.addTarget('sigstore-services-v1.json', Buffer.from(JSON.stringify(map)));
    repository.publish().writeTo(directory);
  };
  add('rekor-key-v1.pub', 'Rekor');
  add('bundle-signer-v1.pub', 'bundle-signer');
  const run = async (line: string) => {
    const result = await stella(line.split(' '), { now: NOW, cwd: home, env: { HOME: home } });
    expect(result.status, result.stderr).toBe(0);
    return result;
  };
  return { add, addMap, run, home, url: pathToFileURL(directory).href };
}

test('a client that chose its keys is told of one that the repository publishes beside them', async () => {
  const { add, run, home, url } = site();
  writeUserConfig(home, { attestor: { trust_repo: { bundle_key_targets: ['bundle-signer-v1'] } } });
  expect((await run(`trust init --tuf-url ${url} --pin rekor-key-v1`)).stderr).not.toContain('is not used');
  add('rekor-key-v2.pub', 'Rekor');
  add('rekor-key-v0.pub', 'Rekor', 'Expired');
  add('bundle-signer-v2.pub', 'bundle-signer');
  add('attestor-v2.pub', 'attestor');
  const { stderr } = await run('trust sync --force');
  expect(stderr.match(/^warning: .*is not used.*$/gm)).toEqual([
    expect.stringMatching(/Rekor key "rekor-key-v2\.pub".*`trust init --pin` has it/),
    expect.stringMatching(/bundle-signer key "bundle-signer-v2\.pub".*bundle_key_targets \(.*stella\.yaml/),
  ]);
  const status = await run('trust status');
  expect(status.stdout.match(/^unused key .*$/gm)).toHaveLength(2);
  expect((await run('trust status --json')).json()).toMatchObject({
    unused_keys: [
      { target: 'rekor-key-v2.pub', usage: 'Rekor' },
      { target: 'bundle-signer-v2.pub', usage: 'bundle-signer' },
    ],
  });
  expect((await run('doctor')).stdout).toMatch(/warning {2}keys .*rekor-key-v2\.pub/);
});

test('a client that chose none uses every key, and is told nothing', async () => {
  const { add, run, url } = site();
  add('rekor-key-v2.pub', 'Rekor');
  expect((await run(`trust init --tuf-url ${url}`)).stderr).not.toContain('is not used');
  expect((await run('trust status --json')).json()).toMatchObject({ unused_keys: [] });
});

test('the key of a log that the service map names counts as published for that', async () => {
  const { add, addMap, run, url } = site();
  add('log-2026.pub', 'other');
  addMap({ version: 1, rekor: { url: 'https://rekor.test', public_key_target: 'log-2026' } });
  const { stderr } = await run(`trust init --tuf-url ${url} --pin rekor-key-v1`);
  expect(stderr).toMatch(/Rekor key "log-2026\.pub", which is not used/);
});

test('an environment is refused where the repository has no service map, with what to do', async () => {
  const { run, home, url } = site();
  await run(`trust init --tuf-url ${url}`);
  writeUserConfig(home, { attestor: { trust_repo: { environment: 'staging' } } });
  for (const command of ['trust status --show-endpoints', 'trust sync --force']) {
    const setting = { now: NOW, cwd: home, env: { HOME: home } };
    const { status, stdout, stderr } = await stella(command.split(' '), setting);
    expect([status, stderr]).toEqual([
      4,
      expect.stringMatching(/"staging" .*\[ENVIRONMENT_UNKNOWN\]\nhint: /),
    ]);
    expect(stdout).not.toContain('there is no service map');
  }
});
