import { request as ask, createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { onTestFinished } from 'vitest';

export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  /** Bytes of content that went to the server, and that came from it. */
  sent: number;
  received: number;
}

export interface StallingProxy {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly passed: Passed[];
  /** Resolves when the line has fallen silent. */
  readonly silent: Promise<void>;
  /** Lets everything pass from now on. */
  heal(): void;
}

/** How many bytes of a request's or an answer's content pass before the line falls silent; `undefined`: all. */
type Limit = (request: IncomingMessage, nth: number) => { up?: number; down?: number } | undefined;

/** A line to a server that counts what passes, and can fall silent in the middle of it. */
export async function stallingProxy(target: string, limit: Limit): Promise<StallingProxy> {
  const passed: Passed[] = [];
  const counts = new Map<string, number>();
  let [healed, fallSilent] = [false, () => {}];
  const silent = new Promise<void>((resolve) => {
    fallSilent = resolve;
  });
  const [hostname, port] = target.split(':');
  const metered = (most: number | undefined, count: (bytes: number) => void) => {
    let left = most ?? Number.POSITIVE_INFINITY;
    return new Transform({
      transform(piece: Buffer, _, done) {
        const part = piece.subarray(0, left);
        left -= part.length;
        count(part.length);
        // Nothing more is taken: the other side fills its buffers and waits.
        if (part.length === piece.length) done(null, part);
        else {
          this.push(part);
          fallSilent();
        }
      },
    });
  };
  const server = createServer((request, response) => {
    const nth = (counts.get(request.method!) ?? 0) + 1;
    counts.set(request.method!, nth);
    const rule = healed ? undefined : limit(request, nth);
    const entry: Passed = {
      method: request.method!,
      path: request.url!,
      range: request.headers.range,
      sent: 0,
      received: 0,
    };
    passed.push(entry);
    if (rule?.up === 0) {
      fallSilent();
      return;
    }
    const { method, url: path, headers } = request;
    const onward = ask({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer
        .pipe(
          metered(rule?.down, (bytes) => {
            entry.received += bytes;
          }),
        )
        .pipe(response);
    });
    onward.on('error', () => response.destroy());
    // A client that is gone is gone for the server, too.
    request.on('close', () => request.complete || onward.destroy());
    response.on('close', () => onward.destroy());
    request
      .pipe(
        metered(rule?.up, (bytes) => {
          entry.sent += bytes;
        }),
      )
      .pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    silent,
    heal: () => {
      healed = true;
    },
  };
}
