import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { formatPublicKey, parsePublicKey } from '../../src/base/keys.ts';
import { loadLogFile } from '../../src/logs/log-file.ts';
import { formatTrustedRoot } from '../../src/trust/trusted-root.ts';
import { TestRepository } from '../repository/repository.ts';
import { type CliResult, stella } from '../support/cli.ts';

/** A repository, a log and a store that follows the one and exports the other; everything by file:// and commands. */
class Place {
  readonly repository = new TestRepository();
  readonly area = this.repository.area;

  url(path: string): string {
    return pathToFileURL(join(this.area, path)).href;
  }

  run(args: readonly string[], home = 'home'): Promise<CliResult> {
    return stella(args, { now: this.repository.now, cwd: this.area, env: { HOME: join(this.area, home) } });
  }

  async ok(args: readonly string[], home?: string): Promise<CliResult> {
    const result = await this.run(args, home);
    expect(result.status, `${args.join(' ')}\n${result.stderr}`).toBe(0);
    return result;
  }

  /** A log below `path` that signs as `origin`; those made with one key file share the key. */
  async log(path: string, origin: string, key: string): Promise<void> {
    await this.ok(['log', 'init', path, '--origin', origin, '--key', key]);
    writeFileSync(join(this.area, 'lines'), `${origin}\nentry\n`);
    await this.ok(['log', 'append', path, '--lines', 'lines', '--key', key]);
    writeFileSync(
      join(this.area, `${key}.pub`),
      formatPublicKey(loadLogFile(join(this.area, path)).key.publicKey),
    );
  }

  async target(name: string, content: string | Uint8Array, ...flags: string[]): Promise<void> {
    const file = this.repository.file('target', content);
    await this.repository.ok(['repo', 'add-target', file, name, ...flags]);
  }

  map(map: object): Promise<void> {
    return this.target('sigstore-services-v1.json', JSON.stringify({ version: 1, ...map }), '--replace');
  }

  async follow(): Promise<void> {
    const root = join(this.repository.public, '1.root.json');
    await this.ok(['trust', 'init', '--tuf-url', this.url('repo/public/'), '--root', root]);
  }

  #exports = 0;

  async export(status = 0): Promise<CliResult & { readonly file: string }> {
    this.#exports += 1;
    this.repository.now += 60_000;
    await this.ok(['trust', 'sync', '--force']);
    const file = join(this.area, `${this.#exports}.tar.zst`);
    const result = await this.run(['trust', 'snapshot', 'export', '--out', file]);
    expect(result.status, result.stderr).toBe(status);
    return { ...result, file };
  }

  async originsFile(): Promise<string> {
    const { store } = (await this.ok(['trust', 'status', '--json'])).json() as { store: string };
    return join(store, 'log-origins.json');
  }

  async import(file: string): Promise<CliResult> {
    const root = join(this.repository.public, '1.root.json');
    return await this.run(['trust', 'import', file, '--root', root], 'enclave');
  }
}

async function place(map: (at: Place) => object): Promise<Place> {
  const at = new Place();
  await at.repository.init();
  await at.log('log', 'log.example.com/found', 'log.key');
  await at.target('rekor-key-v1.pub', readFileSync(join(at.area, 'log.key.pub')));
  await at.ok(['key', 'generate', 'signer.pem', '--no-passphrase']);
  await at.target('bundle-signer-v1.pub', readFileSync(join(at.area, 'signer.pub')));
  await at.ok(['key', 'generate', 'attestor.pem', '--no-passphrase']);
  await at.target('attestor-v1.pub', readFileSync(join(at.area, 'attestor.pub')));
  at.repository.file(
    'home/.config/stella/stella.yaml',
    `attestor:\n  trust_repo:\n    signing_key: ${join(at.area, 'signer.pem')}\n`,
  );
  await at.map(map(at));
  await at.follow();
  return at;
}

describe('an origin that nothing but the checkpoint says', () => {
  test('is found, remembered, carried and verified by', async () => {
    const at = await place((it) => ({ rekor: { url: it.url('log') } }));
    writeFileSync(join(at.area, 'app'), 'artifact');
    await at.ok(['attest', 'sign', 'app', '--key', 'attestor.pem', '--log', 'log', '--out', 'app.json']);
    const { stdout, file } = await at.export();
    expect(stdout).toContain('log log.example.com/found (so it signs;');
    expect(JSON.parse(readFileSync(await at.originsFile(), 'utf8'))).toMatchObject({
      logs: [{ url: at.url('log'), origin: 'log.example.com/found' }],
    });
    expect((await at.import(file)).status).toBe(0);
    for (const home of ['home', 'enclave']) {
      const verified = await at.run(['attest', 'verify', 'app.json', '--artifact', 'app', '--offline'], home);
      expect(verified.status, verified.stderr + verified.stdout).toBe(0);
      expect(verified.stdout).toContain('log.example.com/found index 2');
      expect((await at.ok(['trust', 'status'], home)).stdout).toMatch(/log\.example\.com\/found +tiles +3/);
    }
    // A map that is made from what the log says leaves nothing to find.
    const made = ['--rekor', at.url('log'), '--log-key', 'log.key.pub', '--out', 'made.json'];
    await at.ok(['repo', 'service-map', ...made]);
    await at.map(JSON.parse(readFileSync(join(at.area, 'made.json'), 'utf8')) as object);
    expect((await at.export()).stdout).toContain('log log.example.com/found: 3 entries');
  });

  test('does not change later, unless the service map says it', async () => {
    const at = await place((it) => ({ rekor: { url: it.url('log') } }));
    const first = await at.export();
    expect((await at.import(first.file)).status).toBe(0);
    await at.log('other', 'log.example.com/other', 'log.key');
    renameSync(join(at.area, 'log'), join(at.area, 'log-before'));
    cpSync(join(at.area, 'other'), join(at.area, 'log'), { recursive: true });
    const refused = await at.export(2);
    expect(refused.stderr).toContain('[CHECKPOINT_ORIGIN]');
    expect(refused.stderr).toContain('"log.example.com/other", and signed as "log.example.com/found" before');
    expect(refused.stderr).toContain('rekor.origin');
    // Another exporter, which has not seen the first, is believed no more than this store.
    rmSync(await at.originsFile());
    const naive = await at.export();
    const imported = await at.import(naive.file);
    expect([imported.status, imported.stderr]).toEqual([2, expect.stringContaining('[CHECKPOINT_ORIGIN]')]);
    await at.map({ rekor: { url: at.url('log'), origin: 'log.example.com/other' } });
    const said = await at.export();
    expect((await at.import(said.file)).status).toBe(0);
    // What it said stays known when it says nothing any more.
    await at.map({ rekor: { url: at.url('log') } });
    const unsaid = await at.export();
    expect(unsaid.stdout).toContain('log log.example.com/other');
    expect((await at.import(unsaid.file)).status).toBe(0);
  });

  test('is never that of another log, whose key is the same', async () => {
    const at = await place((it) => ({
      rekor: { url: it.url('log'), public_key_target: 'rekor-key-v1' },
      logs: [{ url: it.url('second'), origin: 'log.example.com/second' }],
    }));
    await at.log('second', 'log.example.com/second', 'log.key');
    rmSync(join(at.area, 'log'), { recursive: true });
    cpSync(join(at.area, 'second'), join(at.area, 'log'), { recursive: true });
    const { stderr } = await at.export(2);
    expect(stderr).toContain('which is the origin of another log that the trust names [CHECKPOINT_ORIGIN]');
  });

  test('is not believed under a key that TUF does not name for the log', async () => {
    const at = await place((it) => ({ rekor: { url: it.url('log') } }));
    rmSync(join(at.area, 'log'), { recursive: true });
    await at.log('log', 'log.example.com/forged', 'stranger.key');
    const { stderr } = await at.export(2);
    expect(stderr).toContain('[CHECKPOINT_SIGNATURE]');
    expect(stderr).toContain('log.example.com/forged');
    // A log id that is of another log is said to be so, and not blamed on the keys.
    await at.map({
      rekor: { url: at.url('log'), log_id: 'ab'.repeat(32), origin: 'log.example.com/forged' },
    });
    const stale = await at.export(2);
    expect(stale.stderr).toContain(
      `has the id ${'ab'.repeat(32)}, which no Rekor key that TUF distributes gives`,
    );
    expect(stale.stderr).toContain('stella repo service-map --check');
  });
});

describe('logs of a published trusted root', () => {
  const root = (at: Place, baseUrl: string, from: number) => {
    const key = parsePublicKey(readFileSync(join(at.area, 'v2.key.pub')));
    return formatTrustedRoot({
      certificateAuthorities: [],
      ctlogs: [],
      timestampAuthorities: [],
      tlogs: [
        {
          baseUrl,
          publicKey: key.spki,
          keyDetails: 'PKIX_ED25519',
          logId: 'ab'.repeat(32),
          validFrom: from as never,
          validUntil: undefined,
        },
      ],
    });
  };

  test('are carried from below api/v2 and shown; one that cannot be had is left out and told of', async () => {
    const at = await place(() => ({ fulcio: { url: 'https://fulcio.example.com' } }));
    const base = at.url('rekor');
    await at.log('rekor/api/v2', base.replace('file://', ''), 'v2.key');
    await at.target('trusted_root.json', root(at, base, 0));
    const { stdout, file } = await at.export();
    expect(stdout).toContain(`log ${base.replace('file://', '')}: 2 entries, provable from 0`);
    expect((await at.import(file)).status).toBe(0);
    expect((await at.ok(['trust', 'status'], 'enclave')).stdout).toMatch(/rekor +tiles +2 /);

    renameSync(join(at.area, 'rekor'), join(at.area, 'away'));
    const without = await at.export();
    expect(without.stderr).toContain('of the trusted root is not carried');
    expect(without.stderr).toContain('the bundle carries no log: none that the trust names could be had');
    const inspected = await at.ok(['trust', 'snapshot', 'inspect', without.file]);
    expect(inspected.stdout).toContain(`none is carried: the trust names ${base}`);
    // What a site holds of the log stays, and may not be rolled back.
    expect((await at.import(without.file)).status).toBe(0);
    expect((await at.ok(['trust', 'status'], 'enclave')).stdout).toMatch(/rekor +tiles +2 /);
  });

  test('as well as those whose address a key target says itself', async () => {
    const at = await place(() => ({ fulcio: { url: 'https://fulcio.example.com' } }));
    const base = at.url('rekor');
    await at.log('rekor', base.replace('file://', ''), 'v2.key');
    const key = readFileSync(join(at.area, 'v2.key.pub'));
    await at.target('rekor-key-v2.pub', key, '--uri', base);
    const { stdout } = await at.export();
    expect(stdout).toContain(`log ${base.replace('file://', '')}: 2 entries`);
  });

  test('count only while their keys are valid, and a bundle without any says why', async () => {
    const at = await place(() => ({}));
    await at.log('rekor', 'unused', 'v2.key');
    await at.target('trusted_root.json', root(at, at.url('rekor'), at.repository.now + 86_400_000 * 365));
    const { stderr } = await at.export();
    expect(stderr).toContain('neither the service map nor the trusted root names one that is valid now');
  });

  test('a fork of one is refused, whoever names it', async () => {
    const at = await place(() => ({}));
    const base = at.url('rekor');
    await at.log('rekor', base.replace('file://', ''), 'v2.key');
    await at.target('trusted_root.json', root(at, base, 0));
    await at.export();
    rmSync(join(at.area, 'rekor'), { recursive: true });
    await at.ok(['log', 'init', 'rekor', '--origin', base.replace('file://', ''), '--key', 'v2.key']);
    writeFileSync(join(at.area, 'lines'), 'other\nentries\nhere\n');
    await at.ok(['log', 'append', 'rekor', '--lines', 'lines', '--key', 'v2.key']);
    expect((await at.export(2)).stderr).toContain('[LOG_FORK]');
  });
});
