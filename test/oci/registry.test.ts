import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { makeBundle, manifestFacts, noise, someEntries } from '../support/bundle.ts';
import { type CliSetting, stella } from '../support/cli.ts';
import { type DockerRegistry, installed, makeAuthority, startRegistry } from '../support/docker-registry.ts';
import { makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

const canRun = installed('docker-registry', 'openssl');
const hasSkopeo = installed('skopeo');
// The password is `secret`.
const HTPASSWD = 'carrier:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';

describe.skipIf(!canRun)('with a real registry', () => {
  let base: string;
  let open: DockerRegistry;
  let file: string;

  beforeAll(async () => {
    base = temporaryTree();
    open = await startRegistry(base);
    ({ file } = await makeBundle(base, {
      entries: [...someEntries, { path: 'tuf/targets/zz.big', source: noise(3_000_000) }],
    }));
  });

  const run = (args: readonly string[], setting: CliSetting = {}) =>
    stella(args, { cwd: base, env: { HOME: base }, ...setting });

  test('a bundle goes in and comes out the same, by tag and by digest', async () => {
    const directory = temporaryDirectory();
    const pushed = await run([
      'trust',
      'snapshot',
      'push',
      file,
      `oci://${open.host}/trust/a:7`,
      '--plain-http',
      '--json',
    ]);
    expect(pushed).toMatchObject({ status: 0 });
    const { digest } = pushed.json() as { digest: string };
    for (const [i, end] of [':7', `@${digest}`].entries()) {
      const out = join(directory, `${i}.tar.zst`);
      const pulled = await run([
        'trust',
        'snapshot',
        'pull',
        `oci://${open.host}/trust/a${end}`,
        '--out',
        out,
        '--plain-http',
      ]);
      expect(pulled).toMatchObject({ status: 0 });
      expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
    }
    expect(readdirSync(directory).sort()).toEqual(['0.tar.zst', '1.tar.zst']);
    const again = await run([
      'trust',
      'snapshot',
      'push',
      file,
      `oci://${open.host}/trust/a:8`,
      '--plain-http',
      '--json',
    ]);
    expect(again.json()).toMatchObject({ digest, uploaded: 0 });
  });

  test('the list tells what is there, the newest first, without a download', async () => {
    const { file: newer } = await makeBundle(temporaryDirectory(), {
      manifest: { ...manifestFacts, sealed_at: '2026-02-01T00:00:00Z', sequence: 8 },
    });
    const reference = `oci://${open.host}/trust/list`;
    await run(['trust', 'snapshot', 'push', file, `${reference}:old`, '--plain-http']);
    await run(['trust', 'snapshot', 'push', newer, `${reference}:new`, '--plain-http']);
    const listed = await run(['trust', 'snapshot', 'list', reference, '--plain-http', '--json'], {
      now: '2026-02-01T12:00:00Z',
    });
    expect(listed.json()).toMatchObject({
      bundles: [
        { tag: 'new', sequence: 8, sealed_at: '2026-02-01T00:00:00Z', age_seconds: 43_200, root_version: 1 },
        { tag: 'old', sequence: 7, sealed_at: '2026-01-25T12:00:00Z' },
      ],
      others: [],
    });
    const text = await run(['trust', 'snapshot', 'list', reference, '--plain-http'], {
      now: '2026-02-01T12:00:00Z',
    });
    expect(text.stdout).toMatch(/^TAG +NUMBER .*\nnew +8 +2026-02-01T00:00:00Z +12h/);
  });

  test('a delta refers to the manifest of its base', async () => {
    const { file: base1, manifestSha256 } = await makeBundle(temporaryDirectory());
    const { file: delta } = await makeBundle(temporaryDirectory(), {
      manifest: { ...manifestFacts, sequence: 9, base: { sequence: 7, manifest_sha256: manifestSha256 } },
    });
    const reference = `oci://${open.host}/trust/delta`;
    const alone = await run(['trust', 'snapshot', 'push', delta, `${reference}:early`, '--plain-http']);
    expect(alone.stderr).toContain('the bundle that this one builds on (number 7) is not there');
    const full = await run(['trust', 'snapshot', 'push', base1, `${reference}:7`, '--plain-http', '--json']);
    const pushed = await run([
      'trust',
      'snapshot',
      'push',
      delta,
      `${reference}:9`,
      '--plain-http',
      '--json',
    ]);
    const { digest } = full.json() as { digest: string };
    expect(pushed.json()).toMatchObject({ subject: digest });
    const listed = await run(['trust', 'snapshot', 'list', reference, '--plain-http', '--json']);
    expect(listed.json()).toMatchObject({
      bundles: expect.arrayContaining([
        expect.objectContaining({ tag: '9', base: { sequence: 7, manifest_sha256: manifestSha256, digest } }),
      ]),
    });
  });

  test('credentials from files and helpers, over TLS with a private authority', async () => {
    const directory = temporaryDirectory();
    const authority = makeAuthority(directory);
    writeFileSync(join(directory, 'htpasswd'), HTPASSWD);
    const { host } = await startRegistry(base, { tls: authority, htpasswd: join(directory, 'htpasswd') });
    const push = (env: Record<string, string>, ...flags: string[]) =>
      run(['trust', 'snapshot', 'push', file, `oci://${host}/trust/a:1`, ...flags], {
        env: { PATH: `${directory}:${process.env['PATH'] ?? ''}`, HOME: directory, ...env },
      });
    const ca = ['--ca-file', authority.ca];
    const unknown = await push({});
    expect(unknown).toMatchObject({ status: 3, stderr: expect.stringContaining('--ca-file') });
    expect(await push({}, ...ca)).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('wants credentials for trust/a, and none were found [REGISTRY_AUTH]'),
    });
    const auth = Buffer.from('carrier:secret').toString('base64');
    const wrong = Buffer.from('carrier:other').toString('base64');
    const place = (path: string, content: object) => {
      mkdirSync(join(directory, path, '..'), { recursive: true });
      writeFileSync(join(directory, path), JSON.stringify(content));
      return join(directory, path);
    };
    // Docker's place, then Podman's, which comes first.
    place('.docker/config.json', { auths: { [host]: { auth } } });
    expect(await push({}, ...ca)).toMatchObject({ status: 0 });
    place('.config/containers/auth.json', {
      auths: { [host]: { auth }, [`${host}/trust/a`]: { auth: wrong } },
    });
    const refused = await push({}, ...ca);
    expect(refused).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('refuses the credentials from'),
    });
    expect(refused.stderr).not.toContain(wrong);
    const named = place('named.json', { auths: { [host]: { auth } } });
    expect(await push({ REGISTRY_AUTH_FILE: named }, ...ca)).toMatchObject({ status: 0 });
    expect(await push({}, ...ca, '--auth-file', named)).toMatchObject({ status: 0 });
    const helper = join(directory, 'docker-credential-test');
    writeFileSync(
      helper,
      `#!/bin/sh\nread server\n[ "$server" = ${host} ] || { echo 'credentials not found in native keychain'; exit 1; }\necho '{"Username": "carrier", "Secret": "secret"}'\n`,
    );
    chmodSync(helper, 0o755);
    for (const content of [
      { credsStore: 'test', auths: { [host]: {} } },
      { credHelpers: { [host]: 'test' } },
    ])
      expect(await push({ REGISTRY_AUTH_FILE: place('helper.json', content) }, ...ca)).toMatchObject({
        status: 0,
      });
    const missing = place('helper.json', { credsStore: 'not-there' });
    expect(await push({ REGISTRY_AUTH_FILE: missing }, ...ca)).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('docker-credential-not-there'),
    });
  });

  test.skipIf(!hasSkopeo)('skopeo copies bundles between registries, as they are', async () => {
    const directory = temporaryDirectory();
    const other = await startRegistry(directory);
    const reference = `oci://${open.host}/trust/copied:7`;
    const pushed = await run(['trust', 'snapshot', 'push', file, reference, '--plain-http', '--json']);
    const { digest } = pushed.json() as { digest: string };
    const skopeo = (...args: string[]) =>
      execFileSync('skopeo', ['--insecure-policy', ...args], {
        env: { PATH: process.env['PATH'] ?? '', HOME: directory },
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
      });
    skopeo(
      'copy',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${open.host}/trust/copied:7`,
      `docker://${other.host}/mirror/trust:7`,
    );
    const out = join(directory, 'out.tar.zst');
    const pulled = await run([
      'trust',
      'snapshot',
      'pull',
      `oci://${other.host}/mirror/trust@${digest}`,
      '--out',
      out,
      '--plain-http',
    ]);
    expect(pulled).toMatchObject({ status: 0 });
    expect(sha256Hex(readFileSync(out))).toBe(sha256Hex(readFileSync(file)));
    // A layout on a medium, and back.
    skopeo(
      'copy',
      '--src-tls-verify=false',
      `docker://${open.host}/trust/copied:7`,
      `oci:${directory}/layout:7`,
    );
    skopeo(
      'copy',
      '--dest-tls-verify=false',
      `oci:${directory}/layout:7`,
      `docker://${other.host}/carried/trust:7`,
    );
    const listed = await run([
      'trust',
      'snapshot',
      'list',
      `oci://${other.host}/carried/trust`,
      '--plain-http',
      '--json',
    ]);
    expect(listed.json()).toMatchObject({ bundles: [{ tag: '7', digest, sequence: 7 }] });
  });

  describe('of a whole site', () => {
    let site: Site;
    let sealed: string;
    beforeAll(async () => {
      site = await makeSite(base);
      sealed = await site.seal('one');
    });

    test('import pulls and imports in one go', async () => {
      const enclave = makeEnclave(temporaryDirectory());
      const reference = `oci://${open.host}/site/trust:1`;
      await site.run(['trust', 'snapshot', 'push', sealed, reference, '--plain-http']);
      const args = ['trust', 'import', reference, '--root-fingerprint', site.fingerprint, '--plain-http'];
      const offline = await enclave.run([...args, '--offline'], { now: site.now });
      expect(offline).toMatchObject({ status: 3, stderr: expect.stringContaining('[OFFLINE]') });
      const imported = await enclave.run(args, { now: site.now, expect: 0 });
      expect(imported.stdout).toContain(`imported ${reference}`);
      const again = await enclave.run(args, { now: site.now, expect: 0 });
      expect(again.stdout).toContain('nothing to do');
    });

    test('verify and inspect read a bundle where it is, and make no store', async () => {
      const enclave = makeEnclave(temporaryDirectory());
      const reference = `oci://${open.host}/site/looked:1`;
      await site.run(['trust', 'snapshot', 'push', sealed, reference, '--plain-http']);
      const setting = { now: site.now, expect: 0 };
      const shown = await enclave.run(
        ['trust', 'snapshot', 'inspect', reference, '--plain-http', '--json'],
        setting,
      );
      const verify = ['trust', 'snapshot', 'verify', reference, '--root-fingerprint', site.fingerprint];
      const verified = await enclave.run([...verify, '--plain-http', '--json'], setting);
      const { manifest_sha256 } = shown.json() as { manifest_sha256: string };
      expect(verified.json()).toMatchObject({ verified: true, manifest_sha256 });
      expect(existsSync(enclave.store)).toBe(false);
      const offline = await enclave.run([...verify, '--plain-http', '--offline'], {
        now: site.now,
        expect: 3,
      });
      expect(offline.stderr).toContain('[OFFLINE]');
      for (const command of ['verify', 'inspect']) {
        const tagless = await enclave.run(['trust', 'snapshot', command, `oci://${open.host}/site/looked`], {
          now: site.now,
          expect: 4,
        });
        expect(tagless.stderr).toContain('stella trust snapshot list');
      }
    });

    test.skipIf(!hasSkopeo)(
      'a layout that skopeo wrote on a medium is a bundle, whole or split',
      async () => {
        const medium = temporaryDirectory();
        const enclave = makeEnclave(temporaryDirectory());
        const place = `oci://${open.host}/site/carried`;
        const setting = { now: site.now, expect: 0 };
        const outside = ['--root-fingerprint', site.fingerprint];
        await site.run(['trust', 'snapshot', 'push', sealed, `${place}:whole`, '--plain-http']);
        const split = ['--split-size', '8KiB'];
        await site.run(['trust', 'snapshot', 'push', sealed, `${place}:split`, '--plain-http', ...split]);
        for (const tag of ['whole', 'split'])
          execFileSync(
            'skopeo',
            [
              ...['--insecure-policy', 'copy', '--src-tls-verify=false'],
              ...[`docker://${open.host}/site/carried:${tag}`, `oci:${medium}/layout:${tag}`],
            ],
            { env: { PATH: process.env['PATH'] ?? '', HOME: medium }, stdio: 'pipe' },
          );
        const several = await enclave.run(['trust', 'import', `${medium}/layout`, ...outside], {
          now: site.now,
          expect: 4,
        });
        expect(several.stderr).toContain('has 2 bundles: there is whole (said to be number 1');
        expect(several.stderr).toContain(`oci:${medium}/layout:whole`);
        for (const tag of ['whole', 'split']) {
          const args = ['trust', 'snapshot', 'verify', `oci:${medium}/layout:${tag}`, ...outside, '--json'];
          expect((await enclave.run(args, setting)).json()).toMatchObject({ verified: true });
        }
        const imported = await enclave.run(
          ['trust', 'import', `oci:${medium}/layout:split`, ...outside, '--offline'],
          setting,
        );
        expect(imported.stdout).toContain(`imported oci:${medium}/layout:split`);
        expect((await enclave.run(['trust', 'import', sealed], setting)).stdout).toContain('nothing to do');
      },
    );

    test('every command of docs/registries.md works as it stands there', async () => {
      const home = join(base, 'typed');
      mkdirSync(join(home, 'attestations'), { recursive: true });
      copyFileSync(sealed, join(home, '2026-01-25.tar.zst'));
      for (const name of ['a', 'b', 'c'])
        copyFileSync(join(site.home, 'attestation.json'), join(home, 'attestations', `${name}.json`));
      const blocks = [...readFileSync('docs/registries.md', 'utf8').matchAll(/^```bash\n([\s\S]*?)^```$/gm)];
      expect(blocks.length).toBeGreaterThan(2);
      for (const line of blocks.flatMap(([, block]) => block!.trimEnd().split('\n'))) {
        const [command, output] = line
          .replaceAll('registry.example.com', open.host)
          .replaceAll('"$FINGERPRINT"', site.fingerprint)
          .split(' >');
        const args = command!.split(' ').slice(1);
        if (command!.includes('oci://')) args.push('--plain-http');
        const ran = await stella(args, { cwd: home, env: { HOME: home }, now: site.now });
        expect(`${line} ${ran.stderr} exit ${ran.status}`).toBe(`${line} ${ran.stderr} exit 0`);
        if (output !== undefined) writeFileSync(join(home, output), ran.stdout);
      }
    });

    test('a split bundle goes as volumes and comes out whole', async () => {
      const out = join(site.home, 'split.tar.zst');
      await site.run([
        'trust',
        'snapshot',
        'export',
        '--out',
        out,
        '--signing-key',
        'bundle-signer.key',
        '--split-size',
        '8KiB',
      ]);
      const list = join(site.home, 'split.parts.json');
      expect(existsSync(list)).toBe(true);
      const reference = `oci://${open.host}/site/trust:split`;
      const pushed = await site.run(['trust', 'snapshot', 'push', list, reference, '--plain-http', '--json']);
      const { layers } = pushed.json() as { layers: { title: string }[] };
      expect(layers.length).toBeGreaterThan(1);
      expect(layers[0]!.title).toBe('split.tar.zst.001');
      const whole = join(temporaryDirectory(), 'whole.tar.zst');
      await site.run(['trust', 'snapshot', 'pull', reference, '--out', whole, '--plain-http']);
      const parts = readdirSync(site.home)
        .filter((name) => /^split\.tar\.zst\.\d{3}$/.test(name))
        .sort();
      const expected = Buffer.concat(parts.map((name) => readFileSync(join(site.home, name))));
      expect(readFileSync(whole).equals(expected)).toBe(true);
      await site.run(['trust', 'snapshot', 'verify', whole]);
    });
  });
});
