import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const environment = (name: string) => process.env[name] || undefined;

/** Where scripts/install-peers.sh puts them. */
const cache =
  environment('STELLA_PEERS') ??
  join(environment('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'stella-peers');
const python = join(cache, 'python/bin/python');

/** A command that scripts/install-peers.sh installed. */
export type Command = 'crane' | 'registry' | 'oras' | 'tuftool' | 'cosign';

export const commandPath = (name: Command): string => join(cache, 'bin', name);

/** What a part's stamp says: there is one only when the part was installed whole. */
function stampOf(part: string): string | undefined {
  const stamp = join(cache, 'stamp', part);
  return existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : undefined;
}

function pinned(packageName: string): string {
  const requirements = readFileSync(fileURLToPath(new URL('requirements.txt', import.meta.url)), 'utf8');
  return new RegExp(`^${packageName}==(.+)$`, 'm').exec(requirements)?.[1] ?? 'unknown';
}

/**
 * Whether all these peers are here. Says which run, or which are missing and how to get them.
 * @param suite what is skipped without them
 */
export function present(
  suite: string,
  peers: { readonly packages?: readonly string[]; readonly commands?: readonly Command[] },
): boolean {
  const { packages = [], commands = [] } = peers;
  const hasPython = stampOf('python') !== undefined && existsSync(python);
  const missing = [
    ...(hasPython ? [] : packages),
    ...commands.filter((name) => stampOf(name) === undefined || !existsSync(commandPath(name))),
  ];
  if (missing.length > 0) {
    console.warn(
      `skipping ${suite}: ${missing.join(', ')} not installed; scripts/install-peers.sh installs what can be had`,
    );
    return false;
  }
  const versions = [
    ...packages.map((name) => `${name} ${pinned(name)}`),
    ...commands.map((name) => `${name} ${stampOf(name)}`),
  ];
  console.info(`peers of ${suite}: ${versions.join(', ')}`);
  return true;
}

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end without holding up servers of this process. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const env = options.env ?? { PATH: process.env['PATH'] ?? '' };
    execFile(
      program,
      args,
      { cwd: options.cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        resolve({
          status: error === null ? 0 : typeof error.code === 'number' ? error.code : 255,
          stdout,
          stderr,
        });
      },
    );
  });
}

const bin = fileURLToPath(new URL('../../bin/stella.js', import.meta.url));

/** The built command, as a process. `home` is its home and working directory. */
export function stella(home: string, args: readonly string[]): Promise<Ran> {
  return run(process.execPath, [bin, ...args], {
    cwd: home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
  });
}

/** {@link stella}, which must succeed. */
export async function ok(home: string, args: readonly string[]): Promise<Ran> {
  const ran = await stella(home, args);
  if (ran.status !== 0) throw new Error(`stella ${args.join(' ')}: exit ${ran.status}\n${ran.stderr}`);
  return ran;
}

/** Runs a Python program with the peers' packages to its end. */
export const runPython = (script: string, args: readonly string[]): Promise<Ran> =>
  run(python, [fileURLToPath(new URL(script, import.meta.url)), ...args]);

/**
 * A Python program that answers each line of JSON with one, so that its start is paid for once.
 * It runs until the tests of the file are done.
 */
export class PythonPeer<Question, Answer> {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #stderr = '';

  constructor(script: string) {
    this.#child = spawn(python, ['-u', fileURLToPath(new URL(script, import.meta.url))], {
      env: { PATH: process.env['PATH'] ?? '' },
    });
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#stderr += text.toString();
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    afterAll(() => void this.#child.kill());
  }

  async ask(question: Question): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the peer ended: ${this.#stderr}`);
    return JSON.parse(value) as Answer;
  }
}
