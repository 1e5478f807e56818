import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, formatInstant, HOUR, type Instant, instant, parseInstant } from '../../../../src/base/clock.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../../../support/site.ts';
import { temporaryTree } from '../../../support/temp.ts';

/** The timestamp of the site lives for a day, the window of the store is a week. */
let base: string;
let site: Site;
let behind: Enclave;
let now: Instant;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { now: parseInstant('2026-01-25T12:00:00Z') });
  now = site.now;
  const bundle = await site.seal('x');
  behind = makeEnclave(base);
  await behind.run(['trust', 'import', bundle, '--root-fingerprint', site.fingerprint], { now, expect: 0 });
});

const at = (days: number, expected: number) => ({ now: now + days * DAY, expect: expected });

describe('trust status', () => {
  test('of a blocked store exits 5 and says why, also with --quiet, imported or synced', async () => {
    for (const side of [behind, site]) {
      await side.run(['trust', 'status'], at(7, 0));
      const blocked = await side.run(['trust', 'status', '--quiet'], at(7.1, 5));
      expect(blocked.stderr).toContain('[STORE_STALE]');
      expect(blocked.stdout).toBe('');
      const json = (await side.run(['trust', 'status', '--json'], at(7.1, 5))).json();
      expect(json).toMatchObject({ freshness: { state: 'blocked' }, problems: [{ code: 'STORE_STALE' }] });
    }
  });

  test('with an unknown environment, or an override of the service map that is not there, exits 4', async () => {
    const config = join(base, 'environment.yaml');
    writeFileSync(config, 'attestor:\n  trust_repo:\n    environment: stagng\n');
    const unknown = await behind.run(['trust', 'status', '--config', config], at(0, 4));
    expect(unknown.stderr).toContain('[ENVIRONMENT_UNKNOWN]');
    const env = { HOME: behind.home, STELLA_SIGSTORE_SERVICE_MAP: join(base, 'none.json') };
    const missing = await behind.run(['trust', 'status'], { ...at(0, 4), env });
    expect(missing.stderr).toMatch(/\[FILE_NOT_FOUND\]\nhint: .*STELLA_SIGSTORE_SERVICE_MAP/);
    // What must be corrected first decides the status.
    await behind.run(['trust', 'status', '--config', config], at(8, 4));
  });

  test('behind the gap --expires-within asks about the window, not about roles that nothing there can renew', async () => {
    const within = (text: string) => ['trust', 'status', '--expires-within', text];
    await behind.run(within('1h'), at(0, 0));
    await behind.run(within('1h'), at(3, 0));
    await behind.run(within('1h'), { now: now + 7 * DAY - HOUR - 1, expect: 0 });
    const soon = await behind.run([...within('1h'), '--quiet'], { now: now + 7 * DAY - HOUR / 2, expect: 5 });
    expect(soon.stderr).toMatch(
      /^error: within 1h this expires: the staleness window \(\S+\) \[EXPIRES_SOON\]\nhint: /,
    );
    expect(soon.stderr).toContain(formatInstant(instant(now + 7 * DAY)));
    expect(soon.stderr).not.toContain('role');
    // Where there is a network, the timestamp is what expires.
    const synced = await site.run([...within('36h'), '--quiet'], at(0, 5));
    expect(synced.stderr).toContain('TUF role timestamp');
  });

  test('behind the gap shows roles as of the sealed time, in text, JSON and pages', async () => {
    const { stdout } = await behind.run(['trust', 'status'], at(3, 0));
    expect(stdout).toMatch(/^timestamp .* valid as of the sealed time$/m);
    expect(stdout).not.toContain('EXPIRED');
    expect((await behind.run(['trust', 'status', '--json'], at(3, 0))).json()).toMatchObject({
      roles_as_of: formatInstant(now),
      freshness: { advice_seconds: null },
      roles: [{ expired: false }, { expired: false }, { expired: false }, { expired: false }],
    });
    await behind.run(['trust', 'status', '--html', 'status.html'], at(3, 0));
    const page = readFileSync(join(behind.home, 'status.html'), 'utf8');
    expect(page).not.toMatch(/EXPIRED|class="bad"|box bad/);
    expect(page).toContain('valid when sealed');
    expect((await site.run(['trust', 'status'], at(3, 0))).stdout).toMatch(/^timestamp .* EXPIRED /m);
  });

  test('metrics: no role of an imported store expires, and what is refused is told', async () => {
    const metrics = async (days: number, expected: number, flags: string[] = []) => {
      await behind.run(['trust', 'status', '--metrics', 'm.prom', ...flags], at(days, expected));
      return readFileSync(join(behind.home, 'm.prom'), 'utf8');
    };
    const fine = await metrics(3, 0);
    expect(fine).not.toContain('stella_tuf_role_expires_timestamp_seconds');
    expect(fine).toContain('stella_tuf_carried_role_expires_timestamp_seconds{role="timestamp"}');
    expect(fine).toContain(`stella_trust_accepted_until_timestamp_seconds ${(now + 7 * DAY) / 1000}\n`);
    expect(fine).toContain('\nstella_trust_refused 0\n');
    expect(await metrics(8, 5)).toContain('\nstella_trust_refused{code="STORE_STALE"} 1\n');
    await site.run(['trust', 'status', '--metrics', 'm.prom'], at(0, 0));
    expect(readFileSync(join(site.home, 'm.prom'), 'utf8')).toContain(
      'stella_tuf_role_expires_timestamp_seconds{role="timestamp"}',
    );
  });
});

describe('snapshot inspect', () => {
  const inspect = () => ['trust', 'snapshot', 'inspect', join(site.home, 'x.tar.zst')];

  test('shows until when it is accepted here, and no advice where there is none', async () => {
    const { stdout } = await behind.run(inspect(), at(3, 0));
    expect(stdout).toMatch(
      new RegExp(`freshness +fresh: .* accepted until ${formatInstant(instant(now + 7 * DAY))}`),
    );
    expect(stdout).toMatch(/advice +none/);
    expect(stdout).not.toMatch(/\b365\b|EXPIRED/);
  });

  test('--html paints nothing green that an import would block, and names both windows', async () => {
    const config = join(base, 'advice.yaml');
    mkdirSync(join(base, 'advised'));
    writeFileSync(config, 'attestor:\n  trust_repo:\n    freshness_threshold_days: 40\n');
    const bundle = await site.seal('advised', ['--config', config]);
    const page = async (name: string, days: number) => {
      await behind.run(['trust', 'snapshot', 'inspect', bundle, '--html', name], at(days, 0));
      const html = readFileSync(join(behind.home, name), 'utf8');
      const [, expiry = ''] = /<h2>Expiry<\/h2>([\s\S]*?)<\/section>/.exec(html) ?? [];
      return { html, expiry };
    };
    const fresh = await page('fresh.html', 1);
    expect(fresh.expiry).toContain('fresh here');
    expect(fresh.expiry).toContain('the producer&#39;s advice');
    expect(fresh.expiry).toMatch(/<rect [^>]*class="good"/);
    const blocked = await page('blocked.html', 20);
    expect(blocked.expiry).toContain('refused here');
    expect(blocked.html).toContain('blocked: sealed 20d ago');
    expect(blocked.expiry).not.toMatch(/<rect [^>]*class="(?:good|warn)"/);
    expect((await behind.run(['trust', 'import', bundle], at(20, 5))).stderr).toContain('[BUNDLE_STALE]');
  });
});
