import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/base/codes.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { resolveNetwork } from '../../src/config/network.ts';
import { connectionOptions } from '../../src/net/configured.ts';
import { Transport } from '../../src/net/transport.ts';
import { refusal } from '../support/errors.ts';
import { temporaryTree } from '../support/temp.ts';
import { makeTlsFiles, type TlsFiles } from '../support/tls.ts';

const directory = temporaryTree();
const at = (name: string) => join(directory, name);
let tls: TlsFiles;
let url: URL;
const server = { close: () => {} };

beforeAll(async () => {
  tls = makeTlsFiles(directory);
  const https = createServer(
    { key: readFileSync(tls.serverKey), cert: readFileSync(tls.serverCertificate) },
    (_, response) => void response.end('ok'),
  );
  server.close = () => {
    https.closeAllConnections();
    https.close();
  };
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  url = new URL(`https://127.0.0.1:${(https.address() as AddressInfo).port}/`);
  const ca = readFileSync(tls.ca, 'latin1');
  for (const name of ['certs', 'other', 'empty', 'links']) mkdirSync(at(name));
  writeFileSync(at('certs/ca.pem'), `Test CA\n${ca}`);
  writeFileSync(at('certs/README'), 'not a certificate');
  writeFileSync(at('certs/broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  symlinkSync(tls.ca, at('links/12345678.0'));
  symlinkSync('/nonexistent', at('links/dangling.pem'));
  symlinkSync('circle.pem', at('links/circle.pem'));
  symlinkSync('/dev/zero', at('links/device.pem'));
  writeFileSync(at('other/other.pem'), readFileSync(tls.clientCertificate));
  writeFileSync(at('bundle.pem'), `${readFileSync(tls.clientCertificate, 'latin1')}${ca}`);
  writeFileSync(at('nothing.pem'), 'no certificate here\n');
  writeFileSync(at('broken.pem'), `${ca}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
  writeFileSync(at('large.pem'), Buffer.alloc(4 * 1024 * 1024 + 1, 10));
  // OpenSSL's own form says what a certificate is not trusted for, too.
  writeFileSync(at('trusted.pem'), ca.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE'));
});
afterAll(() => server.close());

/** What comes of a connection under a section `network` and variables; paths are in the test's directory. */
async function connect(section: { ca_file?: string }, env: Record<string, string>): Promise<string> {
  const network = resolveNetwork({ ...section, retries: 0 }, { env, cwd: directory }, directory, (_, work) =>
    work(),
  );
  const transport = new Transport(connectionOptions(network, 'test'));
  try {
    const answer = await transport.send({ method: 'GET', url });
    return (await transport.read(answer, 10)).toString();
  } finally {
    transport.close();
  }
}

describe('a server of a private authority', () => {
  test.each<[string, { ca_file?: string }, Record<string, string>]>([
    ['ca_file', { ca_file: 'bundle.pem' }, {}],
    ['SSL_CERT_FILE', {}, { SSL_CERT_FILE: 'bundle.pem' }],
    ['SSL_CERT_DIR', {}, { SSL_CERT_DIR: 'certs' }],
    ['a link in SSL_CERT_DIR', {}, { SSL_CERT_DIR: 'links' }],
    ['the second directory of SSL_CERT_DIR', {}, { SSL_CERT_DIR: ['other', 'certs'].join(delimiter) }],
    [
      'ca_file, whatever SSL_CERT_FILE names',
      { ca_file: 'bundle.pem' },
      { SSL_CERT_FILE: 'other/other.pem' },
    ],
    [
      'SSL_CERT_FILE, whatever ca_file names',
      { ca_file: 'other/other.pem' },
      { SSL_CERT_FILE: 'bundle.pem' },
    ],
    [
      'SSL_CERT_DIR, whatever the others name',
      { ca_file: 'other/other.pem' },
      { SSL_CERT_FILE: 'other/other.pem', SSL_CERT_DIR: 'certs' },
    ],
  ])('is reached by %s', async (_, section, env) => {
    expect(await connect(section, env)).toBe('ok');
  });

  test.each<[string, { ca_file?: string }, Record<string, string>]>([
    ['nothing', {}, {}],
    ['a variable that is empty', {}, { SSL_CERT_FILE: '', SSL_CERT_DIR: '' }],
    [
      'other authorities',
      { ca_file: 'other/other.pem' },
      { SSL_CERT_FILE: 'other/other.pem', SSL_CERT_DIR: 'other' },
    ],
    ['a directory without certificates', {}, { SSL_CERT_DIR: 'empty' }],
  ])('is not reached by %s, and the hint says what would do it', async (_, section, env) => {
    const error = await refusal('FETCH_FAILED', () => connect(section, env));
    expect(error.message).not.toContain('--');
    expect(error.hints.join()).toContain('network.ca_file');
    expect(error.retry).toBeUndefined();
  });

  test.each<[ErrorCode, string, string]>([
    ['FILE_NOT_FOUND', 'SSL_CERT_FILE', 'missing.pem'],
    ['FILE_UNREADABLE', 'SSL_CERT_FILE', 'certs'],
    ['FILE_TOO_LARGE', 'SSL_CERT_FILE', 'large.pem'],
    ['PARSE_FAILED', 'SSL_CERT_FILE', 'nothing.pem'],
    ['PARSE_FAILED', 'SSL_CERT_FILE', 'broken.pem'],
    ['PARSE_FAILED', 'SSL_CERT_FILE', 'trusted.pem'],
    ['FILE_NOT_FOUND', 'SSL_CERT_DIR', 'missing'],
    ['FILE_NOT_FOUND', 'SSL_CERT_DIR', ['certs', 'missing'].join(delimiter)],
    ['FILE_NOT_FOUND', 'SSL_CERT_DIR', 'bundle.pem'],
    ['FILE_NOT_FOUND', 'network.ca_file', 'missing.pem'],
    ['PARSE_FAILED', 'network.ca_file', 'nothing.pem'],
  ])('is refused with %s for %s=%s, which the message names', async (code, name, value) => {
    const attempt =
      name === 'network.ca_file' ? connect({ ca_file: value }, {}) : connect({}, { [name]: value });
    const error = await refusal(code, () => attempt);
    expect(error.message).toMatch(new RegExp(`^${name}: `));
    expect(error.hints.join()).toContain(name);
  });
});

test('files of certificates are not read where there is no TLS', async () => {
  const env = { SSL_CERT_FILE: '/nonexistent', SSL_CERT_DIR: '/nonexistent' };
  const network = resolveNetwork({ ca_file: '/nonexistent' }, { env, cwd: '/' }, '/', (_, work) => work());
  const transport = new Transport({ ...connectionOptions(network, 'test'), retries: 0 });
  const error = await transport
    .send({ method: 'GET', url: new URL('http://127.0.0.1:1/') })
    .catch((e: unknown) => e);
  expect(isStellaError(error, 'FETCH_FAILED')).toBe(true);
});

test.each([
  ['a key that belongs to another', { client_certificate: 'clientCertificate', client_key: 'serverKey' }],
  ['what is no certificate', { client_certificate: 'clientKey', client_key: 'clientKey' }],
] as const)('a client certificate with %s is refused, and the hint names both keys', async (_, names) => {
  const section = { client_certificate: tls[names.client_certificate], client_key: tls[names.client_key] };
  const network = resolveNetwork(section, { env: {}, cwd: '/' }, '/', (_key, work) => work());
  const transport = new Transport(connectionOptions(network, 'test'));
  const error = await refusal('KEY_INVALID', () => transport.send({ method: 'GET', url }));
  expect(error.hints.join()).toMatch(/client_certificate.*client_key/);
});
