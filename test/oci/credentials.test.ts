import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../../src/net/redirect.ts';
import { findCredentials } from '../../src/oci/credentials.ts';
import { tokenRequest } from '../../src/oci/token.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const HOST = 'registry.example.com:5000';
const auth = Buffer.from('carrier:secret').toString('base64');
const other = Buffer.from('another:secret').toString('base64');

/** What is found for `HOST/trust/bundles` in a file with this content. */
async function found(content: object | string | Buffer, path?: string): Promise<string | undefined> {
  const directory = temporaryDirectory();
  const file = path ?? join(directory, 'config.json');
  writeFileSync(
    file,
    Buffer.isBuffer(content) || typeof content === 'string' ? content : JSON.stringify(content),
  );
  const credentials = await findCredentials(HOST, 'trust/bundles', {}, file);
  return credentials?.kind === 'password' ? credentials.username : undefined;
}

describe('keys that logins have written', () => {
  test.each([
    HOST,
    `${HOST}/`,
    `${HOST}/v1/`,
    `${HOST}/v2/`,
    `https://${HOST}`,
    `https://${HOST}/`,
    `https://${HOST}/v1/`,
    `https://${HOST}/v2`,
    `http://${HOST}/v1/`,
    'HTTPS://Registry.Example.com:5000/v1/',
    'Registry.Example.COM:5000',
    `${HOST}/trust`,
    `${HOST}/trust/`,
    `${HOST}/trust/bundles/`,
  ])('%s', async (key) => {
    expect(await found({ auths: { [key]: { auth } } })).toBe('carrier');
  });

  test.each([
    'registry.example.com',
    'registry.example.com/',
    `https://registry.example.com/v1/`,
    `${HOST}/other`,
    `${HOST}/v1`,
    `evil.example.com/${HOST}/`,
    `${HOST}.evil.example.com/`,
    `https://evil.example.com/?${HOST}`,
    '',
    '/',
    '__proto__',
  ])('but not those of others: %s', async (key) => {
    expect(await found({ auths: { [key]: { auth } } })).toBeUndefined();
  });

  test('the exact key comes first, and the longer name before the shorter', async () => {
    expect(await found({ auths: { [`https://${HOST}/v1/`]: { auth: other }, [HOST]: { auth } } })).toBe(
      'carrier',
    );
    expect(await found({ auths: { [HOST]: { auth: other }, [`${HOST}/trust/`]: { auth } } })).toBe('carrier');
  });

  test('a helper for a key with a slash, and a store that knows only the address', async () => {
    const directory = temporaryDirectory();
    const address = `https://${HOST}/v1/`;
    const env = { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
    const makeHelper = (name: string, server: string) => {
      const answer = `echo '{"Username": "carrier", "Secret": "secret"}'`;
      const unknown = `{ echo 'credentials not found in native keychain'; exit 1; }`;
      const path = join(directory, `docker-credential-${name}`);
      writeFileSync(path, `#!/bin/sh\nread asked\n[ "$asked" = ${server} ] || ${unknown}\n${answer}\n`);
      chmodSync(path, 0o755);
    };
    const file = join(directory, 'config.json');
    const ask = async (content: object) => {
      writeFileSync(file, JSON.stringify(content));
      return await findCredentials(HOST, 'trust', env, file);
    };
    makeHelper('store', address);
    makeHelper('host', HOST);
    const carrier = { kind: 'password', username: 'carrier', password: 'secret' };
    expect(await ask({ credsStore: 'store', auths: { [address]: {} } })).toMatchObject(carrier);
    expect(await ask({ credsStore: 'store', auths: {} })).toBeUndefined();
    expect(await ask({ credHelpers: { [`${HOST}/`]: 'host' } })).toMatchObject(carrier);
  });
});

describe('a file of credentials that cannot be used is named in the hint', () => {
  test.each<[string, string | Buffer]>([
    ['no JSON', `{"auths": {"${HOST}": {"auth": "${auth}"`],
    ['of another form', '{"auths": []}'],
    ['a name twice', '{"auths": {}, "auths": {}}'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['a login that is no base64', `{"auths": {"${HOST}": {"auth": "!!!"}}}`],
    ['a login without a colon', `{"auths": {"${HOST}": {"auth": "c2VjcmV0"}}}`],
  ])('%s', async (_, content) => {
    const file = join(temporaryDirectory(), 'config.json');
    const error = await refusal('CONFIG_INVALID', () => found(content, file));
    expect(error.message).toContain(file);
    expect(error.hints[0]).toContain(
      `mend ${file}, or move it away and log in again with \`docker login ${HOST}\``,
    );
    expect(error.hints[1]).toContain('--auth-file FILE');
    expect(JSON.stringify([error.message, error.details, error.hints])).not.toContain(auth);
  });

  test('a directory where Docker has its file', async () => {
    const home = temporaryDirectory();
    const file = join(home, '.docker', 'config.json');
    mkdirSync(file, { recursive: true });
    const error = await refusal('FILE_UNREADABLE', () => findCredentials(HOST, 'trust', { HOME: home }));
    expect(error.hints[0]).toContain(file);
  });
});

describe('http addresses of a registry that was reached by https are refused, with what to set at the proxy', () => {
  test('in Location', async () => {
    const from = { method: 'POST', url: new URL(`https://${HOST}/v2/trust/blobs/uploads/`) } as const;
    const error = await refusal('FETCH_FAILED', () =>
      addressOf(`http://${HOST}/v2/trust/blobs/uploads/1`, from),
    );
    expect(error.hints.join()).toContain('X-Forwarded-Proto: https');
    expect(error.retry).toBeUndefined();
  });

  test('of a token service', async () => {
    const challenge = { scheme: 'bearer', parameters: new Map([['realm', `http://${HOST}/token`]]) };
    const error = await refusal('REGISTRY_AUTH', () =>
      tokenRequest(challenge, 'x', undefined, new URL(`https://${HOST}/`)),
    );
    expect(error.hints.join()).toContain('X-Forwarded-Proto: https');
  });
});
