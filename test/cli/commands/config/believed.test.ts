import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkSchema } from '../../../../src/base/schema.ts';
import { stella } from '../../../support/cli.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../../../support/site.ts';
import { temporaryDirectory, temporaryTree } from '../../../support/temp.ts';
import { writeUserConfig } from '../../../support/user-config.ts';

const DAY = 24 * 60 * 60 * 1000;
const isRoot = geteuid?.() === 0;
const inSection = (section: object) => JSON.stringify({ attestor: { trust_repo: section } });

let site: Site;
let bundle: string;
let base: string;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { entries: 10 });
  bundle = await site.seal('b');
});

function importHere(enclave: Enclave, path: string, more: readonly string[] = []) {
  return enclave.run(['trust', 'import', path, '--root-fingerprint', site.fingerprint, ...more], {
    now: site.now,
  });
}

describe('a stella.yaml that was not named', () => {
  test('on a medium does not weaken an import that is typed there', async () => {
    const enclave = makeEnclave(temporaryDirectory());
    writeUserConfig(enclave.home, inSection({ bundle_key_threshold: 2 }));
    const medium = temporaryDirectory();
    copyFileSync(bundle, join(medium, 'b.tar.zst'));
    writeFileSync(join(medium, 'stella.yaml'), inSection({ freshness_threshold_days: 36500 }));
    const args = ['trust', 'import', 'b.tar.zst', '--root-fingerprint', site.fingerprint];
    const one = await enclave.run(args, { cwd: medium, now: site.now });
    expect(one.status).toBe(2);
    expect(one.stderr).toContain('[BUNDLE_THRESHOLD]');
    expect(one.stderr.match(/warning: .*stella\.yaml does not count/g)).toHaveLength(1);
    writeUserConfig(enclave.home, inSection({ freshness_threshold_days: 7 }));
    const old = await enclave.run(args, { cwd: medium, now: site.now + 30 * DAY });
    expect(old.stderr).toContain('[BUNDLE_STALE]');
  });

  test('in a checkout does not make verification use the store of whoever wrote it', async () => {
    const [attacker, victim] = [
      makeEnclave(temporaryDirectory()),
      makeEnclave(temporaryDirectory(), 'victim'),
    ];
    expect((await importHere(attacker, bundle)).status).toBe(0);
    const checkout = temporaryDirectory();
    writeFileSync(join(checkout, 'stella.yaml'), inSection({ local_cache_path: attacker.store }));
    mkdirSync(join(checkout, 'below'));
    for (const cwd of [checkout, join(checkout, 'below')]) {
      const verified = await victim.run(['attest', 'verify', join(site.home, 'attestation.json')], {
        cwd,
        now: site.now,
      });
      expect(verified.status).toBe(4);
      expect(verified.stderr).toContain(`there is no trust store in ${victim.store} [STORE_NOT_INITIALIZED]`);
    }
  });

  test('counts when it is named, and is then not warned about', async () => {
    const home = temporaryDirectory();
    writeFileSync(join(home, 'stella.yaml'), inSection({ refresh_interval_minutes: 5 }));
    for (const [args, env] of [
      [['--config', 'stella.yaml'], {}],
      [[], { STELLA_CONFIG: join(home, 'stella.yaml') }],
    ] as const) {
      const shown = await stella(['config', 'show', '--json', ...args], {
        cwd: home,
        env: { HOME: home, ...env },
      });
      expect(shown.json()).toMatchObject({ values: { refresh_interval_minutes: 5 } });
      expect(shown.stderr).toBe('');
    }
    expect((await stella(['config', 'check', 'stella.yaml'], { cwd: home })).stderr).toBe('');
  });
});

describe('a configuration that others can change', () => {
  const sections = {
    'network.bearer_token_command': (mark: string) => ({
      tuf_url: 'https://127.0.0.1:9/',
      network: { retries: 0, bearer_token_command: ['touch', mark] },
    }),
    'network.bearer_token_file': () => ({ network: { bearer_token_file: 'token' } }),
    'network.client_key': () => ({ network: { client_key: 'k', client_certificate: 'c' } }),
    signing_key: () => ({ signing_key: 'key' }),
  };

  async function sync(directory: string, section: object) {
    const file = join(directory, 'stella.yaml');
    if (!existsSync(file)) writeFileSync(file, inSection(section));
    const home = temporaryDirectory();
    return await stella(['trust', 'init', '--config', file], {
      cwd: home,
      env: { HOME: home, PATH: process.env['PATH'] },
    });
  }

  test.each(Object.entries(sections))('may not set %s', async (key, section) => {
    const directory = join(temporaryDirectory(), 'd');
    const mark = join(temporaryDirectory(), 'ran');
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    const refused = await sync(directory, section(mark));
    expect(refused.stderr).toContain('[CONFIG_UNSAFE]');
    expect(refused.stderr).toContain(key);
    expect(refused.stderr).toContain(`other users can write ${directory}`);
    expect(refused.status).toBe(4);
    chmodSync(directory, 0o755);
    chmodSync(join(directory, 'stella.yaml'), 0o664);
    expect((await sync(directory, {})).stderr).toContain('its group can write');
    expect(existsSync(mark)).toBe(false);
    chmodSync(join(directory, 'stella.yaml'), 0o644);
    expect((await sync(directory, {})).stderr).not.toContain('CONFIG_UNSAFE');
  });

  test('may not run a command through a link that others can turn elsewhere', async () => {
    const open = join(temporaryDirectory(), 'open');
    mkdirSync(open);
    const own = join(temporaryDirectory(), 'own.yaml');
    writeFileSync(own, inSection(sections.signing_key()));
    symlinkSync(own, join(open, 'stella.yaml'));
    chmodSync(open, 0o777);
    expect((await sync(open, {})).stderr).toContain('[CONFIG_UNSAFE]');
  });

  test.skipIf(!isRoot)('may not be of another user, nor lie in a directory of one', async () => {
    const directory = join(temporaryDirectory(), 'theirs');
    mkdirSync(directory);
    chownSync(directory, 12345, 12345);
    expect((await sync(directory, sections.signing_key())).stderr).toContain(
      'belongs to another user (uid 12345)',
    );
    chownSync(directory, 0, 0);
    chownSync(join(directory, 'stella.yaml'), 12345, 12345);
    expect((await sync(directory, {})).stderr).toContain('[CONFIG_UNSAFE]');
  });

  test('may set anything else, and can be checked before it is rolled out', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'stella.yaml');
    writeFileSync(file, inSection({ freshness_threshold_days: 3 }));
    chmodSync(file, 0o666);
    const args = ['config', 'show', '--json', '--config', file];
    expect((await stella(args, { env: { HOME: directory } })).json()).toMatchObject({
      values: { freshness_threshold_days: 3 },
    });
    writeFileSync(file, inSection(sections.signing_key()));
    const checked = await stella(['config', 'check', file]);
    expect(checked.status).toBe(0);
    expect(checked.stderr).toMatch(/^warning: here it would be refused: .*\[CONFIG_UNSAFE\]/);
  });
});

describe('what trust was judged by', () => {
  test('is named in verdicts, in status and in every JSON, with what it widens', async () => {
    const enclave = makeEnclave(temporaryDirectory());
    expect((await importHere(enclave, bundle, ['--json'])).json()).toMatchObject({
      imported: true,
      configuration: { file: null, widened: [] },
    });
    const attestation = join(site.home, 'attestation.json');
    const plain = await enclave.run(['attest', 'verify', attestation], { now: site.now, expect: 0 });
    expect(plain.stdout).toMatch(/^ {2}config {4}none$/m);

    const file = writeUserConfig(enclave.home, inSection({ freshness_threshold_days: 36500 }));
    const widened = [{ key: 'freshness_threshold_days', value: '36500', usual: '7', where: `${file}:1` }];
    const later = { now: site.now + 400 * DAY };
    const line = `${file}; WIDENED: freshness_threshold_days 36500 instead of 7 (${file}:1)`;
    const verdict = await enclave.run(['attest', 'verify', attestation, '--json'], later);
    const document = verdict.json() as { trust: object };
    checkSchema('verdict', document, 'verdict', 'SCHEMA_INVALID');
    expect(document.trust).toMatchObject({ configuration: { file, widened } });
    expect(document).not.toHaveProperty('configuration');
    expect((await enclave.run(['attest', 'verify', attestation], later)).stdout).toContain(
      `  config    ${line}`,
    );
    expect((await enclave.run(['trust', 'status'], later)).stdout).toContain(`configuration       ${line}`);
    for (const args of [['status'], ['export', '--out', join(enclave.home, 'x')], ['import', bundle]]) {
      const result = await enclave.run(['trust', ...args, '--json'], later);
      expect(result.json()).toMatchObject({ configuration: { file, widened } });
    }
  });

  test('includes delegated roles that are trusted, and a local service map', async () => {
    const home = temporaryDirectory();
    const map = join(home, 'map.json');
    writeUserConfig(home, inSection({ trust_roles: ['team'] }));
    const shown = await stella(['config', 'show', '--json'], {
      cwd: home,
      env: { HOME: home, STELLA_SIGSTORE_SERVICE_MAP: map },
    });
    expect(shown.json()).toMatchObject({
      configuration: {
        widened: [
          { key: 'trust_roles', value: 'team', usual: 'none' },
          { key: 'service_map_file', value: map, where: 'STELLA_SIGSTORE_SERVICE_MAP' },
        ],
      },
    });
  });
});

describe('a repo.yaml that runs commands', () => {
  async function repository() {
    const home = temporaryDirectory();
    const run = (args: readonly string[], cwd = home) =>
      stella(['repo', ...args], { cwd, env: { HOME: home, PATH: process.env['PATH'] } });
    await run(['init', 'r', '--no-passphrase']);
    const directory = join(home, 'r');
    const settings = join(directory, 'repo.yaml');
    const mark = join(home, 'ran');
    const text = readFileSync(settings, 'utf8').replaceAll(/file: \S+/g, `command: touch ${mark}`);
    expect(text).toContain('command:');
    writeFileSync(settings, text);
    return { run, directory, settings, mark };
  }

  test('runs none where the repository was only found, and still shows its state', async () => {
    const { run, directory, mark } = await repository();
    mkdirSync(join(directory, 'below'));
    for (const cwd of [directory, join(directory, 'below')]) {
      const refused = await run(['update-timestamp', '--force'], cwd);
      expect(refused.status).toBe(4);
      expect(refused.stderr).toContain('[CONFIG_UNSAFE]');
      expect(refused.stderr).toContain(`--repo ${directory}`);
      expect((await run(['status'], cwd)).status).toBe(0);
    }
    expect(existsSync(mark)).toBe(false);
  });

  test('runs them when it is named, but not when others can change it', async () => {
    const { run, directory, settings, mark } = await repository();
    chmodSync(settings, 0o666);
    const refused = await run(['update-timestamp', '--force', '--repo', directory]);
    expect(refused.stderr).toContain('[CONFIG_UNSAFE]');
    expect(existsSync(mark)).toBe(false);
    chmodSync(settings, 0o644);
    const ran = await run(['update-timestamp', '--force', '--repo', directory]);
    // It ran, and gave no signature.
    expect(ran.stderr).toContain('[SIGNER_FAILED]');
    expect(existsSync(mark)).toBe(true);
  });
});
