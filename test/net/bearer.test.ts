import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NetworkConfig } from '../../src/config/network.ts';
import { bearerToken } from '../../src/net/bearer.ts';
import { refusal } from '../support/errors.ts';
import { impatientFetcher as fetcher, serve } from '../support/loopback.ts';
import { temporaryDirectory } from '../support/temp.ts';

const MAX = { most: 1000 };

describe('bearer token', () => {
  const network = (values: Partial<NetworkConfig>) => values as NetworkConfig;

  async function tokenSeen(values: Partial<NetworkConfig>): Promise<string | undefined> {
    let seen: string | undefined;
    const url = await serve((request, response) => {
      seen = request.headers.authorization;
      response.end('ok');
    });
    await fetcher({
      authorization: bearerToken(network(values), [url], { PATH: process.env['PATH'] }),
    }).fetch(url, MAX);
    return seen;
  }

  test('comes from a file or from a command', async () => {
    const file = join(temporaryDirectory(), 'token');
    writeFileSync(file, 'abc.def\n');
    expect(await tokenSeen({ bearerTokenFile: file })).toBe('Bearer abc.def');
    expect(await tokenSeen({ bearerTokenCommand: ['printf', 'from-command'] })).toBe('Bearer from-command');
  });

  test('is not sent to other servers, not even after a redirect', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end('ok');
    });
    const url = await serve((_, response) => void response.writeHead(302, { location: other }).end());
    const authorization = bearerToken(network({ bearerTokenCommand: ['printf', 'secret'] }), [url], {
      PATH: process.env['PATH'],
    });
    await fetcher({ authorization }).fetch(url, MAX);
    expect(seen).toEqual([undefined]);
  });

  test('is never sent in the clear', async () => {
    await refusal('CONFIG_INVALID', () =>
      bearerToken(network({ bearerTokenFile: 't' }), ['http://trust.example/tuf/'], {}),
    );
  });

  test.each([
    ['a command that fails', ['false']],
    ['a command that is not there', ['/nonexistent']],
    ['what is no token', ['printf', 'a b']],
    ['what would be another header', ['printf', 'a\\r\\nX-Evil: 1']],
  ])('from %s is refused', async (_, bearerTokenCommand) => {
    await refusal('CONFIG_INVALID', () => tokenSeen({ bearerTokenCommand }));
  });
});
