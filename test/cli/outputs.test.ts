import { lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { openBundle } from '../../src/bundle/open.ts';
import { Cli, type Io } from '../../src/cli/frame/cli.ts';
import { commandTree } from '../../src/cli/tree.ts';
import { makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

const T0 = Date.UTC(2026, 0, 25, 12);
let base: string;
let site: Site;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { now: T0, entries: 300 });
});

const EXPORT = ['trust', 'snapshot', 'export', '--signing-key', 'bundle-signer.key', '--out'];

function* commandsBelow(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* commandsBelow(child);
}

/** Outputs that are renewed, appended to, directories, or keys that are used where they are there. */
const WITHOUT_FORCE = new Set(['trust export --out <dir>', 'kit --out <dir>', 'attest collect --out <dir>']);

test('every command that makes a file where it is told to has --force', () => {
  const missing = [...commandsBelow(commandTree(new Cli({ env: {} } as Io)))].flatMap((command) => {
    const flags = command.options.map(({ flags: text }) => text);
    const outputs = flags.filter((text) => /^--(?:out|html|receipt) /.test(text));
    return flags.includes('--force') ? [] : outputs.map((text) => `${command.name()} ${text}`);
  });
  expect(missing.filter((one) => ![...WITHOUT_FORCE].some((known) => known.endsWith(one)))).toEqual([]);
});

describe('a private key is not overwritten', () => {
  for (const [what, args] of [
    ['snapshot export --out', [...EXPORT, 'stranger.key']],
    [
      'attest sign --out',
      ['attest', 'sign', 'app.bin', '--key', 'attestor.key', '--log', '../site/log', '--out', 'stranger.key'],
    ],
    ['trust status --html', ['trust', 'status', '--html', 'stranger.key']],
  ] as const) {
    test(what, async () => {
      const before = readFileSync(join(site.home, 'stranger.key'));
      const logged = readFileSync(join(base, 'site', 'log', 'checkpoint'));
      const { stderr } = await site.run(args, { expect: 4 });
      expect(stderr).toContain('[FILE_EXISTS]');
      expect(stderr).toContain('--force');
      expect(readFileSync(join(site.home, 'stranger.key'))).toEqual(before);
      expect(readFileSync(join(base, 'site', 'log', 'checkpoint'))).toEqual(logged);
    });
  }

  test('nor by parts, a receipt, or what names it by a link', async () => {
    const key = readFileSync(join(site.home, 'stranger.key'));
    symlinkSync('stranger.key', join(site.home, 'link'));
    await site.run([...EXPORT, 'link'], { expect: 4 });
    writeFileSync(join(site.home, 's.tar.zst.001'), key);
    const split = await site.run([...EXPORT, 's.tar.zst', '--split-size', '20KiB'], { expect: 4 });
    expect(split.stderr).toContain('[FILE_EXISTS]');
    expect(readFileSync(join(site.home, 's.tar.zst.001'))).toEqual(key);
    const bundle = await site.seal('for-receipt');
    const enclave = makeEnclave(base, 'receipt');
    const held = join(enclave.home, 'held.key');
    writeFileSync(held, key);
    const args = ['trust', 'import', bundle, '--root-fingerprint', site.fingerprint, '--receipt', held];
    const refused = await enclave.run(args, { now: T0, expect: 4 });
    expect(refused.stderr).toContain('[FILE_EXISTS]');
    expect(readFileSync(held)).toEqual(key);
    await enclave.run(['trust', 'status'], { now: T0, expect: 4 });
    await enclave.run([...args, '--force'], { now: T0, expect: 0 });
    expect(readFileSync(held)).not.toEqual(key);
  });

  test('--force replaces a bundle', async () => {
    await site.run([...EXPORT, 'again.tar.zst']);
    await site.run([...EXPORT, 'again.tar.zst'], { expect: 4 });
    await site.run([...EXPORT, 'again.tar.zst', '--force']);
  });
});

describe('standard output and devices', () => {
  test.each(['-', '/dev/stdout', '/dev/fd/1'])(
    'export --out %s writes the bundle and nothing else',
    async (name) => {
      const exported = await site.run([...EXPORT, name, '--json']);
      expect(exported.stdout).toBe('');
      expect(JSON.parse(exported.stderr)).toMatchObject({ out: name });
      const file = join(base, `piped-${name.replace(/\W/g, '')}.tar.zst`);
      writeFileSync(file, exported.bytes);
      const bundle = await openBundle(file, { staging: base });
      await bundle.close();
      const enclave = makeEnclave(base, `piped${name.replace(/\W/g, '')}`);
      const imported = await enclave.run(['trust', 'import', '-', '--root-fingerprint', site.fingerprint], {
        now: T0,
        stdin: exported.bytes,
        expect: 0,
      });
      expect(imported.stdout).toContain('imported - into');
    },
  );

  test('a refusal goes to stderr too', async () => {
    const { stdout, stderr, bytes } = await site.run([...EXPORT, '-', '--split-size', '4GiB', '--json'], {
      expect: 4,
    });
    expect({ stdout, size: bytes.length }).toEqual({ stdout: '', size: 0 });
    expect(stderr).toContain('"USAGE"');
  });

  test('a device stays a device', async () => {
    await site.run([...EXPORT, '/dev/null']);
    await site.run(['trust', 'status', '--metrics', '/dev/null', '--html', '/dev/null']);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('--metrics and --log-file follow no link to a device, and renew a regular file', async () => {
    symlinkSync('/dev/null', join(site.home, 'null'));
    const metrics = await site.run(['trust', 'status', '--metrics', 'null'], { expect: 4 });
    expect(metrics.stderr).toContain('[WRITE_FAILED]');
    const log = await site.run(['trust', 'status', '--log-file', 'null'], { expect: 4 });
    expect(log.stderr).toContain('[WRITE_FAILED]');
    expect(lstatSync(join(site.home, 'null')).isSymbolicLink()).toBe(true);
    for (let i = 0; i < 2; i += 1) await site.run(['trust', 'status', '--metrics', 'x.prom']);
    expect(readFileSync(join(site.home, 'x.prom'), 'utf8')).toContain('stella_');
    const shown = await site.run(['trust', 'status', '--metrics', '-']);
    expect(shown.bytes.toString()).toContain('stella_');
    expect(shown.stderr).toContain('trust store');
  });
});
