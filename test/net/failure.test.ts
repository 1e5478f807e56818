import { expect, test } from 'vitest';
import { connectionHint, connectionReason } from '../../src/net/failure.ts';

const failure = (code: string, message = code) => Object.assign(new Error(message), { code });

test.each([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /network\.ca_file/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /network\.ca_file/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /host in the URL/],
  ['CERT_HAS_EXPIRED', /clock/],
  ['CERT_NOT_YET_VALID', /clock/],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /network\.client_certificate/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /TLS/],
])('what to do about %s', (code, hint) => {
  expect(connectionHint(failure(code))).toMatch(hint);
});

test('what to do about a server behind a proxy is about the proxy', () => {
  const proxy = { url: new URL('http://user:S3CRET@proxy.test:3128'), from: 'HTTPS_PROXY' };
  const hint = connectionHint(failure('ECONNREFUSED'), undefined, proxy);
  expect(hint).toContain('http://proxy.test:3128 of HTTPS_PROXY');
  expect(hint).not.toContain('S3CRET');
});

test('advice about options of Node is not passed on', () => {
  const said =
    'unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca';
  expect(connectionReason(failure('UNABLE_TO_VERIFY_LEAF_SIGNATURE', said))).toBe(
    'unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
  );
});
