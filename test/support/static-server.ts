import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { onTestFinished } from 'vitest';

export interface StaticServer {
  /** Base address with a slash at the end. */
  readonly url: string;
  /** The path of every request so far, without the leading slash. */
  readonly requests: string[];
}

/** May answer a request itself (return true) before the files are looked at. */
export type Intercept = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

/** Serves the files of a directory on loopback, with entity tags, until the test is finished. */
export async function serveDirectory(
  root: string,
  intercept: Intercept = () => false,
): Promise<StaticServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = normalize(
      decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname),
    ).slice(1);
    requests.push(path);
    if (intercept(request, response, path)) return;
    const stat = path.startsWith('..') ? undefined : statSync(join(root, path), { throwIfNoEntry: false });
    if (!stat?.isFile()) {
      response.writeHead(404).end('not found\n');
      return;
    }
    const etag = `"${stat.size.toString(16)}-${stat.mtimeMs.toString(16)}"`;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end();
      return;
    }
    response.writeHead(200, { etag, 'content-length': stat.size });
    // No further than the length that was promised: a test may write a longer file meanwhile.
    if (stat.size === 0) response.end();
    else createReadStream(join(root, path), { end: stat.size - 1 }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}
