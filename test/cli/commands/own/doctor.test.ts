import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stella } from '../../../support/cli.ts';
import { makeEnclave, makeSite, type Site } from '../../../support/site.ts';
import { temporaryTree } from '../../../support/temp.ts';
import { writeUserConfig } from '../../../support/user-config.ts';

const DAY = 86_400_000;
let base: string;
let site: Site;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
});

describe('doctor', () => {
  test('finds a healthy store healthy', async () => {
    const { stdout } = await site.run(['doctor']);
    expect(stdout).toMatch(/^ok {7}trust .* generation 1 verifies$/m);
    expect(stdout).toMatch(/^0 problems, /m);
  });

  test('no store: says how to get one', async () => {
    const { status, stdout } = await makeEnclave(base, 'empty').run(['doctor']);
    expect(status).toBe(4);
    expect(stdout).toMatch(
      /^problem {2}trust .*\[STORE_NOT_INITIALIZED\]\n +run `stella trust init --tuf-url URL`/m,
    );
  });

  test('a clock behind what the store has seen', async () => {
    const { status, stdout } = await site.run(['doctor'], { now: site.now - DAY, expect: 5 });
    expect(status).toBe(5);
    expect(stdout).toMatch(/^problem {2}clock .*\[CLOCK_BEHIND\]/m);
  });

  test('a clock that was never set', async () => {
    const { status, stdout } = await makeEnclave(base, 'clock').run(['doctor'], { now: 0 });
    expect(status).toBe(5);
    expect(stdout).toMatch(/^problem {2}clock .*1970-01-01/m);
  });

  test('stale and expired trust', async () => {
    const { status, stdout } = await site.run(['doctor'], { now: site.now + 400 * DAY, expect: 5 });
    expect(status).toBe(5);
    expect(stdout).toMatch(/^problem {2}freshness .*blocked/m);
    expect(stdout).toMatch(/^problem {2}expiry .*TUF role timestamp expired/m);
  });

  test('roles that expire soon', async () => {
    const { stdout } = await site.run(['doctor', '--json']);
    const { findings } = JSON.parse(stdout) as {
      findings: { check: string; result: string; hints: string[] }[];
    };
    expect(findings.filter(({ check }) => check === 'expiry').map(({ result }) => result)).toContain(
      'warning',
    );
  });

  test('trust on first use', async () => {
    const enclave = makeEnclave(base, 'first-use');
    await enclave.run(['trust', 'init', '--tuf-url', `file://${join(base, 'site', 'tuf')}/`], {
      now: site.now,
      expect: 0,
    });
    const { stdout } = await enclave.run(['doctor'], { now: site.now });
    expect(stdout).toMatch(/^warning {2}pin .*trusted on first use/m);
  });

  test('an error in the configuration', async () => {
    const file = join(base, 'bad.yaml');
    writeFileSync(file, 'attestor:\n  trust_repo:\n    tuf_ulr: https://x.example/\n');
    const { status, stdout } = await stella(['doctor', '--config', file], { env: { HOME: base } });
    expect(status).toBe(4);
    expect(stdout).toMatch(/^problem {2}configuration .*\[CONFIG_INVALID\]/m);
  });

  test('a store and a key that others can write or read', async () => {
    const enclave = makeEnclave(base, 'open');
    await enclave.run(['trust', 'init', '--tuf-url', `file://${join(base, 'site', 'tuf')}/`], {
      now: site.now,
      expect: 0,
    });
    chmodSync(enclave.store, 0o777);
    writeUserConfig(enclave.home, {
      attestor: { trust_repo: { signing_key: join(enclave.home, 'key.pem') } },
    });
    writeFileSync(join(enclave.home, 'key.pem'), 'x', { mode: 0o644 });
    const { stdout } = await enclave.run(['doctor'], { now: site.now });
    expect(stdout).toMatch(/^warning {2}store .*other users can write/m);
    expect(stdout).toMatch(/^problem {2}signing key .*\[KEY_PERMISSIONS\]/m);
  });

  test('proxies are shown without their passwords', async () => {
    const env = { HOME: base, HTTPS_PROXY: 'http://user:secret@proxy.example:3128' };
    const { stdout } = await stella(['doctor'], { env });
    expect(stdout).toContain('proxy http://***@proxy.example:3128');
    expect(stdout).not.toContain('secret');
  });

  test('proxies and certificates that cannot be used, and exceptions that except nothing', async () => {
    const env = {
      HOME: base,
      ALL_PROXY: 'socks5://user:secret@proxy.example:1080',
      NO_PROXY: 'inside.example, *middle*',
      SSL_CERT_FILE: join(base, 'missing.pem'),
    };
    const { status, stdout } = await stella(['doctor'], { env });
    expect(status).toBe(4);
    expect(stdout.match(/^problem {2}network .*/gm)).toEqual([
      expect.stringMatching(/ALL_PROXY: a proxy of scheme socks5 .*\[CONFIG_INVALID\]/),
      expect.stringMatching(/SSL_CERT_FILE: no such file: .*\[FILE_NOT_FOUND\]/),
    ]);
    expect(stdout).toMatch(/^warning {2}network .*NO_PROXY .*: \*middle\*$/m);
    expect(stdout).not.toContain('secret');
  });
});
