import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../../src/base/bytes.ts';
import { DAY, HOUR } from '../../../../src/base/clock.ts';
import { formatPublicKey, generateKey } from '../../../../src/base/keys.ts';
import { loadAudit } from '../../../../src/store/audit.ts';
import { stella as runStella } from '../../../support/cli.ts';
import { real, realIsPresent } from '../../../support/real.ts';
import { temporaryDirectory } from '../../../support/temp.ts';
import { TufClient } from '../../../support/tuf-client.ts';
import { NOW, TufRepository } from '../../../support/tuf-repository.ts';
import { writeUserConfig } from '../../../support/user-config.ts';

const pem = () => formatPublicKey(generateKey().publicKey);
const REKOR = { sigstore: { usage: 'Rekor', status: 'Active' } };
const MAP = {
  version: 1,
  rekor: { url: 'https://rekor.example', public_key_target: 'rekor-key-v1' },
  fulcio: { url: 'https://fulcio.example', root_cert_target: 'fulcio-chain.pem' },
  overrides: { staging: { rekor_url: 'https://rekor.staging.example' } },
};

/** A repository in a directory, and a machine whose trust store follows it. */
class Site {
  readonly repository = new TufRepository();
  readonly home = temporaryDirectory();
  readonly directory = join(this.home, 'repository');
  env: Record<string, string> = { HOME: this.home };

  constructor() {
    this.repository.addTarget('rekor-key-v1.pub', pem(), REKOR);
    this.repository.addTarget('sigstore-services-v1.json', JSON.stringify(MAP));
    this.publish();
  }

  get url(): string {
    return `${pathToFileURL(this.directory).href}/`;
  }

  get store(): string {
    return join(this.home, '.local/share/stella');
  }

  publish(): void {
    this.repository.publish().writeTo(this.directory);
  }

  async stella(args: string, now: number = NOW) {
    return await runStella(args.split(' '), { now, cwd: this.home, env: this.env });
  }

  async init(flags = ''): Promise<void> {
    const { status, stderr } = await this.stella(`trust init --tuf-url ${this.url}${flags}`);
    expect(stderr).not.toContain('error:');
    expect(status).toBe(0);
  }
}

describe('the commands of the guide', () => {
  test('init with service map and pins, sync, status', async () => {
    const site = new Site();
    site.repository.addTarget('rekor-key-v2.pub', pem(), REKOR);
    site.publish();
    const init = await site.stella(
      `trust init --tuf-url ${site.url} --service-map sigstore-services-v1 --pin rekor-key-v1 rekor-key-v2`,
    );
    expect(init.status).toBe(0);
    expect(init.stderr).toContain('trusted on first use');
    expect((await site.stella('trust sync')).stdout).toMatch(/^fresh: /);
    expect((await site.stella('trust sync --force')).stdout).toMatch(/^unchanged: /);
    const plain = await site.stella('trust status');
    expect(plain.stdout).toMatch(/service_map_target\s+sigstore-services-v1 \(store\)/);
    expect(plain.stdout).toContain('TRUSTED ON FIRST USE');
    const full = await site.stella('trust status --show-keys --show-endpoints');
    expect(full.stdout).toMatch(/rekor-key-v1\.pub\s+Rekor\s+active/);
    expect(full.stdout).toMatch(/rekor-key-v2\.pub\s+Rekor\s+active/);
    expect(full.stdout).toMatch(/rekor\s+https:\/\/rekor\.example\s+rekor-key-v1\s+service map/);
  });

  test('init in offline mode from what another store exported', async () => {
    const site = new Site();
    await site.init();
    const out = join(site.home, 'trust-bundle');
    expect((await site.stella(`trust export --out ${out}`)).status).toBe(0);
    expect(existsSync(join(out, 'sigstore/trusted_root.json'))).toBe(true);
    const other = temporaryDirectory();
    const init = await runStella(
      [
        'trust',
        'init',
        '--tuf-url',
        pathToFileURL(out).href,
        '--offline',
        '--root-fingerprint',
        `sha256:${sha256Hex(site.repository.firstRoot)}`,
      ],
      { now: NOW, cwd: other, env: { HOME: other } },
    );
    expect(init.stderr).toBe('');
    expect(init.status).toBe(0);
    await new TufClient(join(other, 'state'), out).refresh(NOW);
    const again = await site.stella(`trust export --out ${out}`);
    expect(again.status).toBe(4);
    expect(again.stderr).toContain('[FILE_EXISTS]');
  });
});

test('export writes nothing of a store that is damaged, and is on record', async () => {
  const site = new Site();
  await site.init();
  expect((await site.stella('trust export --out good')).status).toBe(0);
  expect(loadAudit(site.store).at(-1)).toMatchObject({ event: 'export', command: 'trust export' });
  const targets = join(site.store, 'generations/1/tuf/targets');
  writeFileSync(join(targets, readdirSync(targets)[0]!), 'altered');
  const { status, stderr } = await site.stella('trust export --out bad');
  expect(status).toBe(2);
  expect(stderr).toContain('[TUF_MISMATCH]');
  expect(existsSync(join(site.home, 'bad'))).toBe(false);
});

describe('the fixed first lines of the troubleshooting guide', () => {
  test('TUF metadata expired', async () => {
    const site = new Site();
    await site.init();
    const { status, stderr } = await site.stella('trust sync --force', NOW + 2 * DAY);
    expect(status).toBe(5);
    expect(stderr).toMatch(/^error: TUF metadata expired.* \[TUF_EXPIRED\]\nhint: .*update-timestamp\.sh/);
  });

  test('Unknown target', async () => {
    const { status, stderr } = await new Site().stella(
      `trust init --tuf-url ${new Site().url} --pin rekor-key-v7`,
    );
    expect(status).toBe(4);
    expect(stderr).toMatch(
      /error: Unknown target "rekor-key-v7".* \[TARGET_UNKNOWN\]\nhint: did you mean rekor-key-v1/,
    );
    expect(stderr).toContain('add-target.sh');
  });

  test('Signature verification failed', async () => {
    const site = new Site();
    await site.init();
    site.repository.keys.timestamp = [generateKey()];
    site.publish();
    const { status, stderr } = await site.stella('trust sync --force');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: Signature verification failed.* \[TUF_SIGNATURE\]/);
  });

  test('Service map not found', async () => {
    const site = new Site();
    const { status, stderr } = await site.stella(`trust init --tuf-url ${site.url} --service-map services`);
    expect(status).toBe(4);
    expect(stderr).toMatch(/error: Service map not found.* \[SERVICE_MAP_NOT_FOUND\]/);
    expect(stderr).toContain('trust status');
  });
});

describe('trust init', () => {
  test('with a root file is silent about trust', async () => {
    const site = new Site();
    const { stderr, stdout } = await site.stella(
      `trust init --tuf-url ${site.url} --root ${site.directory}/1.root.json`,
    );
    expect(stderr).toBe('');
    expect(stdout).toContain('root-file');
  });

  test('refuses to start anew unless --replace is given', async () => {
    const site = new Site();
    await site.init();
    expect((await site.stella(`trust init --tuf-url ${site.url}`)).stderr).toContain('[STORE_EXISTS]');
    await site.init(' --replace');
  });

  test('refuses two names that fit a target', async () => {
    const site = new Site();
    site.repository.addTarget('other/rekor-key-v1.pem', pem());
    site.publish();
    const { stderr } = await site.stella(`trust init --tuf-url ${site.url} --pin rekor-key-v1`);
    expect(stderr).toContain('[TARGET_AMBIGUOUS]');
  });

  test('refuses a Rekor key target that holds no key', async () => {
    const site = new Site();
    site.repository.addTarget('rekor-key-v1.pub', 'no key', REKOR);
    site.publish();
    const { stderr, status } = await site.stella(`trust init --tuf-url ${site.url}`);
    expect(status).toBe(2);
    expect(stderr).toContain('[TARGET_INVALID]');
  });

  test('remembers the mirrors it was given, and a sync from elsewhere does not change them', async () => {
    const site = new Site();
    await site.init(' --tuf-url file:///nowhere/');
    expect((await site.stella('config show')).stdout).toContain(`${site.url}, file:///nowhere/`);
    site.publish();
    expect((await site.stella(`trust sync --force --tuf-url ${site.url}`)).stdout).toMatch(/^generation 2/);
    expect((await site.stella('config show')).stdout).toContain(`${site.url}, file:///nowhere/`);
  });

  test('without a URL says how to give one', async () => {
    const { stderr, status } = await new Site().stella('trust init');
    expect(status).toBe(4);
    expect(stderr).toContain('[CONFIG_INVALID]');
    expect(stderr).toContain('--tuf-url');
  });

  test('in offline mode needs no network, and says so when it would', async () => {
    const site = new Site();
    const { stderr, status } = await site.stella('trust init --tuf-url https://trust.example/ --offline');
    expect(status).toBe(3);
    expect(stderr).toContain('[OFFLINE]');
    site.env = { ...site.env, STELLA_TUF_OFFLINE_MODE: 'true' };
    expect((await site.stella('trust init --tuf-url https://trust.example/')).status).toBe(3);
  });

  test('reports a refusal as one JSON document, too', async () => {
    const result = await new Site().stella('trust init --tuf-url https://trust.example/ --offline --json');
    expect(result.json()).toMatchObject({ error: { code: 'OFFLINE', exit: 3 } });
  });
});

test('a changed configuration makes a new generation of an unchanged repository', async () => {
  const site = new Site();
  site.repository.addTarget('rekor-key-v2.pub', pem(), REKOR);
  site.publish();
  await site.init();
  writeUserConfig(site.home, 'attestor: {trust_repo: {rekor_key_targets: [rekor-key-v2]}}');
  expect((await site.stella('trust sync --force')).stdout).toMatch(/^generation 2/);
  expect((await site.stella('trust sync --force')).stdout).toMatch(/^unchanged/);
  expect((await site.stella('trust status --show-keys')).stdout).not.toContain(
    'rekor-key-v1.pub  Rekor  active',
  );
});

describe('trust status', () => {
  test('as JSON is complete whatever is shown as text', async () => {
    const site = new Site();
    await site.init();
    expect((await site.stella('trust status --json')).json()).toMatchObject({
      generation: 1,
      pin: { how: 'first-use', version: 1 },
      freshness: { state: 'fresh' },
      roles: [{ name: 'root' }, { name: 'timestamp' }, { name: 'snapshot' }, { name: 'targets' }],
      keys: [{ target: 'rekor-key-v1.pub', usage: 'Rekor', state: 'active', algorithm: 'ed25519' }],
      endpoints: { logs: [{ url: 'https://rekor.example', source: 'service map' }] },
      sync: { failures: 0 },
    });
  });

  test('shows the state also to a clock that is behind, says so, and exits with 5', async () => {
    const site = new Site();
    await site.init();
    const before = NOW - DAY;
    const text = await site.stella('trust status --show-keys', before);
    expect(text.status).toBe(5);
    expect(text.stdout).toMatch(/^freshness +unknown: the clock says .* but the trust store has proof of/m);
    expect(text.stdout).toMatch(/^rekor-key-v1\.pub +Rekor +active/m);
    expect(text.stderr).toMatch(/^error: the clock says .*\[CLOCK_BEHIND\]\nhint: set the system clock/);
    const json = (await site.stella('trust status --json', before)).json();
    expect(json).toMatchObject({
      generation: 1,
      freshness: { state: 'blocked' },
      problems: [{ code: 'CLOCK_BEHIND' }],
    });
    await site.stella('trust status --metrics m.prom', before);
    expect(readFileSync(join(site.home, 'm.prom'), 'utf8')).toContain('stella_trust_valid 0');
  });

  test('names the Rekor key targets that are not there', async () => {
    const site = new Site();
    await site.init();
    expect((await site.stella('trust status')).stdout).toMatch(
      /^rekor_key_targets +rekor-key-v1 \(default\)$/m,
    );
    const config = (...names: string[]) =>
      writeUserConfig(site.home, `attestor: {trust_repo: {rekor_key_targets: [${names.join(', ')}]}}`);
    config('rekor-key-v1', 'rekor-key-v8', 'rekor-key-v9');
    const some = await site.stella('trust status');
    expect(some.status).toBe(0);
    expect(some.stdout).toMatch(
      /^rekor_key_targets .*\(file .*\): rekor-key-v8, rekor-key-v9 not in the repository$/m,
    );
    config('rekor-key-v8', 'rekor-key-v9');
    const none = await site.stella('trust status');
    expect(none.status).toBe(4);
    expect(none.stdout).toMatch(/^rekor_key_targets .*\): not in the repository$/m);
    expect(none.stderr).toMatch(/^error: Unknown target "rekor-key-v8".*\[TARGET_UNKNOWN\]\nhint: /);
    expect((await site.stella('trust status --json')).json()).toMatchObject({
      rekor_key_targets_missing: ['rekor-key-v8', 'rekor-key-v9'],
      problems: [{ code: 'TARGET_UNKNOWN' }],
      keys: [],
    });
  });

  test('says of a retired key since when it was in use, and until when', async () => {
    const site = new Site();
    const validity = { valid_from: '2025-01-01T00:00:00Z', valid_until: '2025-06-01T00:00:00Z' };
    site.repository.addTarget('rekor-key-v0.pub', pem(), { ...REKOR, stella: validity });
    site.publish();
    await site.init();
    expect((await site.stella('trust status --show-keys')).stdout).toMatch(
      /^rekor-key-v0\.pub +Rekor +retired +2025-01-01T00:00:00Z +2025-06-01T00:00:00Z/m,
    );
  });

  test('--expires-within exits with 5 when something will expire', async () => {
    const site = new Site();
    await site.init();
    expect((await site.stella('trust status --expires-within 12h')).status).toBe(0);
    const { status, stderr } = await site.stella('trust status --expires-within P2D');
    expect(status).toBe(5);
    expect(stderr).toContain('TUF role timestamp expires 2026-01-26T12:00:00Z');
  });

  test('becomes stale and then blocked with time', async () => {
    const site = new Site();
    await site.init();
    const stateAt = async (now: number) =>
      ((await site.stella('trust status --json', now)).json() as { freshness: { state: string } }).freshness
        .state;
    expect(await stateAt(NOW + 3.5 * DAY)).toBe('fresh');
    expect(await stateAt(NOW + 3.5 * DAY + 1)).toBe('stale');
    expect(await stateAt(NOW + 7 * DAY)).toBe('stale');
    expect(await stateAt(NOW + 7 * DAY + 1)).toBe('blocked');
  });

  test('shows the overrides of the environment, and a local map in place of the target', async () => {
    const site = new Site();
    await site.init();
    writeUserConfig(site.home, 'attestor: {trust_repo: {environment: staging}}');
    const shown = await site.stella('trust status --show-endpoints');
    expect(shown.stdout).toMatch(
      /rekor\s+https:\/\/rekor\.staging\.example\s+rekor-key-v1\s+override staging/,
    );
    const map = join(site.home, 'map.json');
    writeFileSync(
      map,
      JSON.stringify({ ...MAP, rekor: { url: 'https://local.example' }, overrides: { staging: {} } }),
    );
    site.env = { ...site.env, STELLA_SIGSTORE_SERVICE_MAP: map };
    expect((await site.stella('trust status --show-endpoints')).stdout).toContain(`endpoints of ${map}`);
    writeUserConfig(site.home, 'attestor: {trust_repo: {environment: stagin}}');
    expect((await site.stella('trust status --json')).json()).toMatchObject({
      endpoints: null,
      endpoints_problem: { code: 'ENVIRONMENT_UNKNOWN' },
    });
  });

  test('--metrics writes the same for a textfile collector', async () => {
    const site = new Site();
    await site.init();
    const file = join(site.home, 'stella.prom');
    await site.stella(`trust status --metrics ${file} -q`);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('stella_trust_valid 1\n');
    expect(text).toContain('stella_tuf_role_version{role="timestamp"} 1\n');
    expect(text).toContain('stella_trust_keys{usage="Rekor",state="active"} 1\n');
    expect(text).toMatch(/^(?:(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{[^}]*\})? -?[\d.e+]+)\n)+$/);
    await site.stella(`trust sync --force --metrics ${file}`, NOW + 2 * DAY);
    expect(readFileSync(file, 'utf8')).toContain('stella_sync_failures_since_success 1\n');
    writeFileSync(join(site.store, 'CURRENT'), '');
    await site.stella(`trust status --metrics ${file}`);
    expect(readFileSync(file, 'utf8')).toContain('stella_trust_valid 0\n');
  });
});

describe('keys over their life', () => {
  const keys = async (site: Site, now: number = NOW) =>
    (
      (await site.stella('trust status --json', now)).json() as {
        keys: { target: string; state: string; since: string }[];
      }
    ).keys.map(({ target, state, since }) => [target, state, since]);

  test('a second key puts the first in grace, its end retires it, its removal revokes it', async () => {
    const site = new Site();
    await site.init();
    const hour = (n: number) => NOW + n * HOUR;
    const at = (n: number) => new Date(hour(n)).toISOString().replace('.000', '');
    site.repository.addTarget('rekor-key-v2.pub', pem(), REKOR);
    site.publish();
    await site.stella('trust sync --force', hour(1));
    expect(await keys(site, hour(1))).toEqual([
      ['rekor-key-v1.pub', 'grace', at(1)],
      ['rekor-key-v2.pub', 'active', at(1)],
    ]);
    const first = site.repository.targets.targets['rekor-key-v1.pub']!;
    (first.unrecognizedFields as Record<string, unknown>)['custom'] = {
      ...REKOR,
      stella: { valid_until: at(3) },
    };
    site.publish();
    await site.stella('trust sync --force', hour(2));
    expect(await keys(site, hour(2))).toContainEqual(['rekor-key-v1.pub', 'grace', at(1)]);
    expect(await keys(site, hour(4))).toContainEqual(['rekor-key-v1.pub', 'retired', at(3)]);
    delete site.repository.targets.targets['rekor-key-v1.pub'];
    site.publish();
    await site.stella('trust sync --force', hour(5));
    expect(await keys(site, hour(6))).toEqual([
      ['rekor-key-v2.pub', 'active', at(1)],
      ['rekor-key-v1.pub', 'revoked', at(5)],
    ]);
    const diff = (await site.stella('trust diff', hour(6))).stdout;
    expect(diff).toMatch(/-\s+target\s+rekor-key-v1\.pub/);
    expect(diff).toMatch(/-\s+key\s+Rekor rekor-key-v1\.pub/);
    const whole = (await site.stella('trust diff 1 --json', hour(6))).json() as { differences: object[] };
    expect(whole.differences).toContainEqual(
      expect.objectContaining({ change: 'added', kind: 'target', name: 'rekor-key-v2.pub' }),
    );
  });

  test('the trusted root for other verifiers ends a retired key and leaves out a revoked one', async () => {
    const site = new Site();
    site.repository.addTarget('rekor-key-v0.pub', pem(), {
      ...REKOR,
      stella: { valid_until: '2026-01-01T00:00:00Z' },
    });
    site.publish();
    await site.init();
    const tlogs = (generation: number) =>
      (
        JSON.parse(
          readFileSync(join(site.store, `generations/${generation}/sigstore/trusted_root.json`), 'utf8'),
        ) as { tlogs: { publicKey: { validFor?: { end?: string } } }[] }
      ).tlogs;
    expect(tlogs(1).map((log) => log.publicKey.validFor?.end)).toContain('2026-01-01T00:00:00Z');
    delete site.repository.targets.targets['rekor-key-v0.pub'];
    site.publish();
    await site.stella('trust sync --force');
    expect(tlogs(2)).toHaveLength(1);
  });

  test('diff without an earlier generation says so', async () => {
    const site = new Site();
    await site.init();
    expect((await site.stella('trust diff')).stderr).toContain('only one generation');
  });
});

describe('config', () => {
  test('show prints each value and where it comes from', async () => {
    const site = new Site();
    await site.init();
    writeUserConfig(site.home, 'attestor:\n  trust_repo:\n    refresh_interval_minutes: 5\n');
    site.env = { ...site.env, STELLA_TUF_OFFLINE_MODE: 'true', HTTPS_PROXY: 'http://u:secret@p:1' };
    const { stdout } = await site.stella('config show');
    expect(stdout).toMatch(/refresh_interval_minutes\s+5\s+file .*stella\.yaml:3/);
    expect(stdout).toMatch(/offline_mode\s+true\s+environment STELLA_TUF_OFFLINE_MODE/);
    expect(stdout).toMatch(/tuf_url\s+file:.*\s+store/);
    expect(stdout).toMatch(/freshness_threshold_days\s+7\s+default/);
    expect(stdout).not.toContain('secret');
  });

  test('check names file, line, key and the nearest key', async () => {
    const site = new Site();
    const file = join(site.home, 'bad.yaml');
    writeFileSync(file, 'attestor:\n  trust_repo:\n    tuf_ulr: https://x/\n');
    const { status, stderr } = await site.stella(`config check ${file}`);
    expect(status).toBe(4);
    expect(stderr).toContain(
      `${file}:3: unknown key "tuf_ulr" in attestor.trust_repo; did you mean tuf_url? [CONFIG_INVALID]`,
    );
    writeFileSync(file, 'attestor:\n  trust_repo:\n    tuf_url: https://x/\n');
    expect((await site.stella(`config check ${file}`)).status).toBe(0);
    expect((await site.stella('config check missing.yaml')).stderr).toContain('[CONFIG_NOT_FOUND]');
  });
});

test.skipIf(!realIsPresent)(
  'the Sigstore repository is followed from root 1 in August and refused today',
  async () => {
    const home = temporaryDirectory();
    execFileSync('tar', ['--zstd', '-xf', join(real, 'sigstore-tuf.tar.zst'), '-C', home]);
    const source = join(home, 'sigstore-tuf');
    const init = (now?: string) =>
      runStella(
        [
          'trust',
          'init',
          '--tuf-url',
          pathToFileURL(source).href,
          '--root',
          join(source, '1.root.json'),
          '--offline',
        ],
        {
          ...(now === undefined ? {} : { now }),
          cwd: home,
          env: { HOME: home },
        },
      );
    const today = await init();
    expect(today.status).toBe(5);
    expect(today.stderr).toMatch(/^error: TUF metadata expired.*\[TUF_EXPIRED\]/);
    expect((await init('2026-08-22T00:00:00Z')).status).toBe(0);
    const status = await runStella(['trust', 'status', '--show-keys'], {
      now: '2026-08-22T01:00:00Z',
      cwd: home,
      env: { HOME: home },
    });
    expect(status.stdout).toMatch(/root\s+15\s/);
    expect(status.stdout).toContain('c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d');
  },
);
