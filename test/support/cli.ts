import { Readable } from 'node:stream';
import { instant, parseInstant, systemClock } from '../../src/base/clock.ts';
import type { ExitStatus } from '../../src/base/codes.ts';
import { run } from '../../src/cli/main.ts';

export interface CliResult {
  readonly status: ExitStatus;
  readonly stdout: string;
  /** What was written to standard output as bytes. */
  readonly bytes: Buffer;
  readonly stderr: string;
  /** stdout as JSON, for runs with --json */
  json(): unknown;
}

export interface CliSetting {
  /** The injected clock: milliseconds, or RFC 3339 text. Default: the real one. */
  readonly now?: number | string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  /** Answers to questions on the terminal, in order; without it there is no terminal. */
  readonly answers?: string[];
}

/** Runs a `stella` command in this process, with the clock, environment and terminal of the test's choice. */
export async function stella(args: readonly string[], setting: CliSetting = {}): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const chunks: Uint8Array[] = [];
  const { now, answers } = setting;
  const answer = async (question: string) => {
    stderr += question;
    return answers?.shift() ?? '';
  };
  const status = await run(args, {
    env: setting.env ?? {},
    cwd: setting.cwd ?? process.cwd(),
    clock:
      now === undefined ? systemClock : () => (typeof now === 'string' ? parseInstant(now) : instant(now)),
    stdin: Readable.from(setting.stdin === undefined ? [] : [Buffer.from(setting.stdin)]),
    stdout: (text) => {
      stdout += text;
    },
    stdoutBytes: async (bytes) => void chunks.push(Uint8Array.from(bytes)),
    stderr: (text) => {
      stderr += text;
    },
    terminal: false,
    ...(answers
      ? {
          ask: answer,
          askSecret: answer,
        }
      : {}),
  });
  return { status, stdout, bytes: Buffer.concat(chunks), stderr, json: () => JSON.parse(stdout) as unknown };
}
