import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temp.ts';

/** A private CA with a server certificate for 127.0.0.1 and a client certificate; paths of PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

/** @param directory where they go; without it, for one test */
export function makeTlsFiles(directory = temporaryDirectory()): TlsFiles {
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = (name: string) =>
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file(name));
  key('ca.key');
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    file('ca.key'),
    '-subj',
    '/CN=Test CA',
    '-days',
    '2',
    '-out',
    file('ca.pem'),
  );
  writeFileSync(file('server.ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  writeFileSync(file('client.ext'), 'extendedKeyUsage=clientAuth\n');
  for (const name of ['server', 'client']) {
    key(`${name}.key`);
    openssl('req', '-new', '-key', file(`${name}.key`), '-subj', `/CN=${name}`, '-out', file(`${name}.csr`));
    openssl(
      ...[
        'x509',
        '-req',
        '-in',
        file(`${name}.csr`),
        '-CA',
        file('ca.pem'),
        '-CAkey',
        file('ca.key'),
        '-CAcreateserial',
      ],
      ...['-days', '2', '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`)],
    );
  }
  return {
    ca: file('ca.pem'),
    serverCertificate: file('server.pem'),
    serverKey: file('server.key'),
    clientCertificate: file('client.pem'),
    clientKey: file('client.key'),
  };
}
