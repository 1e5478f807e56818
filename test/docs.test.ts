import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CODES } from '../src/base/codes.ts';
import { stella } from './support/cli.ts';
import { makeSite, type Site } from './support/site.ts';
import { temporaryTree } from './support/temp.ts';

const textOf = (path: string) => readFileSync(path, 'utf8');
const blocks = (path: string, language: string) =>
  [...textOf(path).matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1]!,
  );

let base: string;
let site: Site;
let medium: string;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
  cpSync(join(site.home, 'repo', 'public', '1.root.json'), join(site.home, 'root.json'));
  await site.seal('2026-01-25');
  medium = join(base, 'medium');
  await site.run(['kit', '--out', medium, '--bundle', '2026-01-25.tar.zst']);
  for (const file of ['attestation.json', 'app.bin', 'attestor.pub', 'root.json'])
    cpSync(join(site.home, file), join(medium, file));
});

/** Types the lines of a document in a directory that is home, too. What is addressed to example.com is here. */
async function type(lines: readonly string[], home: string): Promise<void> {
  const tuf = `${pathToFileURL(join(base, 'site', 'tuf')).href}/`;
  for (const line of lines) {
    const command = line
      .replace(/ +# .*$/, '')
      .replaceAll('https://trust.example.com/tuf/', tuf)
      .replaceAll('"$FINGERPRINT"', site.fingerprint)
      .replaceAll('sha256:…', site.fingerprint);
    if (command.trim() === '' || command.startsWith('#')) continue;
    const ran = command.startsWith('stella ')
      ? await stella(command.split(/ +/).slice(1), { cwd: home, env: { HOME: home }, now: site.now })
      : spawnSync('sh', ['-c', command], { cwd: home, encoding: 'utf8' });
    expect(`${command}\n${ran.stderr}\nexit ${ran.status}`).toBe(`${command}\n${ran.stderr}\nexit 0`);
  }
}

const linesOf = (path: string) => blocks(path, 'bash').flatMap((block) => block.trimEnd().split('\n'));

function newHome(name: string, from: string): string {
  const home = join(base, name);
  mkdirSync(home);
  for (const entry of readdirSync(from, { withFileTypes: true }))
    if (entry.isFile()) cpSync(join(from, entry.name), join(home, entry.name));
  return home;
}

describe('every command of the documents works as it stands there', () => {
  test('guide-exporting.md', async () => {
    await type(linesOf('docs/guide-exporting.md'), newHome('exporting', site.home));
  });

  test('guide-importing.md', async () => {
    await type(linesOf('docs/guide-importing.md'), newHome('importing', medium));
  });

  test('guide-pipelines.md', async () => {
    const home = newHome('pipelines', medium);
    await type(['stella trust import ./2026-01-25.tar.zst --root-fingerprint "$FINGERPRINT"'], home);
    await type(linesOf('docs/guide-pipelines.md'), home);
  });

  test('README.md: the journey', async () => {
    const journey = blocks('README.md', 'bash').find((block) => block.includes('stella trust init'))!;
    const lines = journey.split('\n');
    const gap = lines.findIndex((line) => line.startsWith('# carry'));
    const connected = newHome('readme', site.home);
    await type(lines.slice(0, gap), connected);
    const enclave = newHome('readme-enclave', medium);
    cpSync(join(connected, 'x.tar.zst'), join(enclave, 'x.tar.zst'));
    cpSync(join(enclave, 'app.bin'), join(enclave, 'artifact'));
    await type(lines.slice(gap), enclave);
  });
});

test('the pipeline snippets are YAML', () => {
  for (const block of blocks('docs/guide-pipelines.md', 'yaml')) {
    const documents = parseAllDocuments(block);
    for (const document of documents) expect('errors' in document && document.errors).toEqual([]);
  }
});

test('what is generated is up to date (npm run generate)', () => {
  const { stderr, status } = spawnSync(process.execPath, ['scripts/generate-docs.ts', '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('the troubleshooting page begins with the four messages of the guide and has every code', () => {
  const text = textOf('docs/troubleshooting.md');
  const headings = [...text.matchAll(/^### "(.+)"$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    'TUF metadata expired',
    'Unknown target',
    'Signature verification failed',
    'Service map not found',
  ]);
  for (const code of Object.keys(CODES)) expect(text).toContain(`| \`${code}\` |`);
});

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

test.each(documents)('%s: links lead somewhere', (path) => {
  for (const [, target] of textOf(path).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(?:https?:|mailto:)/.test(target!)) continue;
    const [file, anchor] = target!.split('#');
    const whole = file === '' ? path : join(path, '..', file!);
    expect(existsSync(whole), `${path}: ${target}`).toBe(true);
    if (anchor === undefined || !whole.endsWith('.md')) continue;
    const anchors = [...textOf(whole).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
    expect(anchors, `${path}: ${target}`).toContain(anchor);
  }
});
