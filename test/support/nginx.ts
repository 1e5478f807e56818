import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temp.ts';

const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path));
export const nginxIsPresent = nginx !== undefined;
if (!nginxIsPresent) console.warn('skipping tests with nginx: scripts/install-test-servers.sh installs it');

export interface Nginx {
  readonly port: number;
  /** `METHOD URI STATUS "AUTHORIZATION"` of each request so far. */
  readonly requests: () => string[];
}

export interface NginxOptions {
  /** Directives of the `server` block, besides `listen` and `root`. */
  readonly server?: string;
  /** Parameters of `listen`, e.g. `ssl`. */
  readonly listen?: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function isListening(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Serves a directory with nginx on loopback until the test is finished. */
export async function serveWithNginx(root: string, options: NginxOptions = {}): Promise<Nginx> {
  const directory = temporaryDirectory();
  const port = await freePort();
  const log = join(directory, 'access.log');
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(directory, name));
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
events { worker_connections 64; }
http {
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  log_format short '$request_method $request_uri $status "$http_authorization"';
  access_log ${log} short;
  server { listen 127.0.0.1:${port} ${options.listen ?? ''}; root ${root}; ${options.server ?? ''} }
}
`,
  );
  const child: ChildProcess = spawn(nginx!, ['-p', directory, '-c', 'nginx.conf', '-e', 'error.log'], {
    stdio: 'ignore',
  });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  });
  for (let i = 0; i < 200 && !(await isListening(port)); i += 1) {
    if (child.exitCode !== null) throw new Error(readFileSync(join(directory, 'error.log'), 'utf8'));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    port,
    requests: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
  };
}
