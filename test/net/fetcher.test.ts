import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { refusal } from '../support/errors.ts';
import { impatientFetcher as fetcher, serve, serveBytes } from '../support/loopback.ts';

const MAX = { most: 1000 };

describe('a server that', () => {
  test('answers is believed, with its entity tag', async () => {
    const url = await serve((request, response) => {
      expect(request.headers['user-agent']).toBe('stella-test');
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304, { etag: '"1"' }).end();
      else response.writeHead(200, { etag: '"1"' }).end('body');
    });
    const first = await fetcher().fetch(url, MAX);
    expect(Buffer.from(first.bytes).toString()).toBe('body');
    expect((await fetcher().fetch(url, { ...MAX, etag: first.etag! })).notModified).toBe(true);
  });

  test.each([403, 404, 410])('answers %i does not have the file', async (status) => {
    await refusal('FETCH_NOT_FOUND', async () =>
      fetcher().fetch(await serve((_, response) => void response.writeHead(status).end('no')), MAX),
    );
  });

  test.each([
    ['says how much', (response: Parameters<RequestListener>[1]) => void response.end('x'.repeat(1001))],
    [
      'does not say how much',
      (response: Parameters<RequestListener>[1]) => {
        response.write('x'.repeat(600));
        setTimeout(() => response.end('x'.repeat(600)), 10);
      },
    ],
  ])('sends too much and %s is cut off', async (_, answer) => {
    const url = await serve((_, response) => answer(response));
    await refusal('FETCH_TOO_LARGE', () => fetcher().fetch(url, MAX));
  });

  test('sends without end is cut off', async () => {
    let closed = false;
    const url = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(100)), 1);
      response.on('close', () => {
        closed = true;
        clearInterval(timer);
      });
    });
    await refusal('FETCH_TOO_LARGE', () => fetcher().fetch(url, MAX));
    await expect.poll(() => closed).toBe(true);
  });

  test.each([
    ['promises more than it sends', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'],
    ['ends within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nshort'],
    ['speaks nonsense', 'nonsense\r\n\r\n'],
    ['hangs up', ''],
    ['gives two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ])('%s is refused', async (_, bytes) => {
    const url = await serveBytes((socket) => void socket.end(bytes));
    await refusal('FETCH_FAILED', () => fetcher().fetch(url, MAX));
  });

  test('stalls before it answers is given up', async () => {
    const url = await serve(() => {});
    const error = await refusal('FETCH_FAILED', () =>
      fetcher({ stallTimeout: milliseconds(50) }).fetch(url, MAX),
    );
    expect(error.message).toContain('nothing arrived for 0.05 s');
  });

  test('stalls within the body is given up', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('x'),
    );
    await refusal('FETCH_FAILED', () => fetcher({ stallTimeout: milliseconds(50) }).fetch(url, MAX));
  });

  test('trickles for longer than the whole may take is given up', async () => {
    const url = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    });
    const error = await refusal('FETCH_FAILED', () =>
      fetcher({ requestTimeout: milliseconds(100) }).fetch(url, MAX),
    );
    expect(error.message).toContain('not finished after 0.1 s');
  });

  test('sends compressed content unasked is refused', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    await refusal('FETCH_FAILED', () => fetcher().fetch(url, MAX));
  });
});

describe('redirects', () => {
  test('are followed a few times', async () => {
    const url = await serve((request, response) => {
      const count = Number(request.url!.slice(1));
      if (count < 5) response.writeHead(302, { location: `/${count + 1}` }).end();
      else response.end('there');
    });
    expect(Buffer.from((await fetcher().fetch(`${url}0`, MAX)).bytes).toString()).toBe('there');
  });

  test('in a circle end', async () => {
    const url = await serve((_, response) => void response.writeHead(307, { location: '/' }).end());
    const error = await refusal('FETCH_FAILED', () => fetcher({ retries: 3 }).fetch(url, MAX));
    expect(error.message).toContain('more than 5 redirects');
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'http://[', 'data:,x'])(
    'to %s are not followed',
    async (location) => {
      const url = await serve((_, response) => void response.writeHead(302, { location }).end());
      await refusal('FETCH_FAILED', () => fetcher().fetch(url, MAX));
    },
  );
});

describe('retries', () => {
  test.each([500, 502, 503, 504, 429, 408])('after %i the request is made again', async (status) => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      if (requests < 3) response.writeHead(status).end();
      else response.end('at last');
    });
    const delays: number[] = [];
    const onRetry = (_: string, __: unknown, delay: number) => void delays.push(delay);
    const { bytes } = await fetcher({ retries: 3, onRetry }).fetch(url, MAX);
    expect(Buffer.from(bytes).toString()).toBe('at last');
    expect(delays).toHaveLength(2);
    expect(delays[0]).toBeGreaterThanOrEqual(2.5);
    expect(delays[1]).toBeGreaterThanOrEqual(5);
    expect(delays[1]).toBeLessThanOrEqual(10);
  });

  test('after a broken connection the request is made again', async () => {
    let requests = 0;
    const url = await serveBytes((socket) => {
      requests += 1;
      socket.end(
        requests === 1
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsho'
          : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
    });
    expect(Buffer.from((await fetcher({ retries: 1 }).fetch(url, MAX)).bytes).toString()).toBe('ok');
  });

  test('end, and the last failure is told', async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      response.writeHead(503).end();
    });
    const error = await refusal('FETCH_FAILED', () => fetcher({ retries: 2 }).fetch(url, MAX));
    expect(error.message).toContain('503');
    expect(requests).toBe(3);
  });

  test.each([400, 401, 404, 501])('after %i would be in vain and are not made', async (status) => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      response.writeHead(status).end();
    });
    await expect(fetcher({ retries: 3 }).fetch(url, MAX)).rejects.toThrow();
    expect(requests).toBe(1);
  });

  test('wait as long as the server asks for', async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      if (requests === 1) response.writeHead(503, { 'retry-after': '0.05' }).end();
      else response.end('ok');
    });
    const delays: number[] = [];
    await fetcher({ retries: 1, onRetry: (_, __, delay) => void delays.push(delay) }).fetch(url, MAX);
    expect(delays[0]).toBeGreaterThanOrEqual(50);
  });

  test('end at once when the caller gives up', async () => {
    const url = await serve((_, response) => void response.writeHead(503).end());
    const controller = new AbortController();
    const waiting = fetcher({
      retries: 5,
      firstDelay: milliseconds(60_000),
      onRetry: () => controller.abort(),
    }).fetch(url, {
      ...MAX,
      signal: controller.signal,
    });
    await refusal('FETCH_FAILED', () => waiting);
  });
});

describe('proxy', () => {
  const named = (address: string) => ({ address, from: 'HTTP_PROXY' });

  test('takes the requests, except for hosts that are excepted', async () => {
    const origin = await serve((_, response) => void response.end('direct'));
    const proxied: string[] = [];
    const proxy = await serve((request, response) => {
      proxied.push(request.url!);
      response.end('through the proxy');
    });
    const through = await fetcher({ proxy: { http: named(proxy) } }).fetch(`${origin}x`, MAX);
    expect(Buffer.from(through.bytes).toString()).toBe('through the proxy');
    expect(proxied).toEqual([`${origin}x`]);
    const direct = await fetcher({ proxy: { http: named(proxy), except: '127.0.0.1' } }).fetch(origin, MAX);
    expect(Buffer.from(direct.bytes).toString()).toBe('direct');
  });

  test('that is down is told', async () => {
    await refusal('FETCH_FAILED', () =>
      fetcher({ proxy: { http: named('http://127.0.0.1:1') } }).fetch('http://x.test/', MAX),
    );
  });

  test('gets a CONNECT for https', async () => {
    const asked: string[] = [];
    const server = createServer();
    server.on('connect', (request, socket: Socket) => {
      asked.push(request.url!);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await refusal('FETCH_FAILED', () =>
      fetcher({ proxy: { https: named(proxy) } }).fetch('https://tuf.test/x', MAX),
    );
    expect(asked).toEqual(['tuf.test:443']);
  });
});
