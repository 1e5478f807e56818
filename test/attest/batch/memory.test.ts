import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatTrustedRoot } from '../../../src/trust/trusted-root.ts';
import { temporaryTree } from '../../support/temp.ts';
import { makeSite } from '../signed.ts';

const MAX_MIB = 300;
const envelope = '{"payload":"AA==","payloadType":"x","signatures":[{"sig":"AA=="}]}';
const LONG = Boolean(process.env['STELLA_LONG_TESTS']);

/** Name, content, and the code that the command is to end with. */
const FILES: readonly [name: string, content: () => string, code: string][] = [
  ['a million lines of {}', () => '{}\n'.repeat(LONG ? 11_000_000 : 1_000_000), 'PARSE_FAILED'],
  ['a line of 100 MB', () => `{"payloadType":"${'x'.repeat(100_000_000)}`, 'FILE_TOO_LARGE'],
  ['40 MB of lists', () => `[${`${envelope},`.repeat(4000)}{}]\n`.repeat(LONG ? 150 : 8), 'PARSE_FAILED'],
  ['a list of values', () => `{"payloadType":[${'[1],'.repeat(8_000_000)}1]}`, 'PARSE_FAILED'],
];

describe(`what reads lines has at most ${MAX_MIB} MiB`, () => {
  let home: string;
  beforeAll(() => {
    home = temporaryTree();
    writeFileSync(
      join(home, 'rss.cjs'),
      "process.on('exit', () => require('node:fs').writeSync(2, 'rss=' + process.resourceUsage().maxRSS));",
    );
  });

  const run = (...args: string[]) => {
    const result = spawnSync(
      process.execPath,
      ['--require', join(home, 'rss.cjs'), join(process.cwd(), 'dist/cli/stella.cjs'), ...args],
      { cwd: home, encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const [, kibibytes] = /rss=(\d+)/.exec(result.stderr) ?? [];
    return { stderr: result.stderr, mib: Number(kibibytes) / 1024 };
  };

  test.each(FILES)('attest verify of %s', async (_name, content, code) => {
    const site = await makeSite();
    writeFileSync(join(home, 'root.json'), formatTrustedRoot(site.trustedRoot));
    writeFileSync(join(home, 'in'), content());
    const { stderr, mib } = run('attest', 'verify', 'in', '--trusted-root', 'root.json', '--json');
    expect(stderr).toMatch(/error: .*\[[A-Z_]+\]/);
    expect(stderr).not.toContain('INTERNAL');
    if (code !== 'PARSE_FAILED') expect(stderr).toContain(`[${code}]`);
    expect(mib).toBeLessThan(MAX_MIB);
  });

  test.each<[string, () => string, string]>([
    ['a line of 100 MB', () => 'x'.repeat(100_000_000), 'FILE_TOO_LARGE'],
    ['20 MB of blank lines', () => '\n'.repeat(20_000_000), 'SHARDS_INCOMPLETE'],
  ])('attest merge of %s', (_name, content, code) => {
    writeFileSync(join(home, 'shard.jsonl'), content());
    const { stderr, mib } = run('attest', 'merge', 'shard.jsonl');
    expect(stderr).toContain(`[${code}]`);
    expect(mib).toBeLessThan(MAX_MIB);
  });
});
