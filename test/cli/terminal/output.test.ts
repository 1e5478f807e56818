import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { escapeUnseen, excerpt, hasUnseen } from '../../../src/base/bytes.ts';
import { instant, parseInstant } from '../../../src/base/clock.ts';
import { undoUnfinished } from '../../../src/base/interrupt.ts';
import { Cli, type Io, type Run } from '../../../src/cli/frame/cli.ts';
import { run } from '../../../src/cli/main.ts';
import { formatNumber, printable } from '../../../src/cli/terminal/output.ts';
import { paintLines, wrapLines } from '../../../src/cli/terminal/paint.ts';
import { formatProgress, type Phase, Progress } from '../../../src/cli/terminal/progress.ts';
import { commandTree } from '../../../src/cli/tree.ts';
import { stella } from '../../support/cli.ts';

/** Runs a command on a terminal of the test's choice. */
async function onTerminal(args: readonly string[], setting: Partial<Io> = {}) {
  let [stdout, stderr] = ['', ''];
  const status = await run(args, {
    env: { HOME: '/nonexistent' },
    cwd: '/',
    clock: () => parseInstant('2026-02-01T00:00:00Z'),
    stdin: process.stdin,
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    terminal: true,
    stdoutTerminal: true,
    columns: 80,
    ...setting,
  });
  return { status, stdout, stderr };
}

const ESCAPE = '\u001b[';

describe('colour', () => {
  test('on a terminal: results and errors', async () => {
    expect((await onTerminal(['doctor'])).stdout).toContain(`${ESCAPE}32mok`);
    expect((await onTerminal(['trust', 'status'])).stderr).toContain(`${ESCAPE}1m${ESCAPE}31merror:`);
  });

  test.each<[string, readonly string[], Partial<Io>]>([
    ['with --no-color', ['--no-color'], {}],
    ['with NO_COLOR', [], { env: { HOME: '/nonexistent', NO_COLOR: '1' } }],
    ['on a dumb terminal or in a pipe', [], { terminal: false, stdoutTerminal: false }],
    ['in JSON', ['--json'], { terminal: false }],
  ])('none %s', async (_, flags, setting) => {
    for (const args of [['doctor'], ['trust', 'status'], ['trust', 'sttus']]) {
      const { stdout, stderr } = await onTerminal([...args, ...flags], setting);
      expect(stdout + stderr).not.toContain(ESCAPE);
    }
  });

  test('an empty NO_COLOR counts as not set', async () => {
    expect((await onTerminal(['doctor'], { env: { HOME: '/nonexistent', NO_COLOR: '' } })).stdout).toContain(
      ESCAPE,
    );
  });

  test('changes nothing but colour', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        expect(stripVTControlCharacters(paintLines(text))).toBe(text);
      }),
    );
  });
});

describe('width', () => {
  test('40 columns: lines are broken at spaces, and no character is lost', async () => {
    const { stdout } = await onTerminal(['doctor', '--no-color'], { columns: 40 });
    const wide = stdout.split('\n').filter((line) => line.length > 40);
    for (const line of wide) expect(line.trim()).not.toContain(' ');
    const whole = await onTerminal(['doctor', '--no-color'], { columns: 500 });
    expect(stdout.replace(/\s+/g, ' ')).toBe(whole.stdout.replace(/\s+/g, ' '));
  });

  test('40 columns: help', async () => {
    const { stdout } = await onTerminal(['trust', 'import', '--help'], { columns: 40 });
    expect(stdout).toContain('--reject-if-stale');
  });

  test('never breaks a word, whatever the text and the width', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z ]{0,60}$/)),
        fc.integer({ min: 1, max: 60 }),
        (lines, columns) => {
          const wrapped = wrapLines(lines.join('\n'), columns);
          expect(wrapped.split(/\s+/).filter(Boolean)).toEqual(lines.join('\n').split(/\s+/).filter(Boolean));
        },
      ),
    );
  });

  test('a script for a shell is printed as it is', async () => {
    const piped = await onTerminal(['completion', 'bash'], { stdoutTerminal: false });
    expect((await onTerminal(['completion', 'bash'], { columns: 40 })).stdout).toBe(piped.stdout);
  });
});

describe('progress', () => {
  function bar(columns = 80) {
    const phases: Phase[] = [];
    let [drawn, now] = ['', 0];
    const progress = new Progress({
      draw: (text) => {
        drawn += text;
      },
      columns,
      clock: () => now,
      onPhase: (phase) => phases.push(phase),
    });
    return {
      progress,
      phases,
      drawn: () => stripVTControlCharacters(drawn),
      raw: () => drawn,
      wait: (ms: number) => {
        now += ms;
      },
    };
  }

  test('is not shown below a second', () => {
    const { progress, drawn, wait, phases } = bar();
    for (let done = 0; done < 100; done += 1) {
      progress.report('sealing', done, 100, 'bytes');
      wait(9);
    }
    progress.close();
    expect(drawn()).toBe('');
    expect(phases).toEqual([{ what: 'sealing', done: 99, total: 100, duration: 900 }]);
  });

  test('shows share, rate and time left, and is gone at the end', async () => {
    const { progress, drawn, raw, wait } = bar();
    progress.report('sealing', 0, 4096, 'bytes');
    wait(2000);
    progress.report('sealing', 1024, 4096, 'bytes');
    await vi.waitUntil(() => drawn() !== '');
    expect(drawn()).toContain(' 25 %');
    expect(drawn()).toContain('512 B/s, 6 s left');
    progress.close();
    expect(raw().endsWith('\u001b[1G\u001b[2K')).toBe(true);
  });

  test('an interrupt takes it away and leaves a terminal that wraps lines', async () => {
    const { progress, drawn, raw, wait } = bar();
    progress.report('sealing', 0, 4096, 'bytes');
    wait(2000);
    progress.report('sealing', 1024, 4096, 'bytes');
    await vi.waitUntil(() => drawn() !== '');
    undoUnfinished();
    expect(raw().endsWith('\u001b[?7h\u001b8\u001b[1G\u001b[2K')).toBe(true);
    const after = raw();
    undoUnfinished();
    progress.close();
    expect(raw()).toBe(after);
  });

  test('says how much is done where nobody knows how much there is', () => {
    const state = {
      what: 'appending',
      unit: 'entries',
      done: 65_536,
      total: undefined,
      elapsed: 2000,
    } as const;
    expect(formatProgress(state, 80)).toBe('appending 65,536 entries  32,768 entries/s');
  });

  test('fits into any terminal', () => {
    fc.assert(
      fc.property(
        fc.record({
          what: fc.string(),
          unit: fc.constantFrom('bytes' as const, 'files' as const, 'entries' as const),
          done: fc.nat(),
          total: fc.option(fc.nat(), { nil: undefined }),
          elapsed: fc.nat(),
        }),
        fc.integer({ min: 10, max: 200 }),
        (state, columns) => {
          const line = formatProgress(state, columns);
          expect(line.length).toBeLessThan(columns);
          expect(line).not.toContain('\n');
        },
      ),
    );
  });
});

describe('--log-file', () => {
  const lines = (file: string) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const newFile = () => join(mkdtempSync(join(tmpdir(), 'stella-test-')), 'stella.log');

  test('has a run id, the command, the outcome and the duration, and is appended to', async () => {
    const file = newFile();
    const setting = { now: '2026-02-01T00:00:00Z', env: { HOME: '/nonexistent' } };
    await stella(['config', 'show', '--log-file', file], setting);
    const refused = await stella(['trust', 'status', '--log-file', file], setting);
    expect(refused.status).toBe(4);
    const written = lines(file);
    expect(written.map(({ command, msg }) => [command, msg])).toEqual([
      ['config show', 'begin'],
      ['config show', 'end'],
      ['trust status', 'begin'],
      ['trust status', expect.stringContaining('there is no trust store')],
      ['trust status', 'end'],
    ]);
    expect(new Set(written.map(({ run: id }) => id)).size).toBe(2);
    expect(written[0]).toMatchObject({ time: '2026-02-01T00:00:00Z', level: 'info' });
    expect(written[3]).toMatchObject({ level: 'error', code: 'STORE_NOT_INITIALIZED' });
    expect(written[4]).toMatchObject({ exit: 4, duration_ms: expect.any(Number) });
  });

  test('has phases with durations, warnings, and the generation', async () => {
    const file = newFile();
    const io = {
      env: {},
      cwd: '/',
      clock: () => instant(0),
      stdin: process.stdin,
      stdout: () => {},
      stderr: () => {},
      terminal: false,
    };
    const cli = new Cli(io);
    const program = commandTree(cli);
    cli.action(cli.command(program, 'work', 'work'), async (current: Run<object>) => {
      current.record({ generation: 3 });
      current.progress('sealing', 1, 2);
      current.progress('sealing', 2, 2);
      current.note('warning: careful');
      return { json: { generation: 4 }, text: '' };
    });
    await program.parseAsync(['work', '--log-file', file], { from: 'user' });
    cli.close();
    expect(lines(file).slice(1)).toMatchObject([
      { level: 'warn', msg: 'warning: careful', generation: 3 },
      { msg: 'phase', what: 'sealing', done: 2, total: 2, duration_ms: expect.any(Number) },
      { msg: 'end', exit: 0, generation: 4 },
    ]);
  });

  test('a place that cannot be written to stops the command before it begins', async () => {
    const { status, stderr } = await stella(['config', 'show', '--log-file', '/nonexistent/x.log']);
    expect(status).toBe(4);
    expect(stderr).toContain('[WRITE_FAILED]');
  });

  test.skipIf(process.platform === 'win32')(
    'a FIFO that no process reads is refused, and not waited for',
    async () => {
      const fifo = newFile();
      execFileSync('mkfifo', [fifo]);
      const { status, stderr } = await stella(['config', 'show', '--log-file', fifo]);
      expect(status).toBe(4);
      expect(stderr).toContain(`cannot write ${fifo}: no process reads it (ENXIO) [WRITE_FAILED]`);
      expect(stderr).toContain('hint: start what reads it first');
    },
  );

  test.skipIf(process.platform === 'win32')('a FIFO that is read gets the lines', async () => {
    const fifo = newFile();
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    expect((await stella(['config', 'show', '--log-file', fifo])).status).toBe(0);
    const written = Buffer.alloc(8192);
    const count = readSync(reader, written);
    closeSync(reader);
    expect(written.toString('utf8', 0, count).match(/"msg":"(?:begin|end)"/g)).toHaveLength(2);
  });

  test.skipIf(process.platform !== 'linux')('a disk that is full is said and stops nothing', async () => {
    const { status, stderr, stdout } = await stella(['config', 'show', '--log-file', '/dev/full']);
    expect(status).toBe(0);
    expect(stdout).toContain('configuration file');
    expect(stderr).toContain('warning: the log file is not complete');
  });
});

test('numbers are grouped by thousands, of any size', () => {
  for (const number of [0, 7, 999, 1000, 12_345, 999_999, 1_000_000, 2n ** 64n])
    expect(formatNumber(number)).toBe(number.toLocaleString('en-US'));
});

describe('characters that are not seen', () => {
  const UNSEEN = [
    ...['\u00ad', '\u034f', '\u061c', '\u180e', '\u200b', '\u200d', '\u200e', '\u200f', '\u2028', '\u2029'],
    ...['\u202a', '\u202e', '\u2060', '\u2066', '\u2069', '\u3164', '\ufe0f', '\ufeff', '\ud800'],
    ...['\u{e0001}', '\u{e0041}', '\u{e007f}', '\u{e0100}', '\u{1d173}'],
  ];

  test('are escaped in text, in excerpts, and in JSON, which stays the same document', () => {
    for (const character of UNSEEN) {
      const name = `a${character}b`;
      const escaped = [...character.split('')].map(
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
      expect(printable(name)).toBe(`a${escaped.join('')}b`);
      expect(excerpt(name)).toBe(`"a${escaped.join('')}b"`);
      expect(JSON.parse(escapeUnseen(JSON.stringify({ [name]: name })))).toEqual({ [name]: name });
      expect(escapeUnseen(JSON.stringify(name))).toBe(`"a${escaped.join('')}b"`);
      expect(hasUnseen(name)).toBe(true);
    }
  });

  test('what is seen stays', () => {
    for (const name of ['Prüfung', '验证', 'عربي', '🍺', 'a → b', 'é', '']) {
      expect(printable(name)).toBe(name);
      expect(hasUnseen(name)).toBe(false);
    }
  });

  test('pass in no output of a command', async () => {
    const name = 'no\u200bsuch\u202efile\u{e0041}';
    for (const args of [
      ['attest', 'verify', name, '--trusted-root', name, '--json'],
      ['trust', name],
    ]) {
      const { stdout, stderr } = await stella(args);
      expect(`${stdout}${stderr}`).not.toMatch(/[\u200b\u202e\u{e0041}]/u);
      expect(stderr).toContain('\\u200b');
    }
  });
});
