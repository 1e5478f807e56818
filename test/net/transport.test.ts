import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { bodyOf } from '../../src/net/exchange.ts';
import { addressOf } from '../../src/net/redirect.ts';
import { Transport, type TransportOptions } from '../../src/net/transport.ts';
import { refusal } from '../support/errors.ts';
import { IMPATIENT, serve, serveBytes } from '../support/loopback.ts';
import { makeTlsFiles } from '../support/tls.ts';

function transport(options: Partial<TransportOptions> = {}): Transport {
  const made = new Transport({ ...IMPATIENT, ...options });
  onTestFinished(() => made.close());
  return made;
}

const get = (url: string, headers: Record<string, string> = {}) =>
  ({ method: 'GET', url: new URL(url), headers }) as const;

describe('credentials', () => {
  test('of the transport go to their origins, there and back again, and nowhere else', async () => {
    const seen: [string, string | undefined][] = [];
    let home = '';
    const other = await serve((request, response) => {
      seen.push(['other', request.headers.authorization]);
      response.writeHead(302, { location: `${home}end` }).end();
    });
    home = await serve((request, response) => {
      seen.push(['home', request.headers.authorization]);
      if (request.url === '/end') response.end('here');
      else response.writeHead(302, { location: other }).end();
    });
    const authorization = { origins: new Set([new URL(home).origin]), header: async () => 'Bearer secret' };
    const client = transport({ authorization });
    const answer = await client.send(get(home));
    expect((await client.read(answer, 10)).toString()).toBe('here');
    expect(seen).toEqual([
      ['home', 'Bearer secret'],
      ['other', undefined],
      ['home', 'Bearer secret'],
    ]);
  });

  test('of one request do not follow it to another origin', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    const url = await serve((_, response) => void response.writeHead(302, { location: other }).end());
    const answer = await transport().send(get(url, { authorization: 'Basic secret' }));
    answer.response.destroy();
    expect(seen).toEqual([undefined]);
  });

  test('another port of the same host is another origin', async () => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    const authorization = { origins: new Set(['http://127.0.0.1']), header: async () => 'Bearer secret' };
    (await transport({ authorization }).send(get(url))).response.destroy();
    expect(seen).toEqual([undefined]);
  });
});

describe('redirects', () => {
  test.each(['POST', 'PUT', 'PATCH'] as const)('of %s are not followed', async (method) => {
    let elsewhere = 0;
    const url = await serve((request, response) => {
      if (request.url !== '/') elsewhere += 1;
      request.resume().on('end', () => response.writeHead(307, { location: '/elsewhere' }).end());
    });
    const body = bodyOf(Buffer.from('content'));
    const answer = await transport().send({ method, url: new URL(url), body });
    answer.response.destroy();
    expect([answer.status, elsewhere]).toEqual([307, 0]);
  });

  test('from https to http are refused', async () => {
    const files = makeTlsFiles();
    const plain = await serve((_, response) => void response.end('plain'));
    const server = createTlsServer(
      { key: readFileSync(files.serverKey), cert: readFileSync(files.serverCertificate) },
      (_, response) => void response.writeHead(302, { location: plain }).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const client = transport({
      authorities: { added: { path: files.ca, from: 'network.ca_file' }, system: {} },
    });
    const error = await refusal('FETCH_FAILED', () => client.send(get(`https://127.0.0.1:${port}/`)));
    expect(error.message).toContain('it points from https to "http://127.0.0.1');
    expect(error.retry).toBeUndefined();
  });

  test.each([
    ['https://example.com/', 'http://example.com/'],
    ['https://example.com/', '//user:password@example.com/'],
    ['http://example.com/', 'ftp://example.com/'],
    ['http://example.com/', undefined],
  ])('from %s to %s are no address', async (from, location) => {
    await refusal('FETCH_FAILED', () => addressOf(location, { method: 'GET', url: new URL(from) }));
  });
});

describe('a body', () => {
  const content = Buffer.alloc(8 * 1024 * 1024, 1);
  const put = (url: string, body = bodyOf(content)) => ({ method: 'PUT', url: new URL(url), body }) as const;

  test('arrives as it is', async () => {
    let received = 0;
    const url = await serve((request, response) => {
      request.on('data', (piece: Buffer) => {
        received += piece.length;
      });
      request.on('end', () => response.writeHead(201).end());
    });
    const answer = await transport().send(put(url));
    answer.response.destroy();
    expect([answer.status, received]).toEqual([201, content.length]);
  });

  test('that is refused before it is sent is not read on', async () => {
    let [opened, ended, pieces] = [0, 0, 0];
    let isClosed = false;
    const url = await serve((request, response) => {
      request.socket.on('close', () => {
        isClosed = true;
      });
      response.writeHead(403).end('no');
    });
    const body = {
      length: 1e9,
      async *open() {
        opened += 1;
        try {
          for (; ; pieces += 1) yield content.subarray(0, 64 * 1024);
        } finally {
          ended += 1;
        }
      },
    };
    const client = transport();
    const answer = await client.send(put(url, body));
    expect((await client.read(answer, 10)).toString()).toBe('no');
    await expect.poll(() => ended).toBe(1);
    // The connection, on which content is missing, is not kept.
    await expect.poll(() => isClosed).toBe(true);
    expect(opened).toBe(1);
    expect(pieces).toBeLessThan(1e9 / (64 * 1024));
  });

  test('that the server takes nothing of is given up', async () => {
    const url = await serveBytes((socket) => void socket.pause());
    const body = { length: 1e9, open: () => Array.from({ length: 1000 }, () => content) };
    const error = await refusal('FETCH_FAILED', () =>
      transport({ stallTimeout: milliseconds(100) }).send(put(url, body)),
    );
    expect(error.message).toMatch(/nothing left for 0.1 s|only 0 bytes left in 0.4 s/);
    expect(error.retry).toEqual({});
  });

  test('that leaves by the byte is given up', async () => {
    const url = await serve((request) => void request.resume());
    const body = {
      length: 1e6,
      async *open() {
        for (;;) {
          yield Buffer.from('x');
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      },
    };
    const error = await refusal('FETCH_FAILED', () =>
      transport({ stallTimeout: milliseconds(50) }).send(put(url, body)),
    );
    expect(error.message).toMatch(/only \d+ bytes left in 0.2 s/);
  });

  test.each([
    [
      'is shorter than was said',
      async function* () {
        yield content.subarray(0, 10);
      },
    ],
    [
      'cannot be read',
      async function* () {
        yield content.subarray(0, 10);
        throw new Error('EIO');
      },
    ],
  ])('that %s is given up', async (_, open) => {
    const url = await serve((request) => void request.resume());
    const error = await refusal('FETCH_FAILED', () => transport().send(put(url, { length: 20, open })));
    expect(error.message).toMatch(/the content ended after 10 of 20 bytes|EIO/);
  });
});

describe('a kept connection that the server closes just then', () => {
  /** Answers the first request of a connection, and hangs up at the second. */
  const closing = (count: () => void) =>
    serveBytes((socket) => {
      count();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      socket.once('data', () => socket.resetAndDestroy());
    });

  test('is not held against a request that changes nothing', async () => {
    let connections = 0;
    const url = await closing(() => {
      connections += 1;
    });
    const client = transport();
    for (let i = 0; i < 2; i += 1) {
      const answer = await client.send(get(url));
      expect((await client.read(answer, 10)).toString()).toBe('ok');
      // The connection goes back to where the next request finds it.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(connections).toBe(2);
  });

  test('ends one that does: it may have been heard', async () => {
    const url = await closing(() => {});
    const client = transport();
    const answer = await client.send(get(url));
    await client.read(answer, 10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const body = bodyOf(Buffer.from('content'));
    const error = await refusal('FETCH_FAILED', () =>
      client.send({ method: 'PATCH', url: new URL(url), body }),
    );
    expect(error.retry).toEqual({});
  });
});

test('an address that cannot be connected to is given up in time', async () => {
  // TLS to a server that never says a word of it.
  const url = (await serveBytes(() => {})).replace('http:', 'https:');
  const started = performance.now();
  await refusal('FETCH_FAILED', () =>
    transport({ requestTimeout: milliseconds(200), stallTimeout: milliseconds(100) }).send(get(url)),
  );
  expect(performance.now() - started).toBeLessThan(2000);
});
