import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Updater } from 'tuf-js';
import { expect, onTestFinished, test } from 'vitest';
import { TestRepository } from './repository.ts';

const nginx =
  spawnSync('sh', ['-c', 'command -v nginx && command -v openssl'], { stdio: 'ignore' }).status === 0;
if (!nginx) console.warn('skipping nginx: not installed (scripts/install-test-servers.sh)');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** nginx with the sample configuration, its paths replaced, over plain HTTP. */
async function serve(repository: TestRepository): Promise<string> {
  const port = await freePort();
  const { area } = repository;
  const sample = readFileSync('docs/hosting/nginx.conf', 'utf8')
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replace(/^\s*ssl_.*$/gm, '')
    .replaceAll('/srv/trust/public/', `${repository.public}/`)
    .replaceAll('/srv/log/', `${area}/log/`);
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${area}/nginx-${name};`)
    .join('\n');
  const file = join(area, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;\npid ${area}/nginx.pid;\nerror_log ${area}/error.log;\nworker_processes 1;\nuser ${process.env['USER'] ?? 'root'};\nevents {}\nhttp {\naccess_log off;\n${scratch}\n${sample}}\n`,
  );
  execFileSync('nginx', ['-t', '-q', '-e', `${area}/error.log`, '-p', area, '-c', file], { stdio: 'pipe' });
  const server = spawn('nginx', ['-e', `${area}/error.log`, '-p', area, '-c', file], { stdio: 'ignore' });
  onTestFinished(async () => {
    const gone = new Promise((done) => server.once('exit', done));
    server.kill('SIGTERM');
    await gone;
  });
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(base);
      return base;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

test.skipIf(!nginx)(
  'the sample nginx configuration serves a repository to tuf-js, with headers that let it grow',
  async () => {
    const repository = new TestRepository();
    repository.now = Date.now();
    await repository.init('--target', `sub/a.pub=${repository.publicKey('a.pub')}`);
    mkdirSync(join(repository.area, 'log/tile/0'), { recursive: true });
    writeFileSync(join(repository.area, 'log/checkpoint'), 'note\n');
    writeFileSync(join(repository.area, 'log/tile/0/000'), 'tile');
    const base = await serve(repository);
    const state = join(repository.area, 'http-client');
    mkdirSync(join(state, 'targets'), { recursive: true });
    writeFileSync(join(state, 'root.json'), readFileSync(join(repository.public, '1.root.json')));
    const client = new Updater({
      metadataDir: state,
      metadataBaseUrl: `${base}/tuf/`,
      targetDir: join(state, 'targets'),
      targetBaseUrl: `${base}/tuf/targets/`,
      config: { fetchRetries: 0 },
    });
    await client.refresh();
    const info = await client.getTargetInfo('sub/a.pub');
    expect(existsSync(await client.downloadTarget(info!, join(state, 'targets/a.pub')))).toBe(true);

    const answer = async (path: string, method = 'GET') => {
      const response = await fetch(`${base}${path}`, { method });
      await response.arrayBuffer();
      // What is said of the server holds for every answer of it.
      expect(response.headers.get('x-content-type-options'), path).toBe('nosniff');
      return [response.status, response.headers.get('cache-control')];
    };
    const forever = 'public, max-age=31536000, immutable';
    expect(await answer('/tuf/timestamp.json')).toEqual([200, 'no-cache']);
    expect(await answer('/tuf/1.root.json')).toEqual([200, forever]);
    expect(await answer('/tuf/1.targets.json')).toEqual([200, forever]);
    expect(await answer(`/tuf/targets/sub/${info!.hashes['sha256']}.a.pub`)).toEqual([200, forever]);
    expect(await answer('/tuf/2.root.json')).toEqual([404, 'no-store']);
    expect(await answer('/tuf/targets/none')).toEqual([404, 'no-store']);
    expect(await answer('/log/checkpoint')).toEqual([200, 'no-cache']);
    expect(await answer('/log/tile/0/000')).toEqual([200, forever]);
    expect(await answer('/tuf/')).toEqual([403, 'no-store']);
    const typeOf = async (path: string) => (await fetch(`${base}${path}`)).headers.get('content-type');
    expect(await typeOf('/tuf/timestamp.json')).toBe('application/json');
    expect(await typeOf('/log/checkpoint')).toBe('text/plain');
    expect(await typeOf('/log/tile/0/000')).toBe('application/octet-stream');
    const etag = (await fetch(`${base}/tuf/1.root.json`)).headers.get('etag')!;
    const unchanged = await fetch(`${base}/tuf/1.root.json`, { headers: { 'if-none-match': etag } });
    expect([unchanged.status, unchanged.headers.get('cache-control')]).toEqual([304, forever]);
    expect((await answer('/tuf/../repo.yaml'))[0]).toBe(404);
    expect((await answer('/tuf/..%2frepo.yaml'))[0]).toBe(404);
    expect((await answer('/tuf/timestamp.json', 'DELETE'))[0]).toBe(405);
  },
);
