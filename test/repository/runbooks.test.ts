import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { MINUTE } from '../../src/base/clock.ts';
import { stella } from '../support/cli.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

const softhsm = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(
  (path) => existsSync(path),
);
const hasToken =
  softhsm !== undefined &&
  spawnSync('sh', ['-c', 'command -v pkcs11-tool && command -v softhsm2-util']).status === 0;

afterEach(() => vi.unstubAllEnvs());

/** One block of commands: on which machine, how long after the beginning. */
interface Block {
  readonly machine: string;
  readonly day: number;
  readonly lines: readonly string[];
}

/** The blocks of a runbook, each after a line `On **MACHINE**, day N:`, which readers see as well. */
function blocksOf(file: string): Block[] {
  const text = readFileSync(join('docs/runbooks', file), 'utf8');
  return [...text.matchAll(/^(.*)\n\n```(.*)\n([\s\S]*?)^```$/gm)].map(([, before, info, body]) => {
    const match = /^On \*\*([a-z]+)\*\*(?:, day (\d+))?:$/.exec(before!);
    if (!match || info !== 'sh')
      throw new Error(
        `${file}: nothing says on which machine the block after ${JSON.stringify(before)} is run`,
      );
    return { machine: match[1]!, day: Number(match[2] ?? 0), lines: body!.trim().split('\n') };
  });
}

test.each(readdirSync('docs/runbooks'))('%s says what it takes for granted', (file) => {
  const text = readFileSync(join('docs/runbooks', file), 'utf8');
  expect([...text.matchAll(/^```/gm)]).toHaveLength(2 * blocksOf(file).length);
  if (text.includes('"$MEDIUM"')) expect(text).toMatch(/`\$MEDIUM` is where .*mounted[^`]*`export MEDIUM=/s);
  for (const { machine } of blocksOf(file))
    expect(text).toMatch(new RegExp(`\\*\\*${machine}\\*\\*|holder's name`));
  const made = [...text.matchAll(/--(?:out|receipt) (\S+)/g)].map(([, path]) => path);
  expect(new Set(made).size).toBe(made.length);
});

/** Several machines, each a directory, and a medium that is carried between them. */
class Machines {
  readonly repository = new TestRepository();
  readonly area = this.repository.area;
  readonly medium = join(this.area, 'medium');
  readonly env: Record<string, string> = { MEDIUM: this.medium };
  #now: number = BEGIN;

  constructor(...names: string[]) {
    mkdirSync(join(this.medium, 'receipts'), { recursive: true });
    for (const name of names) {
      mkdirSync(join(this.area, name), { recursive: true });
      this.repository.file(`${name}/passphrase`, `${name}'s passphrase\n`);
    }
  }

  /** One line of a shell script; `stella` runs in this process, with the runbook's clock. */
  async line(machine: string, cwd: string, line: string, allowed: readonly number[] = [0]): Promise<string> {
    const env = { ...process.env, HOME: join(this.area, machine), ...this.env };
    if (!line.startsWith('stella '))
      return execFileSync('sh', ['-euc', line], {
        cwd,
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    // The shell itself says what the words of the line are.
    const script = `set -- ${line.slice('stella '.length)}\nfor word; do printf '%s\\0' "$word"; done`;
    const words = execFileSync('sh', ['-euc', script], { cwd, env, encoding: 'utf8' })
      .split('\0')
      .slice(0, -1);
    this.#now += MINUTE;
    const home = { HOME: join(this.area, machine) };
    const result = await stella(words, { now: this.#now, cwd, env: { ...home, ...this.env } });
    expect(allowed, `${machine}$ ${line}\n${result.stderr}${result.stdout}`).toContain(result.status);
    return result.stdout + result.stderr;
  }

  async run({ machine, day, lines }: Block): Promise<string> {
    this.#now = Math.max(this.#now, days(day));
    await this.#daily();
    let cwd = join(this.area, machine);
    let output = '';
    for (const line of lines) {
      if (line.startsWith('cd ')) cwd = join(cwd, line.slice(3));
      else output += await this.line(machine, cwd, line);
    }
    return output;
  }

  /** What the timer does on the server. It fails when a role will expire soon, for people to see. */
  async #daily(): Promise<void> {
    const trust = join(this.area, 'server/trust');
    if (existsSync(join(trust, 'public/timestamp.json')))
      await this.line(
        'server',
        trust,
        'stella repo update-timestamp --key-passphrase-file ../passphrase',
        [0, 5],
      );
  }

  publicKey(path: string): void {
    this.repository.publicKey(path);
  }
}

test('root-ceremony.md: every command in it', async () => {
  const machines = new Machines('alice', 'bob', 'carol', 'dave', 'server', 'token');
  if (hasToken) {
    const conf = machines.repository.file(
      'token/softhsm2.conf',
      `directories.tokendir = ${machines.area}/token/tokens\nlog.level = ERROR\n`,
    );
    mkdirSync(join(machines.area, 'token/tokens'));
    vi.stubEnv('SOFTHSM2_CONF', conf);
    vi.stubEnv('PKCS11_MODULE', softhsm);
    machines.repository.file('token/pin', '1234');
    execFileSync(
      'softhsm2-util',
      ['--init-token', '--free', '--label', 'root', '--pin', '1234', '--so-pin', '5678'],
      { stdio: 'ignore' },
    );
  } else
    console.warn('skipping the hardware part of root-ceremony.md: softhsm2 and opensc are not installed');
  const blocks = blocksOf('root-ceremony.md');
  expect(blocks.length).toBeGreaterThan(15);
  const hardware = blocks.findIndex(({ machine }) => machine === 'token');
  for (const block of hasToken ? blocks : blocks.slice(0, hardware)) await machines.run(block);
  const { signed } = JSON.parse(
    readFileSync(join(machines.area, `server/trust/public/${hasToken ? 4 : 3}.root.json`), 'utf8'),
  ) as { signed: { roles: { root: unknown } } };
  expect(signed.roles.root).toMatchObject({ threshold: 2, keyids: { length: 3 } });
});

/** A server with a repository and a log; a connected client, an exporter, and an enclave that only sees bundles. */
async function site(flags: string): Promise<Machines> {
  const machines = new Machines('server', 'client', 'producer', 'enclave');
  for (const name of ['rekor-v2.pub', 'signer-v2.pub', 'attestor.pub', 'intruder.pub'])
    machines.publicKey(`server/${name}`);
  const server = join(machines.area, 'server');
  const url = (path: string) => pathToFileURL(join(server, path)).href;
  const map = {
    version: 1,
    rekor: {
      url: url('log'),
      public_key_target: 'rekor-key-v1',
      api: 'tiles',
      origin: 'log.example.com/runbook',
    },
  };
  machines.repository.file('server/map.json', JSON.stringify(map));
  const targets = {
    'rekor-key-v1.pub': 'log.pub,Rekor',
    'bundle-signer-v1.pub': 'signer-v1.pub',
    'attestor-key-v1.pub': 'attestor.pub',
    'intruder.pub': 'intruder.pub',
    'sigstore-services-v1.json': 'map.json',
  };
  const targetFlags = Object.entries(targets).map(([name, file]) => `--target ${name}=${file}`);
  for (const line of [
    'stella log init log --origin log.example.com/runbook --key log.key',
    'stella key show log.key --public-out log.pub',
    'echo entry >lines',
    'stella log append log --lines lines',
    'stella key generate ../producer/signer.key --no-passphrase --public-out signer-v1.pub',
    `stella repo init trust --key-passphrase-file passphrase ${flags} ${targetFlags.join(' ')}`,
  ])
    await machines.line('server', server, line);
  const producer = join(machines.area, 'producer');
  machines.repository.file(
    'producer/.config/stella/stella.yaml',
    `attestor:\n  trust_repo:\n    signing_key: ${producer}/signer.key\n`,
  );
  const root = join(server, 'trust/public/1.root.json');
  for (const machine of ['client', 'producer'])
    await machines.line(
      machine,
      join(machines.area, machine),
      `stella trust init --tuf-url ${url('trust/public/')} --root ${root}`,
    );
  await machines.line('producer', producer, 'stella trust snapshot export --out first.tar.zst');
  await machines.line(
    'enclave',
    join(machines.area, 'enclave'),
    `stella trust import ${producer}/first.tar.zst --root ${root}`,
  );
  return machines;
}

test('key-rotation.md: every command in it', async () => {
  const machines = await site('');
  const outputs = new Map<string, string>();
  for (const block of blocksOf('key-rotation.md'))
    outputs.set(block.machine, (outputs.get(block.machine) ?? '') + (await machines.run(block)));
  expect(outputs.get('client')).toContain('rekor-key-v2.pub');
  expect(outputs.get('producer')).toContain('enclave-1');
  expect(outputs.get('server')).toContain('Key root-1 is no longer used');
});

test('compromise.md: every command in it', async () => {
  const machines = await site('--threshold root=2/3');
  const trust2 = join(machines.area, 'server/trust-2/public');
  for (const block of blocksOf('compromise.md')) {
    if (existsSync(trust2)) {
      machines.env['NEW_URL'] = pathToFileURL(`${trust2}/`).href;
      machines.env['NEW_FINGERPRINT'] = `sha256:${sha256Hex(readFileSync(join(trust2, '1.root.json')))}`;
    }
    await machines.run(block);
  }
  const status = await machines.line('server', join(machines.area, 'server/trust'), 'stella repo status');
  expect(status).not.toContain('intruder.pub');
  expect(status).toMatch(/rekor-key-v2\.pub/);
  expect(status).toMatch(/attestor-key-v1\.pub .*until 2026-01-10T07:00:00Z/);
});
