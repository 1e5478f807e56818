import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import fc from 'fast-check';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { instant, parseInstant } from '../../../src/base/clock.ts';
import { formatReport } from '../../../src/cli/report/page.ts';
import type { Report } from '../../../src/cli/report/report.ts';
import { makeEnclave, makeSite, type Site } from '../../support/site.ts';
import { temporaryTree } from '../../support/temp.ts';

const DAY = 86_400_000;
const now = parseInstant('2026-02-01T00:00:00Z');
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => {
  try {
    readFileSync(path, { flag: 'r' });
    return true;
  } catch {
    return false;
  }
});
if (!executablePath)
  console.warn(
    'chromium is not installed: pages are not looked at (scripts/install-test-servers.sh installs it)',
  );

/** A page with everything that there can be, and names that nobody should choose. */
const full: Report = {
  title: 'Trust store, generation 12',
  standing: 'Verified again from the pinned root.',
  now,
  facts: [
    ['store', '/var/lib/stellaops/tuf-cache'],
    ['made', '2026-01-30T00:00:00Z'],
  ],
  roles: [
    {
      name: 'root',
      version: 4,
      expires: instant(now + 300 * DAY),
      parent: undefined,
      signers: {
        threshold: 3,
        keyIds: ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64), 'd'.repeat(64), 'e'.repeat(64)],
      },
    },
    {
      name: 'timestamp',
      version: 762,
      expires: instant(now - DAY),
      parent: 'root',
      signers: { threshold: 1, keyIds: ['1'.repeat(64)] },
    },
    {
      name: 'snapshot',
      version: 90,
      expires: instant(now + 12 * DAY),
      parent: 'root',
      signers: { threshold: 1, keyIds: ['2'.repeat(64)] },
    },
    {
      name: 'targets',
      version: 31,
      expires: instant(now + 120 * DAY),
      parent: 'root',
      signers: { threshold: 2, keyIds: ['3'.repeat(64), '4'.repeat(64), '5'.repeat(64)] },
    },
    {
      name: 'builds',
      version: 8,
      expires: instant(now + 60 * DAY),
      parent: 'targets',
      signers: { threshold: 1, keyIds: ['6'.repeat(64)] },
    },
    {
      name: 'a-role-with-a-name-that-is-much-too-long-for-a-box',
      version: 2,
      expires: instant(now + 45 * DAY),
      parent: 'targets',
      signers: undefined,
    },
  ],
  rolesAsOf: now,
  advisedUntil: instant(now + 9 * DAY),
  window: {
    reference: instant(now - 3 * DAY),
    freshUntil: instant(now + DAY / 2),
    acceptedUntil: instant(now + 4 * DAY),
  },
  keys: [
    {
      name: 'rekor-key-v2.pub',
      usage: 'Rekor',
      life: 'active',
      since: instant(now - 20 * DAY),
      until: undefined,
      id: '7'.repeat(64),
    },
    {
      name: 'rekor-key-v1.pub',
      usage: 'Rekor',
      life: 'grace',
      since: instant(now - 400 * DAY),
      until: instant(now + 30 * DAY),
      id: '8'.repeat(64),
    },
    {
      name: 'rekor-key-v0.pub',
      usage: 'Rekor',
      life: 'retired',
      since: instant(now - 60 * DAY),
      until: instant(now - 60 * DAY),
      id: '9'.repeat(64),
    },
    {
      name: '<script>alert(1)</script>',
      usage: 'bundle-signer',
      life: 'revoked',
      since: instant(now - 10 * DAY),
      until: undefined,
      id: '0'.repeat(64),
    },
    {
      name: 'fulcio-chain.pem',
      usage: 'Fulcio',
      life: 'active',
      since: instant(now - 200 * DAY),
      until: instant(now + 3000 * DAY),
      id: 'f'.repeat(64),
    },
  ],
  logs: [
    {
      origin: 'log.example.com/builds',
      size: 1_204_332,
      firstIndex: 1_194_332,
      consistentFrom: [200_000, 700_000, 1_100_000, 1_190_000],
      rootHash: 'ab'.repeat(32),
    },
    {
      origin: 'log2.example.com/new',
      size: 600,
      firstIndex: 0,
      consistentFrom: [],
      rootHash: 'cd'.repeat(32),
    },
    {
      origin: 'rekor.example.com - 1193050959916656506',
      size: 42_000_000,
      firstIndex: 42_000_000,
      consistentFrom: undefined,
      rootHash: 'ef'.repeat(32),
    },
  ],
  checks: [
    { name: 'clock', result: 'ok', detail: '2026-02-01T00:00:00Z' },
    { name: 'freshness', result: 'warning', detail: 'stale: sealed 3d ago' },
    { name: 'expiry', result: 'problem', detail: 'TUF role timestamp expired 2026-01-31T00:00:00Z' },
  ],
  sizes: [
    { name: 'tuf/', entries: 14, bytes: 34_000 },
    { name: 'logs/', entries: 96, bytes: 812_000 },
    { name: 'attestations/', entries: 1, bytes: 4_700 },
  ],
};

test('a page loads nothing, runs nothing, and shows names as text', () => {
  const page = formatReport(full);
  expect(page).toContain("default-src 'none'");
  expect(page).not.toMatch(/<script|javascript:|\son\w+=|<link|<img|<iframe|url\(|@import|src=|href=/i);
  expect(page).toContain('&#60;script&#62;');
});

test('equal reports give equal pages', () => {
  expect(formatReport(full)).toBe(formatReport(structuredClone(full)));
});

test('every fact of a picture is in a table too', () => {
  const page = formatReport(full).replace(/<svg[\s\S]*?<\/svg>/g, '');
  for (const { keyIds } of full.roles.flatMap(({ signers }) => signers ?? []))
    for (const id of keyIds) expect(page).toContain(id);
  for (const { rootHash } of full.logs) expect(page).toContain(rootHash);
  expect(page).toContain('3 of 5 keys sign');
});

test('parts of which there is nothing are left out', () => {
  const page = formatReport({ ...full, keys: [], logs: [], checks: [], sizes: [] });
  expect(page.match(/<h2>[^<]*/g)).toEqual(['<h2>Trust hierarchy', '<h2>Expiry']);
});

test('whatever the data, coordinates are numbers and text is escaped', () => {
  const time = fc.integer({ min: 0, max: 4e12 }).map(instant);
  const report = fc.record({
    title: fc.string({ unit: 'binary' }),
    roles: fc.array(
      fc.record({
        name: fc.string({ unit: 'binary' }),
        version: fc.nat(),
        expires: time,
        parent: fc.constantFrom(undefined, 'root', 'targets'),
        signers: fc.constant(undefined),
      }),
      { maxLength: 20 },
    ),
    logs: fc.array(
      fc.record({
        origin: fc.string({ unit: 'binary' }),
        size: fc.nat(),
        firstIndex: fc.nat(),
        consistentFrom: fc.array(fc.nat()),
        rootHash: fc.string(),
      }),
      { maxLength: 4 },
    ),
    now: time,
  });
  fc.assert(
    fc.property(report, (some) => {
      const page = formatReport({ ...full, ...some });
      for (const picture of page.match(/<svg[\s\S]*?<\/svg>/g) ?? [])
        expect(picture).not.toMatch(/NaN|Infinity/);
      expect(
        page.match(
          /<(?!\/?(?:!doctype|html|head|meta|title|style|body|main|h1|h2|p|dl|dt|dd|section|figure|svg|desc|rect|line|text|circle|path|div|table|caption|thead|tbody|tr|th|td)\b)/g,
        ),
      ).toBeNull();
    }),
    { numRuns: 25, endOnFailure: true },
  );
});

describe('the commands write pages', () => {
  let base: string;
  let site: Site;

  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base);
    await site.seal('x');
  });

  test('trust status --html, on both sides', async () => {
    await site.run(['trust', 'status', '--html', 'status.html']);
    const page = readFileSync(join(site.home, 'status.html'), 'utf8');
    for (const part of ['Trust hierarchy', 'Life of each key', '1 of 1 key signs', 'generation 1 verifies'])
      expect(page).toContain(part);
    const enclave = makeEnclave(base);
    await enclave.run(['trust', 'import', join(site.home, 'x.tar.zst'), '--trust-on-first-use'], {
      expect: 0,
    });
    await enclave.run(['trust', 'status', '--html', 'status.html'], { expect: 0 });
    expect(readFileSync(join(enclave.home, 'status.html'), 'utf8')).toContain('Coverage of each log');
  });

  test('trust snapshot inspect --html', async () => {
    await site.run(['trust', 'snapshot', 'inspect', 'x.tar.zst', '--html', 'x.html']);
    const page = readFileSync(join(site.home, 'x.html'), 'utf8');
    for (const part of [
      'Nothing on this page was verified',
      'Sizes by part',
      '1 of 1 key signs',
      'provable from entry 0',
    ])
      expect(page).toContain(part);
  });

  test('a page that is there already is not overwritten', async () => {
    const again = await site.run(['trust', 'status', '--html', 'status.html'], { expect: 4 });
    expect(again.stderr).toContain('[FILE_EXISTS]');
  });

  test('a place that cannot be written to', async () => {
    const refused = await site.run(['trust', 'status', '--html', `${'x'.repeat(300)}.html`], { expect: 4 });
    expect(refused.stderr).toContain('[WRITE_FAILED]');
  });
});

describe.skipIf(!executablePath)('in a browser', () => {
  let browser: Browser;
  let file: string;
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const pictures = process.env['STELLA_PICTURES'];

  beforeAll(async () => {
    const { writeFileSync } = await import('node:fs');
    file = join(temporaryTree(), 'page.html');
    writeFileSync(file, formatReport(full));
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
  });
  afterAll(() => browser.close());

  async function open(
    scheme: 'light' | 'dark',
    width = 1000,
  ): Promise<{ page: Page; requests: string[]; errors: string[] }> {
    const context = await browser.newContext({
      colorScheme: scheme,
      viewport: { width, height: 900 },
      bypassCSP: false,
    });
    const page = await context.newPage();
    const [requests, errors]: [string[], string[]] = [[], []];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => errors.push(message.text()));
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(pathToFileURL(file).href);
    return { page, requests, errors };
  }

  test.each(['light', 'dark'] as const)(
    '%s: asks for nothing else, and everybody can read it',
    async (scheme) => {
      const { page, requests, errors } = await open(scheme);
      expect(requests).toEqual([pathToFileURL(file).href]);
      expect(errors).toEqual([]);
      expect(await page.locator('svg[role=img]').count()).toBe(5);
      if (pictures) await page.screenshot({ path: join(pictures, `${scheme}.png`), fullPage: true });
      // Through the debugger: the page's own policy would not let it run.
      const { violations } = await page.evaluate<AxeResults>(
        `${axe}; axe.run({ resultTypes: ['violations'] })`,
      );
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    },
  );

  test('no text of a picture leaves it, however long the names', async () => {
    const { page } = await open('light');
    const outside = await page.evaluate(`[...document.querySelectorAll('svg')].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
      }).map((text) => text.textContent);
    })`);
    expect(outside).toEqual([]);
  });

  test('a narrow window needs no sideways scrolling of the page', async () => {
    const { page } = await open('light', 360);
    const wider = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(wider).toBeLessThanOrEqual(0);
  });

  test('prints on paper', async () => {
    const { page } = await open('dark');
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.length).toBeGreaterThan(10_000);
    if (pictures) {
      await page.emulateMedia({ media: 'print' });
      await page.screenshot({ path: join(pictures, 'print.png'), fullPage: true });
    }
  });
});
