import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attestationsOf, keysJson, PUBLISH, packumentOf, trustedRoot } from '../../../attest/packages/npm.ts';
import { stella } from '../../../support/cli.ts';
import { DAY, SIGNED } from '../../../support/sigstore/scenario.ts';
import { temporaryTree } from '../../../support/temp.ts';

const [A, B, C] = ['aa'.repeat(64), 'bb'.repeat(64), 'cc'.repeat(64)];
const integrity = (hex: string) => `sha512-${Buffer.from(hex, 'hex').toString('base64')}`;

/** What the registry answers, by path; a number is a status, HTML is what a proxy would put in its place. */
const answers = new Map<string, object | number | string>();
const asked: string[] = [];
let server: Server;
let base: string;

beforeAll(async () => {
  base = temporaryTree();
  server = createServer((request, response) => {
    asked.push(request.url!);
    const answer = answers.get(request.url!) ?? 404;
    if (typeof answer === 'number') response.writeHead(answer).end();
    else response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  writeFileSync(join(base, 'keys.json'), keysJson());
  writeFileSync(join(base, 'trusted_root.json'), JSON.stringify(trustedRoot));
  const packages = {
    '': { name: 'mine', version: '1.0.0' },
    'node_modules/@s/a': { version: '1.0.0', integrity: integrity(A) },
    'node_modules/b': { version: '1.0.0', integrity: integrity(B) },
    'node_modules/c': { version: '1.0.0', integrity: integrity(C) },
    'node_modules/c/node_modules/b': { version: '1.0.0', integrity: integrity(B) },
    'node_modules/w': { resolved: 'w', link: true },
  };
  writeFileSync(join(base, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
  answers.set('/@s%2fa', packumentOf('@s/a', '1.0.0', A));
  answers.set('/-/npm/v1/attestations/@s%2fa@1.0.0', attestationsOf('%40s/a', '1.0.0', A));
  answers.set('/b', packumentOf('b', '1.0.0', B));
  answers.set('/c', 400);
});
afterAll(() => server.close());

const run = async (args: string) =>
  await stella(args.split(' '), {
    cwd: base,
    env: { HOME: base },
    now: SIGNED + DAY,
  });
const collect = async () =>
  await run(
    `attest collect --lockfile package-lock.json --out kept --npm-registry http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  );
const verify = async (more = '') =>
  await run(
    `attest verify kept --lockfile package-lock.json --registry-keys keys.json --trusted-root trusted_root.json${more}`,
  );

describe('a lock file, from the registry to the verdict', () => {
  test('what cannot be fetched is named, what can is kept, and the next run asks for the rest only', async () => {
    const first = await collect();
    expect(first.status, first.stderr).toBe(3);
    expect(first.stderr).toMatch(
      /warning: c@1\.0\.0: .*400[\s\S]*1 of 4 packages could not be asked for \[FETCH_FAILED\]/,
    );
    expect(readdirSync(join(base, 'kept')).sort()).toEqual([
      'npm-@s+a@1.0.0.attestations.json',
      'npm-@s+a@1.0.0.record.json',
      'npm-b@1.0.0.record.json',
    ]);
    answers.set('/c', packumentOf('c', '1.0.0', 'dd'.repeat(64)));
    asked.length = 0;
    const second = await collect();
    expect(second.status, second.stderr).toBe(0);
    expect(second.stdout).toMatch(/4 packages: 1 collected, 2 held already, 1 of no registry/);
    expect(asked.filter((path) => !path.endsWith('c') && !path.includes('/c@'))).toEqual([]);
  });

  test('each package has its line, and what is refused ends in a status', async () => {
    const { status, stdout, stderr } = await verify();
    expect(stdout).toMatch(/^verified +@s\/a@1\.0\.0 {2}https:\/\/example\.com\/workflow/m);
    expect(stdout.match(/^signed by the registry +b@1\.0\.0/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^REFUSED +c@1\.0\.0 .*\[REGISTRY_SIGNATURE_INVALID\]$/m);
    expect(stdout).toMatch(/^own +w@/m);
    expect(stdout).toMatch(
      /package-lock\.json: 5 packages: 1 verified, 2 signed by the registry, 1 refused, 1 own\n$/,
    );
    expect(stderr).toMatch(
      /1 of 5 packages do not have what is required \(signature\): c@1\.0\.0: .*\[LOCKFILE_UNSATISFIED\]/,
    );
    expect(status).toBe(2);
  });

  test('with what the registry signed rightly, it passes; with more required, it does not', async () => {
    rmSync(join(base, 'kept', 'npm-c@1.0.0.record.json'));
    answers.set('/c', packumentOf('c', '1.0.0', C));
    answers.set('/-/npm/v1/attestations/c@1.0.0', attestationsOf('c', '1.0.0', C, [PUBLISH]));
    expect((await collect()).status).toBe(0);
    expect((await verify()).status).toBe(0);
    const more = await verify(' --require provenance --json');
    expect(more.status).toBe(2);
    const rows = more.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { state: string; provenance: boolean });
    expect(rows.map(({ state }) => state)).toEqual(['verified', 'signed', 'signed', 'signed', 'own']);
    expect((await verify(' --require most')).stderr).toMatch(/\[USAGE\]/);
  });

  test('a page of HTML in the place of attestations is not kept', async () => {
    rmSync(join(base, 'kept', 'npm-b@1.0.0.record.json'));
    answers.set('/-/npm/v1/attestations/b@1.0.0', '<html>Sign in</html>');
    const result = await collect();
    expect(result.status).toBe(3);
    expect(readdirSync(join(base, 'kept')).filter((name) => name.includes('npm-b@'))).toEqual([]);
  });
});

test('Python packages: the files that the lock file names, and their provenance objects', async () => {
  const hex = 'ee'.repeat(32);
  writeFileSync(join(base, 'requirements.txt'), `my-app==1.0 --hash=sha256:${hex}\n`);
  answers.set('/pypi/my-app/1.0/json', {
    urls: [
      { filename: 'my_app-1.0-py3-none-any.whl', digests: { sha256: hex } },
      { filename: 'my_app-1.0.tar.gz', digests: { sha256: 'ff'.repeat(32) } },
    ],
  });
  answers.set('/integrity/my-app/1.0/my_app-1.0-py3-none-any.whl/provenance', {
    version: 1,
    attestation_bundles: [],
  });
  const { port } = server.address() as AddressInfo;
  const result = await run(
    `attest collect --lockfile requirements.txt --out python --pypi http://127.0.0.1:${port}`,
  );
  expect(result.status, result.stderr).toBe(0);
  expect(readdirSync(join(base, 'python')).sort()).toEqual([
    'pypi-my-app@1.0.my_app-1.0-py3-none-any.whl.provenance.json',
    'pypi-my-app@1.0.record.json',
  ]);
});
