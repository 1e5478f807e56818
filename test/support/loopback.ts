import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { networkFetcher } from '../../src/net/fetcher.ts';
import type { TransportOptions } from '../../src/net/transport.ts';

/** Options of a client that does not wait long. */
export const IMPATIENT: TransportOptions = {
  userAgent: 'stella-test',
  retries: 0,
  firstDelay: milliseconds(5),
  requestTimeout: milliseconds(2000),
  stallTimeout: milliseconds(1000),
};

export const impatientFetcher = (options: Partial<TransportOptions> = {}) =>
  networkFetcher({ ...IMPATIENT, ...options });

/** A server on this machine for one test; its URL ends in a slash. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A server that answers a first piece of a request with anything at all. */
export async function serveBytes(answer: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
