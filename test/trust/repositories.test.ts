import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { parseInstant } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import { loadConfig } from '../../src/config/config.ts';
import { syncTrust } from '../../src/trust/sync.ts';
import {
  type BuiltInInstance,
  builtInInstance,
  isSignedByBuiltIn,
  vouchedRoot,
} from '../../src/tuf/built-in.ts';
import { refusal } from '../support/errors.ts';
import { HandEnclave, instanceRepository, Repositories } from '../support/instances.ts';
import { real, realIsPresent } from '../support/real.ts';
import { serveDirectory } from '../support/static-server.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';

const codeIn = (stderr: string) => /\[([A-Z_]+)\]/.exec(stderr)?.[1];
const good = instanceRepository('good');
const hub = instanceRepository('hub');
const NEXT_DAY = parseInstant('2026-01-26T11:00:00Z');
const NEXT_WEEK = parseInstant('2026-02-03T12:00:00Z');

/** A home repository and two others, followed over loopback. */
async function followed() {
  const site = new Repositories();
  const own = { good: instanceRepository('good').repository, hub: instanceRepository('hub').repository };
  site.serve('good', own.good);
  site.serve('hub', own.hub);
  const { url } = await serveDirectory(site.base);
  const instances = ['good', 'hub'].flatMap((name) => ['--instance', `${name}=${url}${name}/`]);
  const made = await site.init(...instances);
  return { site, made, ...own };
}

test('three repositories cross the gap in one bundle, a delta and a sealed mirror, each for its own instance', async () => {
  const { site, made, good: own } = await followed();
  expect(made.stderr).toMatch(/nobody vouched for the root of the repository good: trusted on first use/);
  expect(made.stdout).toMatch(/^repository hub from http:.*root 1, timestamp 1/m);
  const first = await site.seal('first');
  const imported = await site.import(first, '--receipt', site.path('receipt.json'));
  expect(imported.stderr).toMatch(/the repository hub is new here, and nobody but the signer of the bundle/);
  expect(imported.status).toBe(0);
  for (const { bundle } of [good, hub]) expect((await site.verify(bundle)).status).toBe(0);
  expect(JSON.parse(readFileSync(site.path('receipt.json'), 'utf8'))).toMatchObject({
    signed: {
      repositories: [
        { name: 'good', root: { version: 1 } },
        { name: 'hub', root: { version: 1 } },
      ],
    },
  });

  // One of them is gone the next day: the others go on, and it stays as it is, and ages.
  site.now = NEXT_DAY;
  renew(site.home, '2026-03-01T00:00:00Z');
  site.home.addTarget('new', 'target');
  site.home.publish();
  site.serve('home', site.home);
  rmSync(site.path('hub'), { recursive: true });
  const synced = await site.run('connected', ['trust', 'sync', '--json']);
  expect(codeIn(synced.stderr)).toBe('FETCH_NOT_FOUND');
  expect(synced.status).toBe(3);
  expect(synced.json()).toMatchObject({
    generation: 2,
    changed: true,
    repositories: [
      { name: 'good', as_of: '2026-01-26T11:00:00Z', failure: null },
      { name: 'hub', as_of: '2026-01-25T12:00:00Z', failure: { code: 'FETCH_NOT_FOUND' } },
    ],
  });
  const second = await site.seal('second', '--since', first);
  const inspected = await site.run('connected', ['trust', 'snapshot', 'inspect', second, '--json']);
  expect(inspected.stdout).toContain('"as_of": "2026-01-25T12:00:00Z"');
  expect((await site.import(second)).status).toBe(0);
  const diff = await site.run('enclave', ['trust', 'diff']);
  expect(diff.stdout).toMatch(/~ +role +timestamp +version 1 → version 3/);
  for (const { bundle } of [good, hub]) expect((await site.verify(bundle)).status).toBe(0);

  // What the enclave holds becomes a sealed mirror for another one.
  await site.must('enclave', ['trust', 'export', '--out', site.path('mirror')]);
  const lines = readFileSync(site.path('mirror/sigstore/trusted_root.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as TrustedRootJson).certificateAuthorities.length)).toEqual([
    0, 1, 1,
  ]);
  mkdirSync(site.path('other'));
  const other = { env: { HOME: site.path('other') } };
  const root = ['--root-fingerprint', site.fingerprint];
  await site.must('enclave', ['trust', 'init', '--tuf-url', site.url('mirror'), ...root], other);
  const status = await site.must(
    'enclave',
    ['trust', 'status', '--json', '--metrics', site.path('prom')],
    other,
  );
  expect(status.json()).toMatchObject({
    repositories: [
      {
        name: 'good',
        pin: { how: 'bundle' },
        blocked: null,
        instance: { certificate_authorities: 1, logs: 1 },
      },
      { name: 'hub', freshness: { state: 'fresh', reference: '2026-01-25T12:00:00Z' } },
    ],
  });
  expect(readFileSync(site.path('prom'), 'utf8')).toContain(
    'stella_repository_blocked{repository="hub"} 0\n',
  );

  // A week later nothing of it is believed; of the others everything is.
  site.now = NEXT_WEEK;
  renew(own, '2026-03-01T00:00:00Z');
  site.serve('good', own);
  await site.run('connected', ['trust', 'sync']);
  const third = await site.seal('third');
  expect((await site.import(third)).status).toBe(0);
  expect((await site.verify(good.bundle)).status).toBe(0);
  const refused = await site.verify(hub.bundle);
  expect(codeIn(refused.stderr + refused.stdout)).toBe('STORE_STALE');
  expect(refused.status).toBe(5);
  const shown = await site.run('enclave', ['trust', 'status', '--html', site.path('page.html')]);
  expect(shown.stdout).toMatch(/^repository +hub, from http:/m);
  expect(shown.stdout).toContain("BLOCKED: the trust store's repository hub is stale");
  expect(readFileSync(site.path('page.html'), 'utf8')).toContain('repository hub');
  await site.must('enclave', ['audit', 'verify']);
  const audit = await site.must('connected', ['audit', 'show', '--json']);
  expect(audit.stdout).toMatch(/"repository": ?"hub"/);
}, 60_000);

interface TrustedRootJson {
  readonly certificateAuthorities: readonly unknown[];
}

function renew(repository: TufRepository, expires: string): void {
  for (const role of [repository.timestamp, repository.snapshot, repository.targets]) role.expires = expires;
  repository.publish();
}

describe('a sync', () => {
  test('of a home repository that fails brings the others up to date all the same, and says so', async () => {
    const { site, good: own } = await followed();
    site.now = NEXT_DAY;
    renew(own, '2026-03-01T00:00:00Z');
    site.serve('good', own);
    rmSync(site.path('home'), { recursive: true });
    const synced = await site.run('connected', ['trust', 'sync']);
    expect(codeIn(synced.stderr)).toBe('FETCH_NOT_FOUND');
    const status = await site.run('connected', ['trust', 'status', '--json']);
    expect(status.json()).toMatchObject({
      generation: 2,
      freshness: { reference: '2026-01-25T12:00:00Z' },
      sync: { failures_since: 1 },
      repositories: [
        { name: 'good', roles: expect.arrayContaining([expect.objectContaining({ version: 2 })]) },
        {},
      ],
    });
    expect((await site.verify(good.bundle, 'connected')).status).toBe(0);
  });

  test('leaves out one that is dropped, and refuses to drop what is not there', async () => {
    const { site } = await followed();
    const unknown = await site.run('connected', ['trust', 'sync', '--drop-repository', 'nix']);
    expect(codeIn(unknown.stderr)).toBe('USAGE');
    await site.must('connected', ['trust', 'sync', '--drop-repository', 'hub']);
    expect((await site.verify(good.bundle, 'connected')).status).toBe(0);
    expect(codeIn((await site.verify(hub.bundle, 'connected')).stdout)).toBe('CERTIFICATE_UNTRUSTED');
    const diff = await site.run('connected', ['trust', 'diff']);
    expect(diff.stdout).toMatch(/^- +repository +hub/m);
  });

  test('refuses a further repository that goes back, and one whose trusted root is broken', async () => {
    const { site, good: own, hub: other } = await followed();
    const early = new Map(own.files);
    own.publish();
    site.serve('good', own);
    other.addTarget('trusted_root.json', '{}');
    other.publish();
    site.serve('hub', other);
    const first = await site.run('connected', ['trust', 'sync', '--force', '--json']);
    expect(first.json()).toMatchObject({
      repositories: [{ failure: null }, { failure: { code: 'TRUSTED_ROOT_INVALID' } }],
    });
    own.files.clear();
    for (const [path, bytes] of early) own.files.set(path, bytes);
    site.serve('good', own);
    const second = await site.run('connected', ['trust', 'sync', '--force', '--json']);
    expect(second.json()).toMatchObject({ repositories: [{ failure: { code: 'TUF_ROLLBACK' } }, {}] });
    for (const { bundle } of [good, hub]) expect((await site.verify(bundle, 'connected')).status).toBe(0);
  });

  test('asks no address that only a bundle names', async () => {
    const enclave = new HandEnclave();
    await enclave.carry({ further: { good: instanceRepository('good').repository } });
    const asked: string[] = [];
    const fetch = (url: string) => {
      asked.push(new URL(url).host);
      return Promise.reject(new StellaError('FETCH_NOT_FOUND', `404 ${url}`));
    };
    const flags = { tuf_url: 'https://own.example/', local_cache_path: enclave.store.directory };
    const config = loadConfig({ env: {}, cwd: enclave.base }, flags);
    const setting = { store: enclave.store, config, fetcher: { fetch }, now: NOW, warn: () => {} };
    await refusal('FETCH_NOT_FOUND', () => syncTrust(setting, true));
    expect(new Set(asked)).toEqual(new Set(['own.example']));
  });

  test('names what a further repository lists and what never counts', async () => {
    const site = new Repositories();
    const { repository } = instanceRepository('good');
    repository.addTarget('bundle-signer-v1.pub', 'x', { stella: { usage: 'bundle-signer' } });
    repository.publish();
    site.serve('good', repository);
    const made = await site.init('--instance', `good=${site.url('good')}`);
    expect(made.stderr).toMatch(
      /"bundle-signer-v1.pub" of the repository good .* is listed as bundle-signer: only the home/,
    );
  });
});

describe('built-in instances are recognized by their chain of roots', () => {
  const github = builtInInstance('github')!;

  test('and not by their name or address', async () => {
    const site = new Repositories();
    site.serve('hub', hub.repository);
    const root = site.write('root.json', site.home.firstRoot);
    const init = ['trust', 'init', '--tuf-url', site.url('home'), '--root', root];
    const other = await site.run('connected', [...init, '--instance', `github=${site.url('hub')}`]);
    expect(other.stderr).toContain(
      'does not serve the chain of roots of the built-in instance github [PIN_MISMATCH]',
    );
    const vouched = ['--instance', `github=${site.url('hub')}`, '--instance-root', `github=${root}`];
    expect(codeIn((await site.run('connected', [...init, ...vouched])).stderr)).toBe('USAGE');
  });

  test('whatever else a mirror serves after the built-in root is refused', async () => {
    const site = new Repositories();
    site.serve('mirror', hub.repository);
    writeFileSync(join(site.path('mirror'), '9.root.json'), github.root());
    writeFileSync(join(site.path('mirror'), '10.root.json'), hub.repository.firstRoot);
    const result = await site.run('connected', ['trust', 'init', '--tuf-url', site.url('mirror')]);
    expect(codeIn(result.stderr)).toBe('TUF_SIGNATURE');
    expect(existsSync(join(site.path('connected'), '.local'))).toBe(false);
  });

  test.skipIf(!realIsPresent)(
    'of the real repository, an earlier root is known and a later one is signed',
    async () => {
      const site = new Repositories();
      execFileSync('tar', ['--zstd', '-xf', `${real}sigstore-tuf.tar.zst`, '-C', site.base]);
      const served = readdirSync(site.base, { recursive: true, encoding: 'utf8' }).find((path) =>
        path.endsWith('/15.root.json'),
      )!;
      const at = (version: number) => ({
        version,
        bytes: readFileSync(join(site.base, served, '..', `${version}.root.json`)),
      });
      const sigstore = builtInInstance('sigstore')!;
      expect(vouchedRoot(sigstore, [at(14), at(15)])?.version).toBe(15);
      const older: BuiltInInstance = { ...sigstore, version: 14, root: () => at(14).bytes };
      expect(isSignedByBuiltIn(older, at(15))).toBe(true);
      const forged = { version: 15, bytes: hub.repository.firstRoot };
      expect(isSignedByBuiltIn(older, forged)).toBe(false);
      expect(vouchedRoot(older, [forged])).toBeUndefined();
      expect(sha256Hex(github.root())).toBe(
        'eb303461e0109458144b6ebcbfd62aaa6f6d7481e9ca77504b85f17761661462',
      );

      // Sigstore's repository as a further one, with GitHub's real trusted root in one made for the test.
      site.now = parseInstant('2026-08-22T00:00:00Z');
      const instance = new TufRepository(site.now);
      instance.addTarget('trusted_root.json', readFileSync(`${real}instances/github.trusted_root.json`));
      instance.publish();
      site.serve('hub', instance);
      renew(site.home, '2027-01-01T00:00:00Z');
      site.serve('home', site.home);
      const url = pathToFileURL(join(site.base, served, '..')).href;
      const made = await site.init('--instance', `sigstore=${url}`, '--instance', `gh=${site.url('hub')}`);
      expect(made.stdout).toMatch(/^repository sigstore .*pinned to root 15, sha256:7374\w+ \(sigstore\)/m);
      expect((await site.import(await site.seal('real'))).stdout).toMatch(
        /^repository sigstore .*root 15, .* \(built-in\)/m,
      );
      const document = readFileSync(`${real}instances/reusable-workflow.sigstore.json`, 'utf8');
      const verify = ['attest', 'verify', site.write('real.sigstore.json', document), '--digest'];
      const digest = 'sha256:49a3aa6075e0f49f82843e74b5baa614ad2a588e6675612bf108a0a008c5ac25';
      const demanded = await site.run('enclave', [...verify, digest, '--offline']);
      expect(codeIn(demanded.stderr + demanded.stdout)).toBe('IDENTITY_REQUIRED');
      expect((await site.run('enclave', [...verify, digest, '--offline', '--any-identity'])).status).toBe(0);
      const wheel = 'sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b';
      const demo = readFileSync(`${real}instances/github-provenance-demo.jsonl`);
      const provenance = ['attest', 'verify', site.write('demo.jsonl', demo), '--digest', wheel, '--offline'];
      expect((await site.run('enclave', provenance)).status).toBe(0);
    },
  );
});

describe('a repository is found', () => {
  /** Moves metadata to `metadata/`, and target files to their plain names. */
  function rearrange(site: Repositories, name: string, options: { targets?: string; plain?: boolean }): void {
    const place = site.path(name);
    mkdirSync(join(place, 'metadata'));
    for (const file of readdirSync(place))
      if (file.endsWith('.json')) renameSync(join(place, file), join(place, 'metadata', file));
    const targets = join(place, options.targets ?? 'targets');
    if (options.targets) renameSync(join(place, 'targets'), targets);
    for (const file of options.plain ? readdirSync(targets) : [])
      renameSync(join(targets, file), join(targets, file.replace(/^[0-9a-f]{64}\./, '')));
  }

  test('with its metadata below metadata/', async () => {
    const site = new Repositories();
    site.serve('good', good.repository);
    for (const name of ['home', 'good']) rearrange(site, name, {});
    const { url, requests } = await serveDirectory(site.base);
    const made = await site.must('connected', [
      'trust',
      'init',
      '--tuf-url',
      `${url}home`,
      '--instance',
      `good=${url}good`,
    ]);
    expect(made.stdout).toContain('repository good');
    requests.length = 0;
    await site.must('connected', ['trust', 'sync', '--force']);
    expect(requests).toContain('good/metadata/timestamp.json');
    expect((await site.verify(good.bundle, 'connected')).status).toBe(0);
  });

  test('with its targets elsewhere, under their plain names, as the configuration says', async () => {
    const site = new Repositories();
    site.serve('good', good.repository);
    for (const name of ['home', 'good']) rearrange(site, name, { targets: 'files', plain: true });
    const layout = (name: string) =>
      `targets_url: ${site.url(`${name}/files`)}\n    prefix_targets_with_hash: false`;
    const config = site.write(
      'stella.yaml',
      `attestor:\n  trust_repo:\n    tuf_url: ${site.url('home')}\n    ${layout('home')}\n    repositories:\n     good:\n      tuf_url: ${site.url('good')}\n      ${layout('good').replaceAll('\n    ', '\n      ')}\n`,
    );
    await site.must('connected', ['trust', 'init', '--config', config]);
    await site.must('connected', ['trust', 'sync', '--force', '--config', config]);
    expect((await site.verify(good.bundle, 'connected')).status).toBe(0);
    await site.must('connected', ['trust', 'export', '--out', site.path('exported')]);
    expect(readdirSync(site.path('exported/tuf+good/targets'))[0]).toMatch(
      /^[0-9a-f]{64}\.trusted_root\.json$/,
    );
  });

  test('nowhere, with a code and what to give', async () => {
    const site = new Repositories();
    mkdirSync(site.path('nothing'));
    const result = await site.run('connected', ['trust', 'init', '--tuf-url', site.url('nothing')]);
    expect(codeIn(result.stderr)).toBe('FETCH_NOT_FOUND');
    expect(result.stderr).toContain('metadata/timestamp.json');
  });
});

describe('init asks for what it needs', () => {
  test.each([
    [
      ['unheard-of'],
      'USAGE',
      /built in are sigstore and github\nhint: for another: --instance unheard-of=URL/,
    ],
    [['--instance', 'noaddress'], 'USAGE', /takes NAME=URL/],
    [['--instance', 'x=ftp://a.example'], 'CONFIG_INVALID', /--instance x: not an http/],
    [['--instance', 'Bad_Name=https://a.example'], 'USAGE', /lower-case letters, digits and hyphens/],
    [['--instance', 'home=https://a.example'], 'USAGE', /cannot be the name/],
    [['github', 'github'], 'USAGE', /named twice/],
    [['--instance-root', 'x=sha256:00'], 'CONFIG_INVALID', /tuf_url is not set/],
    [[], 'CONFIG_INVALID', /tuf_url is not set \[CONFIG_INVALID\](?:\n.*)*stella trust init sigstore github/],
  ])('%j', async (args, code, text) => {
    const site = new Repositories();
    const result = await site.run('connected', ['trust', 'init', ...args]);
    expect(codeIn(result.stderr)).toBe(code);
    expect(result.stderr).toMatch(text);
  });

  test('and offers the built-in instances at a terminal', async () => {
    const site = new Repositories();
    const nothing = await site.run('connected', ['trust', 'init'], { answers: [''] });
    expect(nothing.stderr).toMatch(/sigstore +Sigstore public-good \(https:.*\)\n +github/);
    expect(codeIn(nothing.stderr)).toBe('CONFIG_INVALID');
    const offline = await site.run('connected', ['trust', 'init', '--offline'], {
      answers: ['github sigstore'],
    });
    expect(offline.stderr).toMatch(/tuf-repo\.github\.com.*\[OFFLINE\]/);
  });
});
