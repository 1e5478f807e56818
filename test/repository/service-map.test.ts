import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatPublicKey } from '../../src/base/keys.ts';
import { loadLogFile } from '../../src/logs/log-file.ts';
import { type CliResult, stella } from '../support/cli.ts';
import { temporaryTree } from '../support/temp.ts';

const area = temporaryTree();
const url = (path: string) => pathToFileURL(join(area, path)).href;
const run = (...args: string[]): Promise<CliResult> =>
  stella(['repo', 'service-map', ...args], { cwd: area, env: { HOME: area } });
const map = (file: string) => JSON.parse(readFileSync(join(area, file), 'utf8')) as Record<string, unknown>;

beforeAll(async () => {
  for (const name of ['a', 'b', 'v2/api/v2']) {
    const args = [
      'log',
      'init',
      name,
      '--origin',
      `log.test/${name}`,
      '--key',
      `${name.replaceAll('/', '-')}.key`,
    ];
    const made = await stella(args, { cwd: area, env: { HOME: area } });
    expect(made.status, made.stderr).toBe(0);
    const { key } = loadLogFile(join(area, name));
    writeFileSync(join(area, `${name.replaceAll('/', '-')}.pub`), formatPublicKey(key.publicKey));
  }
});

describe('a service map is made', () => {
  test('from what logs say, confirmed by the keys given', async () => {
    const made = await run(
      ...['--rekor', url('a'), '--rekor-target', 'rekor-key-v1', '--log', `${url('v2')},rekor-key-v2`],
      ...['--log-key', 'a.pub', '--log-key', 'v2-api-v2.pub', '--fulcio', 'https://fulcio.test'],
      ...['--fulcio-target', 'fulcio-chain.pem', '--tsa', 'https://tsa.test', '--ctlog', 'https://ct.test'],
      ...['--ctlog-key', 'b.pub', '--out', 'one.json'],
    );
    expect([made.status, made.stderr]).toEqual([0, '']);
    expect(made.stdout).toContain('confirmed by your key');
    const hex64 = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
    expect(map('one.json')).toEqual({
      version: 1,
      rekor: {
        url: url('a'),
        log_id: hex64,
        public_key_target: 'rekor-key-v1',
        api: 'tiles',
        origin: 'log.test/a',
      },
      fulcio: { url: 'https://fulcio.test', root_cert_target: 'fulcio-chain.pem' },
      tsa: { url: 'https://tsa.test' },
      ctlog: { url: 'https://ct.test', log_id: hex64 },
      logs: [
        {
          url: url('v2'),
          log_id: hex64,
          public_key_target: 'rekor-key-v2',
          api: 'tiles',
          origin: 'log.test/v2/api/v2',
        },
      ],
    });
    const checked = await run('--check', 'one.json', '--log-key', 'a.pub', '--log-key', 'v2-api-v2.pub');
    expect(checked.status, checked.stderr).toBe(0);
    expect((await run('--rekor', url('a'), '--out', 'one.json')).stderr).toContain('[FILE_EXISTS]');
  });

  test('on first sight where no key is given, and says so', async () => {
    const made = await run('--rekor', url('a'), '--out', 'seen.json');
    expect(made.status, made.stderr).toBe(0);
    expect(made.stderr).toContain('taken on first sight');
    expect(map('seen.json')).toEqual({
      version: 1,
      rekor: { url: url('a'), api: 'tiles', origin: 'log.test/a' },
    });
    expect((await run('--check', 'seen.json')).stdout).toContain('confirmed by no key');
  });

  test('for an environment, upon another', async () => {
    writeFileSync(
      join(area, 'base.json'),
      JSON.stringify({
        version: 1,
        overrides: { x: { rekor_log_id: 'ab'.repeat(32), fulcio_url: 'https://f.test' } },
      }),
    );
    const made = await run(
      '--from',
      'base.json',
      '--environment',
      'x',
      '--rekor',
      url('b'),
      '--log-key',
      'b.pub',
      '--out',
      '-',
    );
    expect(made.status, made.stderr).toBe(0);
    expect(JSON.parse(made.bytes.toString())).toMatchObject({
      overrides: { x: { rekor_url: url('b'), rekor_origin: 'log.test/b', fulcio_url: 'https://f.test' } },
    });
    expect(made.bytes.toString()).not.toContain('abab');
  });

  test('without asking anything, offline', async () => {
    const made = await run('--rekor', 'https://log.test', '--offline', '--out', 'offline.json');
    expect(made.status, made.stderr).toBe(0);
    expect(map('offline.json')).toEqual({ version: 1, rekor: { url: 'https://log.test' } });
    expect((await run('--check', 'offline.json', '--offline')).stdout).toContain('no log was asked');
  });
});

describe('refused', () => {
  test.each([
    [
      'a log that none of the keys has signed',
      ['--rekor', url('a'), '--log-key', 'b.pub'],
      'CHECKPOINT_SIGNATURE',
      2,
    ],
    ['a place without a log', ['--rekor', url('nowhere')], 'FETCH_NOT_FOUND', 3],
    ['no service', [], 'USAGE', 4],
    ['a target without its service', ['--tsa-target', 'tsa.pem', '--rekor', url('a')], 'USAGE', 4],
    ['further logs for an environment', ['--log', url('a'), '--environment', 'x'], 'USAGE', 4],
    ['an address with a password', ['--fulcio', 'https://u:p@fulcio.test'], 'URL_CREDENTIALS', 4],
    ['an address that is none', ['--tsa', 'tsa.test'], 'SERVICE_MAP_INVALID', 4],
  ])('%s', async (_, args, code, status) => {
    const result = await run(...args, '--out', 'never.json');
    expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(`[${code}]`)]);
    expect(() => map('never.json')).toThrow('ENOENT');
  });

  test('a map that says otherwise than its logs, every difference told', async () => {
    const rekor = { url: url('a'), log_id: 'ab'.repeat(32), origin: 'log.test/other', api: 'v1' };
    mkdirSync(join(area, 'empty'));
    const logs = [{ url: url('b') }, { url: url('empty') }];
    writeFileSync(join(area, 'bad.json'), JSON.stringify({ version: 1, rekor, logs }));
    const keys = ['--log-key', 'a.pub', '--log-key', 'b.pub'];
    const result = await run('--check', 'bad.json', ...keys);
    expect([result.status, result.stderr]).toEqual([4, expect.stringContaining('[SERVICE_MAP_INVALID]')]);
    for (const told of [
      'it serves tiles, the map says v1',
      'it signs as "log.test/a", the map says "log.test/other"',
      `the map says ${'ab'.repeat(32)}`,
      'it signs as "log.test/b", the map says nothing, which means',
      '[FETCH_NOT_FOUND]',
    ])
      expect(result.stderr).toContain(told);
  });
});
