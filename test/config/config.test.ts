import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SCHEMAS } from '../../src/base/schemas.ts';
import { type ConfigFlags, loadConfig, storePathOf } from '../../src/config/config.ts';
import { parseConfigFile } from '../../src/config/config-file.ts';
import { defaultConfigFiles } from '../../src/config/locations.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const inSection = (...lines: string[]) =>
  ['attestor:', '  trust_repo:', ...lines.map((line) => `    ${line}`)].join('\n');

function load(yaml: string | undefined, env: Record<string, string> = {}, flags: ConfigFlags = {}) {
  const cwd = temporaryDirectory();
  if (yaml !== undefined) writeFileSync(join(cwd, 'stella.yaml'), yaml);
  return {
    cwd,
    config: loadConfig({ env, cwd, platform: 'linux', searched: [join(cwd, 'stella.yaml')] }, flags),
  };
}

describe('defaults', () => {
  test('every key has the default of the guide', () => {
    const { config } = load(undefined, { HOME: '/home/op' });
    expect(config).toMatchObject({
      enabled: false,
      tufUrls: [],
      refreshIntervalMinutes: 60,
      freshnessThresholdDays: 7,
      freshnessWarnDays: 3.5,
      offlineMode: false,
      localCachePath: '/home/op/.local/share/stella',
      serviceMapTarget: 'sigstore-services-v1',
      rekorKeyTargets: ['rekor-key-v1'],
      bundleKeyTargets: ['bundle-signer-v1'],
      bundleKeyThreshold: 1,
      environment: undefined,
      signingKey: undefined,
      tlogPolicy: undefined,
    });
    expect(config.origins.refresh_interval_minutes).toEqual({ source: 'default' });
  });

  test.each([
    ['linux', { XDG_DATA_HOME: '/data', HOME: '/home/op' }, '/data/stella'],
    ['linux', { XDG_DATA_HOME: 'relative', HOME: '/home/op' }, '/home/op/.local/share/stella'],
    ['darwin', { HOME: '/Users/op' }, '/Users/op/Library/Application Support/stella'],
    ['win32', { LOCALAPPDATA: 'C:\\Users\\op\\AppData\\Local' }, 'C:\\Users\\op\\AppData\\Local\\stella'],
  ])('the data directory on %s with %o is %s', (platform, env, expected) => {
    expect(loadConfig({ env, cwd: '/', platform }).localCachePath).toBe(expected);
  });

  test('without a home the store path must be configured', async () => {
    const error = await refusal('CONFIG_INVALID', () => storePathOf(load(undefined).config));
    expect(error.message).toContain('local_cache_path');
  });
});

describe('the file', () => {
  test('the example of the guide is understood as a whole', () => {
    const { config } = load(
      inSection(
        'enabled: true',
        'tuf_url: https://trust.yourcompany.com/tuf/',
        'refresh_interval_minutes: 60',
        'freshness_threshold_days: 7',
        'offline_mode: false',
        'local_cache_path: /var/lib/stellaops/tuf-cache',
        'service_map_target: sigstore-services-v1',
        'rekor_key_targets:',
        '  - rekor-key-v1',
        '  - rekor-key-v2',
        'environment: staging # Use staging overrides from service map',
      ),
    );
    expect(config).toMatchObject({
      enabled: true,
      tufUrls: ['https://trust.yourcompany.com/tuf/'],
      localCachePath: '/var/lib/stellaops/tuf-cache',
      rekorKeyTargets: ['rekor-key-v1', 'rekor-key-v2'],
      environment: 'staging',
    });
  });

  test('paths in the file are relative to the file', () => {
    const { cwd, config } = load(
      inSection('local_cache_path: store', 'signing_key: keys/s.pem', 'network: {ca_file: ca.pem}'),
    );
    expect(config.localCachePath).toBe(join(cwd, 'store'));
    expect(config.signingKey).toBe(join(cwd, 'keys/s.pem'));
    expect(config.network.caFile).toBe(join(cwd, 'ca.pem'));
  });

  test.each([
    ['an empty file', ''],
    ['an empty section', 'attestor:\n  trust_repo:\n'],
    ['comments only', '# nothing\n'],
  ])('%s means the defaults', (_, yaml) => {
    expect(load(yaml).config.refreshIntervalMinutes).toBe(60);
  });

  test.each([
    ['a misspelt key', inSection('enabled: true', 'tuf_ulr: https://x/'), 4, 'tuf_url'],
    ['a misspelt section', 'atestor:\n  trust_repo: {}\n', 1, 'attestor'],
    ['a misspelt network key', inSection('network:', '  cafile: x'), 4, 'ca_file'],
    ['a key of another place', 'attestor:\n  tuf_url: https://x/\n', 2, 'tuf_url'],
    ['a prototype name', inSection('__proto__: {enabled: true}'), 3, '__proto__'],
    [
      'a wrong type',
      inSection('enabled: true', 'refresh_interval_minutes: often'),
      4,
      'refresh_interval_minutes',
    ],
    ['a negative number', inSection('freshness_threshold_days: -1'), 3, 'freshness_threshold_days'],
    ['a scheme that is not supported', inSection('tuf_url: ftp://x/'), 3, 'tuf_url'],
    ['a list with a number in it', inSection('rekor_key_targets:', '  - 7'), 3, 'rekor_key_targets'],
    ['a key twice', inSection('enabled: true', 'enabled: false'), 4, 'unique'],
    ['a syntax error', inSection('enabled: [true'), 3, ''],
    ['a threshold of zero', inSection('bundle_key_threshold: 0'), 3, 'bundle_key_threshold'],
  ])('%s is refused with file, line and key', async (_, yaml, line, named) => {
    const error = await refusal('CONFIG_INVALID', () => parseConfigFile(Buffer.from(yaml), 'stella.yaml'));
    expect(error.message).toMatch(new RegExp(`^stella\\.yaml:${line}: `));
    expect(error.message).toContain(named);
  });

  test('everything that is wrong is told at once, each with its line', async () => {
    const yaml = inSection(
      'tuf_ulr: https://x/', // 3
      'freshness_threshold_days: often', // 4
      'network:', // 5
      '  proxy: socks5://user:S3CRET@x', // 6
      '  retires: 3', // 7
      '  client_key: ~bob/x', // 8
      'enabled: perhaps', // 9
      'tuf_url: [https://a/, ftp://b/]', // 10
      'refresh_interval_minutes: 30', // 11
      'refresh_interval_minutes: 40', // 12
    );
    const error = await refusal('CONFIG_INVALID', () =>
      load(yaml, { STELLA_TUF_OFFLINE_MODE: 'maybe', STELLA_TUF_ROOT_URL: 'ftp://c/' }),
    );
    expect(error.message).toMatch(/^11 errors: /);
    const details = error.details as { findings: { line?: number; message: string }[] };
    const found = details.findings.map(({ line, message }) => [line, message]);
    expect(found).toEqual([
      [3, expect.stringContaining('tuf_url')],
      [4, expect.stringContaining('must be number, not "often"')],
      [6, 'network.proxy must be an http:// or https:// URL, or none, not "socks5://***@x"'],
      [7, expect.stringContaining('retries')],
      [8, expect.stringContaining('client_certificate and client_key')],
      [8, expect.stringContaining('~bob')],
      [9, expect.stringContaining('must be boolean, not "perhaps"')],
      [10, expect.stringContaining('tuf_url.1 must be an http://')],
      [12, expect.stringContaining('unique')],
      [undefined, expect.stringContaining('STELLA_TUF_ROOT_URL')],
      [undefined, expect.stringContaining('STELLA_TUF_OFFLINE_MODE')],
    ]);
    expect(error.hints.join('\n')).toMatch(/STELLA_TUF_ROOT_URL[\s\S]*STELLA_TUF_OFFLINE_MODE/);
    expect(JSON.stringify(error.details)).not.toContain('S3CRET');
  });

  test('a file with more errors than can be read is not printed without end', async () => {
    const yaml = inSection(...Array.from({ length: 500 }, (_, i) => `key${i}: 1`));
    const error = await refusal('CONFIG_INVALID', () => load(yaml));
    expect(error.message).toMatch(/^500 errors: .*; and 480 more$/);
  });

  test('what depends on a wrong value is no further error', async () => {
    const yaml = inSection('freshness_threshold_days: "30"', 'freshness_warn_days: 10');
    expect((await refusal('CONFIG_INVALID', () => load(yaml))).message).toMatch(/:3: field .*must be number/);
    const pair = inSection('network:', '  client_certificate: 1', '  client_key: k.pem');
    expect((await refusal('CONFIG_INVALID', () => load(pair))).message).toMatch(/:4: .*must be string/);
  });

  test('thousands of errors are told of in time', async () => {
    const items = Array.from({ length: 8000 }, (_, i) => i).join(',');
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}: 1`);
    for (const yaml of [inSection(`rekor_key_targets: [${items}]`), inSection(...keys)])
      expect((await refusal('CONFIG_INVALID', () => load(yaml))).message.length).toBeLessThan(5000);
  });

  test('~/ in every path is the home directory, and no other ~ is', async () => {
    const paths = {
      local_cache_path: '~/store',
      signing_key: '~/s.pem',
      tlog_policy: '~',
      network: {
        ca_file: '~/ca.pem',
        client_certificate: '~/c.pem',
        client_key: './~/k.pem',
        bearer_token_file: 'a/~/t',
      },
    };
    const { cwd, config } = load(JSON.stringify({ attestor: { trust_repo: paths } }), { HOME: '/home/op' });
    expect(config).toMatchObject({
      localCachePath: '/home/op/store',
      signingKey: '/home/op/s.pem',
      tlogPolicy: '/home/op',
      network: {
        caFile: '/home/op/ca.pem',
        clientCertificate: '/home/op/c.pem',
        clientKey: join(cwd, '~/k.pem'),
        bearerTokenFile: join(cwd, 'a/~/t'),
      },
    });
    const variables = { HOME: '/home/op', STELLA_SIGSTORE_SERVICE_MAP: '~/map.json' };
    expect(load(undefined, variables).config.serviceMapFile).toBe('/home/op/map.json');
    await refusal('CONFIG_INVALID', () => load(inSection('signing_key: ~op/s.pem'), { HOME: '/home/op' }));
    await refusal('CONFIG_INVALID', () => load(inSection('signing_key: ~/s.pem')));
  });

  test('a file of aliases that unfold without end is refused', async () => {
    const rows = ['a0: &a0 [x, x]'];
    for (let i = 1; i < 30; i += 1) rows.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
    await refusal('CONFIG_INVALID', () => parseConfigFile(Buffer.from(rows.join('\n')), 'bomb.yaml'));
  });

  test('any bytes give a value or CONFIG_INVALID', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(inSection(text))),
        ),
        (bytes) => {
          try {
            parseConfigFile(bytes, 'f');
          } catch (error) {
            expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('--config must exist', async () => {
    await refusal('CONFIG_NOT_FOUND', () =>
      loadConfig({ file: 'missing.yaml', env: {}, cwd: temporaryDirectory() }),
    );
  });

  test('--config, $STELLA_CONFIG, the user’s directory and the machine’s are tried in this order', () => {
    const cwd = temporaryDirectory();
    const write = (name: string, minutes: number) => {
      mkdirSync(join(cwd, name, '..'), { recursive: true });
      writeFileSync(join(cwd, name), inSection(`refresh_interval_minutes: ${minutes}`));
    };
    const place = { cwd, platform: 'linux', env: { XDG_CONFIG_HOME: join(cwd, 'user') } };
    expect(defaultConfigFiles(place)).toEqual([
      join(cwd, 'user/stella/stella.yaml'),
      '/etc/stella/stella.yaml',
    ]);
    const searched = [join(cwd, 'user/stella/stella.yaml'), join(cwd, 'machine.yaml')];
    write('machine.yaml', 4);
    expect(loadConfig({ ...place, searched }).refreshIntervalMinutes).toBe(4);
    write('user/stella/stella.yaml', 3);
    expect(loadConfig({ ...place, searched }).refreshIntervalMinutes).toBe(3);
    expect(loadConfig(place).refreshIntervalMinutes).toBe(3);
    write('other.yaml', 2);
    const env = { ...place.env, STELLA_CONFIG: 'other.yaml' };
    expect(loadConfig({ ...place, env }).refreshIntervalMinutes).toBe(2);
    write('flag.yaml', 1);
    expect(loadConfig({ ...place, env, file: 'flag.yaml' }).refreshIntervalMinutes).toBe(1);
  });
});

describe('order of precedence', () => {
  const yaml = inSection('tuf_url: https://file/', 'offline_mode: false');

  test('flag beats environment beats file beats store beats default', () => {
    const env = { STELLA_TUF_ROOT_URL: 'https://env/' };
    const { cwd, config } = load(yaml, env, { tuf_url: 'https://flag/' });
    expect(config.tufUrls).toEqual(['https://flag/']);
    expect(config.origins.tuf_url.source).toBe('flag');
    const place = { cwd, platform: 'linux', searched: [join(cwd, 'stella.yaml')] };
    expect(loadConfig({ ...place, env }).origins.tuf_url).toEqual({
      source: 'environment',
      where: 'STELLA_TUF_ROOT_URL',
    });
    const remembered = { tuf_url: 'https://store/', service_map_target: 'map' };
    const fromFile = loadConfig({ ...place, env: {} }, {}, remembered);
    expect(fromFile.tufUrls).toEqual(['https://file/']);
    expect(fromFile.origins.tuf_url.where).toBe(`${join(cwd, 'stella.yaml')}:3`);
    expect(fromFile.serviceMapTarget).toBe('map');
    expect(fromFile.origins.service_map_target.source).toBe('store');
  });

  test.each([
    ['true', true],
    ['false', false],
    ['TRUE', true],
  ])('STELLA_TUF_OFFLINE_MODE=%s forces %s', (value, expected) => {
    const file = inSection(`offline_mode: ${!expected}`);
    expect(load(file, { STELLA_TUF_OFFLINE_MODE: value }).config.offlineMode).toBe(expected);
  });

  test.each([
    ['CONFIG_INVALID', 'STELLA_TUF_OFFLINE_MODE', 'maybe'],
    ['CONFIG_INVALID', 'STELLA_TUF_ROOT_URL', 'ftp://x/'],
    ['CONFIG_INVALID', 'STELLA_TUF_ROOT_URL', ' '],
    ['CONFIG_INVALID', 'STELLA_SIGSTORE_SERVICE_MAP', '~bob/map.json'],
    ['CONFIG_INVALID', 'STELLA_CONFIG', '~bob/stella.yaml'],
    ['CONFIG_NOT_FOUND', 'STELLA_CONFIG', 'missing.yaml'],
  ] as const)('%s for %s=%j is about the variable', async (code, name, value) => {
    const error = await refusal(code, () => load(yaml, { [name]: value }));
    expect([error.message, ...error.hints].join('\n')).toContain(name);
    expect(error.hints.join()).not.toContain('config check');
  });

  test('an empty variable counts as not set', () => {
    expect(load(yaml, { STELLA_TUF_ROOT_URL: '' }).config.tufUrls).toEqual(['https://file/']);
  });

  test('STELLA_SIGSTORE_SERVICE_MAP is a path', () => {
    const { cwd, config } = load(undefined, { STELLA_SIGSTORE_SERVICE_MAP: 'map.json' });
    expect(config.serviceMapFile).toBe(join(cwd, 'map.json'));
  });

  test('several mirrors are kept in order', () => {
    const { config } = load(inSection('tuf_url: [https://a/, https://b/]'));
    expect(config.tufUrls).toEqual(['https://a/', 'https://b/']);
  });
});

test('the warning may not come later than the refusal', async () => {
  await refusal('CONFIG_INVALID', () =>
    load(inSection('freshness_threshold_days: 2', 'freshness_warn_days: 3')),
  );
});

describe('network', () => {
  test('the proxy variables are read in both cases, and the configuration replaces them', () => {
    const env = { https_proxy: 'http://p:1', HTTP_PROXY: 'http://p:2', NO_PROXY: 'localhost' };
    expect(load(undefined, env).config.network.proxy).toEqual({
      http: { address: 'http://p:2', from: 'HTTP_PROXY' },
      https: { address: 'http://p:1', from: 'https_proxy' },
      except: 'localhost',
    });
    expect(load(inSection('network: {proxy: none}'), env).config.network.proxy.https).toBeUndefined();
    expect(load(inSection('network: {proxy: "http://q:3"}'), env).config.network.proxy.http).toEqual({
      address: 'http://q:3',
      from: 'network.proxy',
    });
  });

  test.each([
    ['a client certificate without its key', 'network: {client_certificate: c.pem}'],
    ['two ways to a token', 'network: {bearer_token_file: t, bearer_token_command: [t]}'],
  ])('%s is refused', async (_, line) => {
    await refusal('CONFIG_INVALID', () => load(inSection(line)));
  });
});

test('the documentation lists every key and variable', () => {
  const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const { trustRepo, network: net } = SCHEMAS.config.$defs;
  for (const key of [...Object.keys(trustRepo.properties), ...Object.keys(net.properties)])
    expect(text).toMatch(new RegExp(`\\| .*\`${key}\`.* \\|`));
  for (const name of [
    'STELLA_CONFIG',
    'STELLA_TUF_ROOT_URL',
    'STELLA_SIGSTORE_SERVICE_MAP',
    'STELLA_TUF_OFFLINE_MODE',
  ])
    expect(text).toContain(`| \`${name}\` |`);
});
