import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CODES } from '../src/base/codes.ts';
import { stella } from './support/cli.ts';

/** What must be true of stella for its cell in docs/comparison.md; undefined for what is no fact of the program. */
const SHOWN: Readonly<Record<string, (() => Promise<void>) | undefined>> = {
  'verify Sigstore attestations offline': () => offers('attest verify', '--offline'),
  'carry the trust itself, signed': () => offers('trust snapshot export', '--signing-key'),
  'bound its age behind the gap': async () => {
    await offers('trust import', '--reject-if-stale');
    refuses('BUNDLE_STALE', 'STORE_STALE', 'CLOCK_BEHIND');
  },
  'refuse rollback across imports': async () => refuses('TUF_ROLLBACK', 'LOG_ROLLBACK', 'BUNDLE_ROLLBACK'),
  'carry transparency log tiles, prove that logs only grow': async () => {
    await offers('trust snapshot export', '--depth');
    refuses('LOG_FORK', 'LOG_CONSISTENCY_UNPROVEN');
  },
  'author the TUF repository': () => offers('repo init', '--threshold'),
  'sign container images': () => offers('attest sign', '--key'),
  'carry container images and charts': () => lacks('trust snapshot export', '--image'),
  deploy: () => lacks('', 'deploy'),
  maturity: undefined,
};

const help = async (command: string) =>
  (await stella([...command.split(' ').filter(Boolean), '--help'])).stdout;
async function offers(command: string, flag: string): Promise<void> {
  expect(await help(command)).toContain(flag);
}
async function lacks(command: string, word: string): Promise<void> {
  expect(await help(command)).not.toContain(word);
}
function refuses(...codes: readonly string[]): void {
  for (const code of codes) expect(CODES).toHaveProperty(code);
}

const rows = [
  ...readFileSync('docs/comparison.md', 'utf8').matchAll(/^\| ([^|-][^|]*?) \| ([^|]*?) \|/gm),
].map(([, name, ours]) => [name!, ours!] as const);

test('every row of the comparison says something of stella, and can be shown', () => {
  expect(rows.map(([name]) => name)).toEqual(Object.keys(SHOWN));
  for (const [, ours] of rows) expect(ours).not.toBe('');
});

test.each(rows)('%s: %s', async (name) => {
  await SHOWN[name]?.();
});
