import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatPublicKey, generateKey } from '../../../../src/base/keys.ts';
import { stella } from '../../../support/cli.ts';
import { nginxIsPresent, serveWithNginx } from '../../../support/nginx.ts';
import { temporaryDirectory } from '../../../support/temp.ts';
import { makeTlsFiles } from '../../../support/tls.ts';
import { NOW, TufRepository } from '../../../support/tuf-repository.ts';
import { writeUserConfig } from '../../../support/user-config.ts';

function published(): { repository: TufRepository; directory: string } {
  const repository = new TufRepository();
  repository.addTarget('rekor-key-v1.pub', formatPublicKey(generateKey().publicKey), {
    sigstore: { usage: 'Rekor' },
  });
  const directory = temporaryDirectory();
  // nginx's workers are not the user who runs the tests when that is root.
  chmodSync(directory, 0o755);
  repository.publish().writeTo(directory);
  return { repository, directory };
}

async function run(args: string[], config?: object) {
  const home = temporaryDirectory();
  if (config) writeUserConfig(home, { attestor: { trust_repo: config } });
  return await stella(args, { now: NOW, cwd: home, env: { HOME: home, PATH: process.env['PATH'] } });
}

describe.skipIf(!nginxIsPresent)('a repository behind nginx', () => {
  test('over HTTP is followed, and an unchanged one costs two requests', async () => {
    const { directory } = published();
    const server = await serveWithNginx(directory);
    const home = temporaryDirectory();
    const setting = { now: NOW, cwd: home, env: { HOME: home } };
    const url = `http://127.0.0.1:${server.port}/`;
    expect((await stella(['trust', 'init', '--tuf-url', url], setting)).status).toBe(0);
    const before = server.requests().length;
    const synced = await stella(['trust', 'sync', '--force'], setting);
    expect(synced.stdout).toMatch(/^unchanged/);
    expect(server.requests().slice(before)).toEqual([
      'GET /2.root.json 404 "-"',
      'GET /timestamp.json 200 "-"',
    ]);
  });

  test('over TLS needs the private CA to be configured', async () => {
    const { directory } = published();
    const tls = makeTlsFiles();
    const server = await serveWithNginx(directory, {
      listen: 'ssl',
      server: `ssl_certificate ${tls.serverCertificate}; ssl_certificate_key ${tls.serverKey};`,
    });
    const init = ['trust', 'init', '--tuf-url', `https://127.0.0.1:${server.port}/`];
    const refused = await run(init);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain('[FETCH_FAILED]');
    expect(refused.stderr).toMatch(/certificate/);
    expect((await run(init, { network: { ca_file: tls.ca } })).status).toBe(0);
  });

  test('over TLS is reached through a proxy, whose variables are honoured', async () => {
    const { directory } = published();
    const tls = makeTlsFiles();
    const server = await serveWithNginx(directory, {
      listen: 'ssl',
      server: `ssl_certificate ${tls.serverCertificate}; ssl_certificate_key ${tls.serverKey};`,
    });
    const tunnels: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url!);
      const upstream = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const side of [upstream, socket]) side.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const home = temporaryDirectory();
    const config = { attestor: { trust_repo: { network: { ca_file: tls.ca } } } };
    writeUserConfig(home, config);
    const HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const url = `https://127.0.0.1:${server.port}/`;
    const init = (env: Record<string, string>) =>
      stella(['trust', 'init', '--replace', '--tuf-url', url], {
        now: NOW,
        cwd: home,
        env: { HOME: home, ...env },
      });
    expect((await init({ HTTPS_PROXY })).status).toBe(0);
    expect(new Set(tunnels)).toEqual(new Set([`127.0.0.1:${server.port}`]));
    tunnels.length = 0;
    expect((await init({ HTTPS_PROXY, NO_PROXY: '127.0.0.1' })).status).toBe(0);
    expect(tunnels).toEqual([]);
  });

  test('that demands a client certificate gets it', async () => {
    const { directory } = published();
    const tls = makeTlsFiles();
    const server = await serveWithNginx(directory, {
      listen: 'ssl',
      server: `ssl_certificate ${tls.serverCertificate}; ssl_certificate_key ${tls.serverKey};
        ssl_client_certificate ${tls.ca}; ssl_verify_client on;`,
    });
    const init = ['trust', 'init', '--tuf-url', `https://127.0.0.1:${server.port}/`];
    const network = { ca_file: tls.ca, retries: 0 };
    expect((await run(init, { network })).stderr).toContain('[FETCH_FAILED]');
    const certificate = { client_certificate: tls.clientCertificate, client_key: tls.clientKey };
    expect((await run(init, { network: { ...network, ...certificate } })).status).toBe(0);
  });

  test('that demands a bearer token gets it', async () => {
    const { directory } = published();
    const server = await serveWithNginx(directory, {
      server: 'if ($http_authorization != "Bearer s3cret") { return 401; }',
    });
    const init = ['trust', 'init', '--tuf-url', `http://127.0.0.1:${server.port}/`];
    expect((await run(init)).stderr).toContain('401');
    const ok = await run(init, { network: { bearer_token_command: ['echo', 's3cret'] } });
    expect(ok.status).toBe(0);
    expect(server.requests().at(-1)).toContain('"Bearer s3cret"');
  });

  test('that shows a login page for everything is refused', async () => {
    const { directory } = published();
    const server = await serveWithNginx(directory, {
      server: 'location / { default_type text/html; return 200 "<html>Sign in</html>"; }',
    });
    const { status, stderr } = await run(['trust', 'init', '--tuf-url', `http://127.0.0.1:${server.port}/`]);
    expect(status).toBe(2);
    expect(stderr).toContain('[TUF_INVALID]');
  });

  test('a mirror that is down does not stop the next', async () => {
    const { directory } = published();
    const server = await serveWithNginx(directory);
    const urls = ['http://127.0.0.1:1/', `http://127.0.0.1:${server.port}/`];
    const { status, stderr } = await run(['trust', 'init', ...urls.flatMap((url) => ['--tuf-url', url])], {
      network: { retries: 0 },
    });
    expect(stderr).toContain('ECONNREFUSED');
    expect(status).toBe(0);
  });
});
