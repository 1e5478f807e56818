import { describe, expect, test } from 'vitest';
import { resolveNetwork } from '../../src/config/network.ts';
import { Agents } from '../../src/net/agents.ts';
import { proxyUrl } from '../../src/net/proxy.ts';
import { refusal } from '../support/errors.ts';

const agents = (env: Record<string, string>, section = {}) =>
  new Agents({ proxy: resolveNetwork(section, { env, cwd: '/' }, '/', (_, work) => work()).proxy });

describe('the address of a proxy', () => {
  test.each([
    ['http://proxy.test:3128', 'http://proxy.test:3128/'],
    ['HTTPS://Proxy.test', 'https://proxy.test/'],
    [' http://proxy.test ', 'http://proxy.test/'],
    ['proxy.test:3128', 'http://proxy.test:3128/'],
    ['10.0.0.1', 'http://10.0.0.1/'],
    ['http://u%40x:p@proxy.test', 'http://u%40x:p@proxy.test/'],
  ])('%j is %s', (address, url) => {
    expect(proxyUrl({ address, from: 'HTTP_PROXY' }).href).toBe(url);
  });

  test.each([
    ['socks5://proxy.test:1080'],
    ['socks5h://proxy.test:1080'],
    ['socks4a://proxy.test'],
    ['SOCKS://proxy.test'],
    ['ftp://proxy.test'],
    ['unix:///run/proxy.sock'],
    ['http://'],
    ['http://us%er@proxy.test'],
    ['http://proxy.test:99999'],
    ['http://pro xy.test'],
    ['http://proxy.test\r\nX: y'],
    ['://proxy.test'],
  ])('%j is refused', async (address) => {
    const error = await refusal('CONFIG_INVALID', () => proxyUrl({ address, from: 'https_proxy' }));
    expect(error.message).toMatch(/^https_proxy: /);
    expect(error.hints.join()).toContain('https_proxy');
  });

  test('is told without its password', async () => {
    const address = 'socks5://user:S3CRET@proxy.test';
    const error = await refusal('CONFIG_INVALID', () => proxyUrl({ address, from: 'ALL_PROXY' }));
    expect(JSON.stringify([error.message, error.hints, error.details])).not.toContain('S3CRET');
  });
});

describe('a proxy that cannot be used', () => {
  test.each(['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'])(
    'in %s is refused for what would go through it, and for nothing else',
    async (name) => {
      const setting = agents({ [name]: 'socks5://proxy.test', NO_PROXY: 'inside.test 10.0.0.0/8' });
      const error = await refusal('CONFIG_INVALID', () => setting.agentFor(new URL('https://out.test/')));
      expect(error.message).toContain(name);
      setting.agentFor(new URL('https://a.inside.test/'));
      setting.agentFor(new URL('https://10.1.2.3/'));
    },
  );

  test('in ALL_PROXY does not matter where another variable is set', () => {
    const env = { ALL_PROXY: 'socks5://x.test', HTTP_PROXY: 'http://a.test', https_proxy: 'http://b.test' };
    expect(agents(env).proxyFor(new URL('http://o.test/'))?.from).toBe('HTTP_PROXY');
    expect(agents(env).proxyFor(new URL('https://o.test/'))?.from).toBe('https_proxy');
  });

  test('in a variable does not matter where the configuration names another, or none', () => {
    const env = { ALL_PROXY: 'socks5://x.test', NO_PROXY: 'inside.test' };
    expect(agents(env, { proxy: 'none' }).proxyFor(new URL('https://o.test/'))).toBeUndefined();
    const named = agents(env, { proxy: 'http://p.test' });
    expect(named.proxyFor(new URL('https://o.test/'))?.from).toBe('network.proxy');
    expect(named.proxyFor(new URL('https://inside.test/'))).toBeUndefined();
  });
});
