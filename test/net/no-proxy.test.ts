import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNoProxy } from '../../src/net/no-proxy.ts';

const excepts = (noProxy: string, url: string) => parseNoProxy(noProxy).excepts(new URL(url));

/** `NO_PROXY`, hosts that it excepts, hosts that it does not. */
const TABLE: readonly [string, readonly string[], readonly string[]][] = [
  ['', [], ['a.test', '127.0.0.1']],
  ['*', ['a.test', '127.0.0.1', '[::1]'], []],
  [
    'example.com',
    ['example.com', 'a.example.com', 'A.B.EXAMPLE.com'],
    ['notexample.com', 'example.com.test', 'com'],
  ],
  ['.example.com', ['example.com', 'a.example.com'], ['notexample.com']],
  ['*.example.com', ['example.com', 'a.example.com'], ['notexample.com']],
  ['EXAMPLE.com.', ['example.com', 'a.example.com', 'example.com.'], ['example.org']],
  ['example.com', ['example.com.', 'a.example.com.'], []],
  ['localhost', ['localhost', 'a.localhost'], ['127.0.0.1']],
  ['my_host', ['my_host'], ['myhost']],
  ['bücher.example', ['xn--bcher-kva.example', 'www.bücher.example'], ['bucher.example']],
  ['a.test,b.test c.test\t,, d.test', ['a.test', 'b.test', 'c.test', 'd.test'], ['e.test']],
  ['10.1.2.3', ['10.1.2.3', '[::ffff:10.1.2.3]'], ['10.1.2.30', '110.1.2.3']],
  [
    '10.0.0.0/8',
    ['10.0.0.0', '10.255.255.255', '[::ffff:10.1.2.3]'],
    ['11.0.0.0', '9.255.255.255', '10.test'],
  ],
  ['10.1.2.3/8', ['10.9.9.9'], ['11.1.2.3']],
  ['192.168.4.0/22', ['192.168.7.255'], ['192.168.8.0', '192.168.3.255']],
  ['0.0.0.0/0', ['8.8.8.8'], ['[2001:db8::1]', 'a.test']],
  ['1.2.3.4/32', ['1.2.3.4'], ['1.2.3.5']],
  ['fd00::/8', ['[fd12::1]', '[fdff::]'], ['[fe00::]', '[fc00::1]', '253.0.0.1']],
  ['[fd00::]/8', ['[fd12::1]'], ['[fe00::]']],
  ['::/0', ['[2001:db8::1]'], ['a.test']],
  ['::1', ['[::1]'], ['[::2]', '127.0.0.1']],
  ['[::1]', ['[::1]'], ['[::2]']],
  ['2001:DB8::1', ['[2001:db8:0::1]'], ['[2001:db8::2]']],
  ['127.*', ['127.0.0.1', '127.255.0.9'], ['128.0.0.1', '12.7.0.1', '127.test']],
  ['192.168.*', ['192.168.0.1'], ['192.169.0.1']],
  ['192.168.*.*', ['192.168.9.9'], ['192.169.0.1']],
  ['10.1.2.*', ['10.1.2.255'], ['10.1.3.0']],
  ['10.0.0.5-10.0.0.7', ['10.0.0.5', '10.0.0.6', '10.0.0.7'], ['10.0.0.4', '10.0.0.8']],
  ['fd00::1-fd00::3', ['[fd00::2]'], ['[fd00::4]']],
  ['a.test:8443', ['a.test:8443', 'b.a.test:8443'], ['a.test', 'a.test:443', 'a.test:80']],
  ['a.test:80', ['a.test', 'a.test:80'], ['a.test:8080']],
  ['10.0.0.0/8:8080', ['10.1.1.1:8080'], ['10.1.1.1']],
  ['[::1]:8080', ['[::1]:8080'], ['[::1]']],
  ['127.*:8080', ['127.0.0.2:8080'], ['127.0.0.2']],
];

describe('NO_PROXY', () => {
  test.each(TABLE)('%s', (noProxy, excepted, others) => {
    for (const host of excepted) expect(excepts(noProxy, `http://${host}/`), host).toBe(true);
    for (const host of others) expect(excepts(noProxy, `http://${host}/`), host).toBe(false);
  });

  test('without a port in the address goes by the scheme', () => {
    expect(excepts('a.test:443', 'https://a.test/')).toBe(true);
    expect(excepts('a.test:443', 'http://a.test/')).toBe(false);
  });

  test.each([
    ['http://a.test'],
    ['foo*.test'],
    ['*foo'],
    ['10.*.0.1'],
    ['10.1'],
    ['10.'],
    ['10.0.0.0/33'],
    ['fd00::/129'],
    ['10.0.0.0/'],
    ['10.0.0.9-10.0.0.1'],
    ['256.*'],
    ['1.2.3.4.*'],
    ['1.2.*.*.*'],
    ['a/8'],
    ['.'],
    ['..a'],
    ['[::1'],
    [':80'],
    ['a b:c:d'.split(' ')[1]!],
  ])('%s means nothing, excepts nothing, and is named', (entry) => {
    const { unknown, excepts: isExcepted } = parseNoProxy(`good.test, ${entry}`);
    expect(unknown).toEqual([entry]);
    for (const host of ['a.test', '10.0.0.1', '1.2.3.4', '[::1]', 'foo.test', 'http'])
      expect(isExcepted(new URL(`http://${host}/`)), host).toBe(false);
  });

  test('of any bytes is read, and excepts no host that no entry names', () => {
    const host = fc.constantFrom('a.test', '10.1.2.3', '[fd00::1]', 'x.y.example');
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), host, (text, name) => {
        const isExcepted = excepts(text, `http://${name}/`);
        const bare = name.replace(/[[\]]/g, '');
        if (isExcepted)
          expect(/[*/-]/.test(text) || new RegExp(bare.split('.').at(-1)!, 'i').test(text)).toBe(true);
      }),
    );
  });

  test('of a network is what the bits say', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 32 - 1),
        fc.nat(2 ** 32 - 1),
        fc.integer({ min: 0, max: 32 }),
        (network, host, bits) => {
          const dotted = (n: number) => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.');
          const same = bits === 0 || network >>> (32 - bits) === host >>> (32 - bits);
          expect(excepts(`${dotted(network)}/${bits}`, `http://${dotted(host)}/`)).toBe(same);
        },
      ),
    );
  });

  test('of a name is itself and what is below it', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
    fc.assert(
      fc.property(name, name, (entry, host) => {
        expect(excepts(entry, `http://${host}/`)).toBe(host === entry || host.endsWith(`.${entry}`));
        expect(excepts(entry, `http://${host}.${entry}/`)).toBe(true);
      }),
    );
  });
});
