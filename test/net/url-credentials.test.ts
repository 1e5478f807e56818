import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { StellaError } from '../../src/base/errors.ts';
import { hasCredentials, maskUrl, maskUrls } from '../../src/base/safety/masked-url.ts';
import { parseManifest } from '../../src/bundle/manifest.ts';
import { loadConfig } from '../../src/config/config.ts';
import { parseServiceMap } from '../../src/config/service-map.ts';
import { offlineFetcher } from '../../src/net/offline.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { parseTrustedRoot } from '../../src/trust/trusted-root.ts';
import { stella } from '../support/cli.ts';
import { refusal } from '../support/errors.ts';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

const URL_WITH_SECRET = 'https://user:S3CRET@host.example/tuf/';
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('addresses for people', () => {
  test.each([
    [URL_WITH_SECRET, 'https://***@host.example/tuf/'],
    ['https:user:S3CRET@host.example', 'https://***@host.example/'],
    ['https:\\\\user:S3CRET@host.example/', 'https://***@host.example/'],
    ['http://S3CRET@host.example:8080/a@b', 'http://***@host.example:8080/a@b'],
    ['https://user:p@S3CRET@host.example/', 'https://***@host.example/'],
    ['oci://user:S3CRET@host.example/r:t', 'oci://***@host.example/r:t'],
    ['http://user:S3CRET@not a host/', 'http://***@not a host/'],
  ])('%s is shown as %s', (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
    expect(hasCredentials(url)).toBe(true);
  });

  test.each([
    'https://host.example/a@b',
    'oci://host/r@sha256:00',
    'file:///home/a@b',
    'x',
    'mailto:a@b.example',
  ])('%s is shown as it is', (url) => {
    expect(maskUrl(url)).toBe(url);
    expect(hasCredentials(url)).toBe(false);
  });

  test('no password survives in a message, wherever the address stands in it', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.stringMatching(/^[\w:.~!$&()*+,;=%-]{0,20}S3CRET[\w:@.~-]{0,9}$/),
        fc.string(),
        (before, secret, after) => {
          const text = `${before} https://u:${secret}@host.example/${after}`;
          expect(maskUrls(text)).not.toContain('S3CRET');
          const error = new StellaError('FETCH_FAILED', text, { hint: text, details: { url: text } });
          expect(JSON.stringify([error.message, error.hints, error.details])).not.toContain('S3CRET');
        },
      ),
    );
  });
});

describe('a URL with a password in it is refused, and the refusal does not repeat it', () => {
  const refused: Record<string, () => unknown> = {
    'by flag': () => loadConfig({ env: {}, cwd: '/', searched: [] }, { tuf_url: URL_WITH_SECRET }),
    'in the environment': () =>
      loadConfig({
        env: { STELLA_TUF_ROOT_URL: `https://ok.example/ ${URL_WITH_SECRET}` },
        cwd: '/',
        searched: [],
      }),
    'in the configuration': () => {
      const file = join(temporaryDirectory(), 'stella.yaml');
      writeFileSync(
        file,
        JSON.stringify({ attestor: { trust_repo: { tuf_url: ['https://ok.example/', URL_WITH_SECRET] } } }),
      );
      return loadConfig({ env: {}, cwd: '/', file });
    },
    'in a service map': () => parseServiceMap(bytes({ version: 1, rekor: { url: URL_WITH_SECRET } }), 'map'),
    "in a service map's override": () =>
      parseServiceMap(bytes({ version: 1, overrides: { staging: { rekor_url: URL_WITH_SECRET } } }), 'map'),
    'as the address of a registry': () => parseReference('oci://user:S3CRET@host.example/r:t'),
    'when it is fetched': () => offlineFetcher().fetch(URL_WITH_SECRET, { most: 1 }),
    'in a trusted root': () => {
      const authority = { uri: URL_WITH_SECRET, certChain: { certificates: [{ rawBytes: 'AA==' }] } };
      return parseTrustedRoot(
        bytes({
          mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
          certificateAuthorities: [authority],
        }),
      );
    },
  };

  test.each(Object.entries(refused))('%s', async (_, act) => {
    const error = await refusal('URL_CREDENTIALS', act);
    expect(error.message).toContain('***@host.example');
    expect(JSON.stringify([error.message, error.hints, error.details])).not.toContain('S3CRET');
  });
});

describe('in a command', () => {
  let site: Site;
  let base: string;
  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base, { entries: 10 });
  });

  /** All files below, so that nothing is forgotten. */
  const texts = (directory: string): string[] =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => join(directory, name))
      .filter((path) => statSync(path).isFile())
      .map((path) => readFileSync(path, 'latin1'));

  test('nothing of it reaches output, log file or disk', async () => {
    const home = temporaryDirectory();
    const url = 'http://user:S3CRET@127.0.0.1:9/';
    for (const args of [
      ['trust', 'init', '--tuf-url', url],
      ['trust', 'sync', '--tuf-url', url, '--json'],
      ['trust', 'snapshot', 'pull', 'oci://user:S3CRET@127.0.0.1:9/r:t', '--out', 'x', '--verbose'],
      ['log', 'verify', url, '--key', join(site.home, 'log.pub'), '--json'],
      ['trust', 'init', '--tuf-url', 'ftp://user:S3CRET@h/'],
    ]) {
      const result = await stella([...args, '--log-file', join(home, 'run.log')], {
        cwd: home,
        env: { HOME: home, HTTP_PROXY: '' },
      });
      expect(result.status).not.toBe(0);
      expect(result.stdout + result.stderr).not.toContain('S3CRET');
    }
    expect(texts(home).join('\n')).not.toContain('S3CRET');
  });

  test('a service map and a target do not take it', async () => {
    for (const args of [
      ['repo', 'swap-endpoint', 'rekor', URL_WITH_SECRET],
      ['repo', 'add-target', 'log.pub', 'another.pub', '--usage', 'Rekor', '--uri', URL_WITH_SECRET],
    ]) {
      const result = await site.run([...args, '--repo', 'repo'], { expect: 4 });
      expect(result.stderr).toContain('[URL_CREDENTIALS]');
      expect(result.stderr).not.toContain('S3CRET');
    }
  });

  test('a manifest that has one is refused', async () => {
    const bundle = await site.seal('b');
    const inspected = await site.run(['trust', 'snapshot', 'inspect', bundle, '--json']);
    expect(inspected.stdout).not.toContain('S3CRET');
    const { execFileSync } = await import('node:child_process');
    const manifest = execFileSync('tar', ['--zstd', '-xOf', bundle, 'manifest.json']);
    parseManifest(manifest);
    const url = (JSON.parse(manifest.toString()) as { tuf: { url: string } }).tuf.url;
    const altered = Buffer.from(
      manifest.toString().replace(JSON.stringify(url), JSON.stringify(URL_WITH_SECRET)),
    );
    const error = await refusal('URL_CREDENTIALS', () => parseManifest(altered));
    expect(error.message).not.toContain('S3CRET');
  });

  test('a proxy may have one, which is masked', async () => {
    const home = temporaryDirectory();
    for (const args of [['config', 'show'], ['config', 'show', '--json'], ['doctor']]) {
      const { stdout } = await stella(args, {
        cwd: home,
        env: {
          HOME: home,
          HTTPS_PROXY: 'http://user:S3CRET@proxy.example:3128',
          HTTP_PROXY: 'user:S3CRET@proxy:1',
        },
      });
      expect(stdout).not.toContain('S3CRET');
      expect(stdout).toContain('http://***@proxy.example:3128');
    }
  });
});
