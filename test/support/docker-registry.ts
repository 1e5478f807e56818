import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const has = (program: string) =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

/** Whether the programs are installed; says what to do where they are not. */
export function installed(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !has(program));
  if (missing.length > 0)
    console.warn(`skipped: ${missing.join(', ')} not installed; run scripts/install-test-servers.sh`);
  return missing.length === 0;
}

export interface DockerRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Where it keeps its blobs. */
  readonly storage: string;
}

const started: ChildProcess[] = [];
afterAll(async () => {
  for (const child of started.splice(0)) {
    const ended = new Promise((done) => child.on('close', done));
    child.kill('SIGKILL');
    await ended;
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts Debian's docker-registry on loopback, until the tests of the file are done. */
export async function startRegistry(
  directory: string,
  options: {
    readonly tls?: { readonly certificate: string; readonly key: string };
    /** Path of an htpasswd file: basic authentication. */
    readonly htpasswd?: string;
    readonly token?: { readonly realm: string; readonly service: string; readonly certificates: string };
  } = {},
): Promise<DockerRegistry> {
  const port = await freePort();
  const storage = join(directory, `storage-${port}`);
  mkdirSync(storage, { recursive: true });
  const { tls, htpasswd, token } = options;
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(tls ? { tls: { certificate: tls.certificate, key: tls.key } } : {}),
    },
    ...(htpasswd ? { auth: { htpasswd: { realm: 'test', path: htpasswd } } } : {}),
    ...(token
      ? {
          auth: {
            token: {
              realm: token.realm,
              service: token.service,
              issuer: 'test',
              rootcertbundle: token.certificates,
            },
          },
        }
      : {}),
  };
  const file = join(directory, `registry-${port}.yml`);
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  started.push(
    spawn('docker-registry', ['serve', file], { stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '' } }),
  );
  await answers(port, tls !== undefined);
  return { host: `127.0.0.1:${port}`, storage };
}

async function answers(port: number, tls: boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const ok = await new Promise<boolean>((done) => {
      const options = { host: '127.0.0.1', port, path: '/v2/', rejectUnauthorized: false };
      const asked = (tls ? requestTls : request)(options, (response) => {
        response.resume();
        done(true);
      });
      asked.on('error', () => done(false));
      asked.end();
    });
    if (ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`no registry on port ${port}`);
}

/** A private authority, and a certificate for 127.0.0.1 from it; paths of PEM files. */
export function makeAuthority(directory: string): { ca: string; certificate: string; key: string } {
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=Test Authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=127.0.0.1',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  );
  writeFileSync(at('san.cnf'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'san.cnf',
    '-out',
    'server.pem',
  );
  return { ca: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') };
}
