import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { type Command, commandPath, present, run } from './peers.ts';

const hasCrane = present('registries with crane', { commands: ['registry', 'crane'] });
const hasOras = present('registries with oras', { commands: ['registry', 'oras'] });

const PLAIN = '--plain-http';
const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill();
});

/** Starts a registry on a free port, until the tests are done. @returns `127.0.0.1:PORT` */
async function start(command: Command, args: readonly string[], address: RegExp): Promise<string> {
  const child = spawn(commandPath(command), args, { env: { PATH: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const seen: string[] = [];
  return await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        seen.push(line);
        const found = address.exec(line);
        if (found) resolve(`127.0.0.1:${found[1]}`);
      });
    }
    child.on('exit', () => reject(new Error(`no registry: ${seen.join('\n')}`)));
  });
}

interface Pushed {
  readonly digest: string;
  readonly subject: string | null;
}

describe.skipIf(!hasCrane && !hasOras)('a registry of others', () => {
  let base: string;
  let site: Site;
  let file: string;
  let delta: string;
  let withReferrers: string;
  let without: string | undefined;

  beforeAll(async () => {
    base = temporaryTree();
    site = await makeSite(base);
    file = await site.seal('one');
    await site.run(['log', 'append', join(base, 'site/log'), '--lines', 'lines']);
    delta = await site.seal('two', ['--since', file]);
    withReferrers = await start('registry', [], /^127\.0\.0\.1:(\d+)$/);
    if (hasCrane)
      without = await start(
        'crane',
        ['registry', 'serve', '--address', '127.0.0.1:0'],
        /serving on port (\d+)/,
      );
  });

  async function tool(name: Command, ...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await run(commandPath(name), args, {
      cwd: base,
      env: { HOME: base, PATH: '' },
    });
    expect(status, `${name} ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout;
  }

  const push = async (bundle: string, reference: string): Promise<Pushed> =>
    (
      await site.run(['trust', 'snapshot', 'push', bundle, `oci://${reference}`, PLAIN, '--json'])
    ).json() as Pushed;

  let pulls = 0;
  async function pull(reference: string): Promise<Buffer> {
    pulls += 1;
    const out = join(base, `pulled-${pulls}.tar.zst`);
    await site.run(['trust', 'snapshot', 'pull', `oci://${reference}`, '--out', out, PLAIN]);
    return readFileSync(out);
  }

  const REGISTRIES = [
    { registry: 'with the referrers API', host: () => withReferrers },
    ...(hasCrane ? [{ registry: 'without it', host: () => without! }] : []),
  ];

  describe.each(REGISTRIES)('$registry', ({ host }) => {
    let repository: string;
    let pushed: Pushed;
    let pushedDelta: Pushed;

    beforeAll(async () => {
      repository = `${host()}/trust/bundles`;
      pushed = await push(file, `${repository}:1`);
      pushedDelta = await push(delta, `${repository}:2`);
    });

    test('takes a bundle, and a delta that refers to it, and gives both back', async () => {
      expect(pushedDelta.subject).toBe(pushed.digest);
      expect((await pull(`${repository}:1`)).equals(readFileSync(file))).toBe(true);
      expect((await pull(`${repository}@${pushedDelta.digest}`)).equals(readFileSync(delta))).toBe(true);
      const listed = await site.run(['trust', 'snapshot', 'list', `oci://${repository}`, PLAIN, '--json']);
      expect(listed.json()).toMatchObject({
        bundles: expect.arrayContaining([
          expect.objectContaining({ tag: '1', sequence: 1, base: null }),
          expect.objectContaining({
            tag: '2',
            sequence: 2,
            base: expect.objectContaining({ digest: pushed.digest }),
          }),
        ]),
      });
    });

    test.skipIf(!hasCrane)('crane reads it, finds it valid, and copies it', async () => {
      expect((await tool('crane', 'digest', `${repository}:1`)).trim()).toBe(pushed.digest);
      expect(await tool('crane', 'validate', '--remote', `${repository}:1`)).toMatch(/^PASS/);
      const manifest = JSON.parse(await tool('crane', 'manifest', `${repository}:2`)) as object;
      expect(manifest).toMatchObject({
        artifactType: 'application/vnd.stella.bundle.v1',
        subject: { digest: pushed.digest },
      });
      await tool('crane', 'copy', `${repository}:1`, `${withReferrers}/crane/copy:1`);
      expect((await pull(`${withReferrers}/crane/copy:1`)).equals(readFileSync(file))).toBe(true);
      const enclave = makeEnclave(base, `enclave-${host().replace(':', '-')}`);
      const copy = `oci://${withReferrers}/crane/copy@${pushed.digest}`;
      const imported = ['trust', 'import', copy, '--root-fingerprint', site.fingerprint, PLAIN];
      await enclave.run(imported, { now: site.now, expect: 0 });
    });

    test.skipIf(!hasOras)('oras fetches the file under its name', async () => {
      const out = join(base, `oras-${host().replace(':', '-')}`);
      await tool('oras', 'pull', PLAIN, `${repository}:1`, '-o', out);
      expect(readdirSync(out)).toEqual(['one.tar.zst']);
      expect(readFileSync(join(out, 'one.tar.zst')).equals(readFileSync(file))).toBe(true);
    });

    test.skipIf(!hasOras)('oras finds the delta from its base, and carries both on a medium', async () => {
      const tree = await tool('oras', 'discover', PLAIN, '--format', 'json', `${repository}:1`);
      expect(JSON.parse(tree)).toMatchObject({
        digest: pushed.digest,
        referrers: [{ digest: pushedDelta.digest, annotations: { 'vnd.stella.bundle.base-sequence': '1' } }],
      });
      const layout = `layout-${host().replace(':', '-')}`;
      await tool(
        'oras',
        'cp',
        '-r',
        '--from-plain-http',
        '--to-oci-layout',
        `${repository}:1`,
        `${layout}:1`,
      );
      const carried = `${withReferrers}/carried/${layout}`;
      await tool('oras', 'cp', '-r', '--from-oci-layout', '--to-plain-http', `${layout}:1`, `${carried}:1`);
      expect((await pull(`${carried}:1`)).equals(readFileSync(file))).toBe(true);
      expect((await pull(`${carried}@${pushedDelta.digest}`)).equals(readFileSync(delta))).toBe(true);
    });

    test.skipIf(!hasOras)('oras fetches the parts of a split bundle', async () => {
      const name = `split-${host().replace(':', '-')}`;
      await site.seal(name, ['--split-size', '8KiB']);
      await push(join(site.home, `${name}.parts.json`), `${repository}:split`);
      const out = join(base, name);
      await tool('oras', 'pull', PLAIN, `${repository}:split`, '-o', out);
      const parts = readdirSync(out).sort();
      expect(parts.length).toBeGreaterThan(1);
      expect(parts[0]).toBe(`${name}.tar.zst.001`);
      const joined = Buffer.concat(parts.map((part) => readFileSync(join(out, part))));
      expect(joined.equals(await pull(`${repository}:split`))).toBe(true);
    });

    test.skipIf(!hasOras)('what oras pushed of other kinds is no bundle', async () => {
      const other = `${host()}/other/things`;
      const blob = 'connected/one.tar.zst:application/vnd.stella.bundle.v1.tar+zstd';
      await tool('oras', 'push', PLAIN, `${other}:plain`, blob);
      await tool(
        'oras',
        'push',
        PLAIN,
        '--artifact-type',
        'application/vnd.stella.bundle.v1',
        `${other}:bare`,
        blob,
      );
      for (const tag of ['plain', 'bare']) {
        const args = ['trust', 'snapshot', 'pull', `oci://${other}:${tag}`, '--out', 'other.tar.zst', PLAIN];
        const refused = await site.run(args, { expect: 2 });
        expect(refused.stderr).toContain('[OCI_MANIFEST]');
      }
    });

    test.skipIf(!hasCrane)('annotations that crane changed are shown, and not believed', async () => {
      const changed = `${host()}/changed/bundles:1`;
      await tool('crane', 'copy', `${repository}:1`, changed);
      await tool('crane', 'mutate', '--annotation', 'vnd.stella.bundle.sequence=99', changed);
      const enclave = makeEnclave(base, `changed-${host().replace(':', '-')}`);
      const setting = { now: site.now, expect: 0 };
      const out = ['--out', 'changed.tar.zst'];
      const shown = await enclave.run(
        ['trust', 'snapshot', 'pull', `oci://${changed}`, ...out, PLAIN],
        setting,
      );
      expect(shown.stdout).toContain('said to be number 99');
      const args = ['trust', 'import', `oci://${changed}`, '--root-fingerprint', site.fingerprint, PLAIN];
      expect((await enclave.run(args, setting)).stdout).toContain('bundle number 1 of stella');
    });

    test.skipIf(!hasCrane)('a layer that crane appended is refused', async () => {
      const longer = `${host()}/longer/bundles:1`;
      writeFileSync(join(base, 'a.txt'), 'a layer\n');
      execFileSync('tar', ['-cf', 'layer.tar', 'a.txt'], { cwd: base });
      await tool('crane', 'append', '-f', 'layer.tar', '-b', `${repository}:1`, '-t', longer);
      const args = ['trust', 'snapshot', 'pull', `oci://${longer}`, '--out', 'longer.tar.zst', PLAIN];
      expect((await site.run(args, { expect: 2 })).stderr).toContain('[OCI_MANIFEST]');
    });
  });
});
