import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formatPrivateKey, generateKey, loadPrivateKey } from '../../src/base/keys.ts';
import { appendAudit } from '../../src/store/audit.ts';
import { refusal } from '../support/errors.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

const isRoot = geteuid?.() === 0;
let site: Site;
let made: Enclave;
let bundle: string;
let enclave: Enclave;

const attestation = () => join(site.home, 'attestation.json');
const run = (...args: string[]) => enclave.run(args, { now: site.now });
const stateFile = () => join(enclave.store, 'generations', '1', 'state.json');

beforeAll(async () => {
  const base = temporaryTree();
  site = await makeSite(base, { entries: 10 });
  bundle = await site.seal('b');
  made = makeEnclave(base, 'made');
  await made.run(['trust', 'import', bundle, '--root-fingerprint', site.fingerprint], {
    now: site.now,
    expect: 0,
  });
});

beforeEach(() => {
  enclave = makeEnclave(temporaryDirectory());
  cpSync(made.home, enclave.home, { recursive: true });
});

describe('a file of the store that stella did not write is refused at once', () => {
  const files = {
    CURRENT: () => join(enclave.store, 'CURRENT'),
    'state.json': stateFile,
    'audit.jsonl': () => join(enclave.store, 'audit.jsonl'),
    'audit.head': () => join(enclave.store, 'audit.head'),
  };
  const commands = {
    CURRENT: ['attest', 'verify'],
    'state.json': ['attest', 'verify'],
    'audit.jsonl': ['audit', 'verify'],
    'audit.head': ['audit', 'verify'],
  };
  const ways = {
    'a FIFO': (path: string) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    'a link to the right content': (path: string) => {
      renameSync(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
    },
    'a directory': (path: string) => {
      rmSync(path);
      mkdirSync(path);
    },
    ...(isRoot ? { "another user's": (path: string) => chownSync(path, 12345, 12345) } : {}),
  };
  const cases = Object.keys(files).flatMap((file) => Object.keys(ways).map((way) => [file, way] as const));

  test.each(cases)('%s that is %s', async (file, way) => {
    const name = file as keyof typeof files;
    ways[way as keyof typeof ways]!(files[name]());
    const command = commands[name];
    const { status, stderr } = await run(...command, ...(command[0] === 'attest' ? [attestation()] : []));
    expect(stderr).toContain('[FILE_UNREADABLE]');
    expect(stderr).toContain('stella did not write it');
    expect(status).toBe(4);
  });
});

test('a pipe in the place of the audit log keeps no import waiting', async () => {
  const path = join(enclave.store, 'audit.jsonl');
  rmSync(path);
  execFileSync('mkfifo', [path]);
  expect((await run('trust', 'import', bundle)).stderr).toContain('[FILE_UNREADABLE]');
  // Without the record of its last line, nothing reads the log before it is written.
  rmSync(join(enclave.store, 'audit.head'));
  const error = await refusal('WRITE_FAILED', () => appendAudit(enclave.store, site.now, 'import', {}));
  expect(error.message).toContain(path);
});

describe('a store that others can write to', () => {
  test.each(['', 'generations'])(
    'is refused by what trusts it, and warned of by what reads it (%j)',
    async (below) => {
      chmodSync(join(enclave.store, below), 0o757);
      for (const args of [
        ['attest', 'verify', attestation()],
        ['trust', 'import', bundle],
        ['trust', 'export', '--out', join(enclave.home, 'out')],
      ]) {
        const refused = await run(...args);
        expect(refused.stderr).toContain('[STORE_UNSAFE]');
        expect(refused.status).toBe(4);
      }
      for (const args of [
        ['trust', 'status'],
        ['audit', 'verify'],
        ['config', 'show'],
      ]) {
        const shown = await run(...args);
        expect(shown.status).toBe(0);
        expect(shown.stderr).toMatch(/^warning: the trust store is not to be trusted: other users can write/);
      }
    },
  );

  test('is fine where the group is one of this process', async () => {
    chmodSync(enclave.store, 0o775);
    expect((await run('attest', 'verify', attestation())).status).toBe(0);
  });

  test.skipIf(!isRoot)('is not where the group is another', async () => {
    chownSync(enclave.store, 0, 12345);
    chmodSync(enclave.store, 0o775);
    expect((await run('attest', 'verify', attestation())).stderr).toContain('the group 12345 can write');
  });
});

test('a private key in a directory where others can replace it is refused', async () => {
  const directory = join(temporaryDirectory(), 'keys');
  mkdirSync(directory);
  const key = join(directory, 'k.pem');
  writeFileSync(key, formatPrivateKey(generateKey()), { mode: 0o600 });
  loadPrivateKey(key);
  chmodSync(directory, 0o777);
  const error = await refusal('KEY_PERMISSIONS', () => loadPrivateKey(key));
  expect(error.message).toContain('can be replaced: other users can write');
  chmodSync(directory, 0o1777);
  loadPrivateKey(key);
});

describe('audit verify', () => {
  const path = (name: string) => join(enclave.store, name);
  const rewrite = (lines: readonly string[]) => {
    const text = lines.map((line) => `${line}\n`).join('');
    writeFileSync(path('audit.jsonl'), text);
    writeFileSync(path('audit.head'), `${lines.at(-1) ?? ''}\n`);
  };
  const lines = () => readFileSync(path('audit.jsonl'), 'utf8').split('\n').slice(0, -1);

  test('without a store does not say that nothing is intact', async () => {
    const nothing = await makeEnclave(temporaryDirectory()).run(['audit', 'verify']);
    expect(nothing.status).toBe(4);
    expect(nothing.stderr).toContain('[STORE_NOT_INITIALIZED]');
  });

  test('with log and head removed finds it, and doctor does', async () => {
    rmSync(path('audit.jsonl'));
    rmSync(path('audit.head'));
    const verified = await run('audit', 'verify');
    expect(verified.status).toBe(2);
    expect(verified.stderr).toContain('[AUDIT_BROKEN]');
    const doctor = await run('doctor');
    expect(doctor.stdout).toMatch(/^problem {2}audit .*\[AUDIT_BROKEN\]$/m);
    expect(doctor.status).toBe(2);
  });

  /** A second generation, which remembers the lines of the first. */
  async function second() {
    const args = ['trust', 'import', '--root-fingerprint', site.fingerprint];
    await enclave.run([...args, await site.seal('second')], { now: site.now, expect: 0 });
    expect((await run('audit', 'verify')).status).toBe(0);
  }

  test('with the end cut off, or another chain in its place, finds it', async () => {
    await second();
    const all = lines();
    rewrite(all.slice(0, -1));
    expect((await run('audit', 'verify')).stderr).toContain('has no line about generation 2');
    rmSync(path('audit.jsonl'));
    rmSync(path('audit.head'));
    appendAudit(enclave.store, site.now, 'import', { generation: 2 });
    appendAudit(enclave.store, site.now, 'import', { generation: 2 });
    expect((await run('audit', 'verify')).stderr).toContain('is not the one that generation 2 remembers');
  });

  test('goes on missing lines after the next import', async () => {
    await second();
    rmSync(path('audit.jsonl'));
    rmSync(path('audit.head'));
    const third = await site.seal('third');
    await enclave.run(['trust', 'import', third], { now: site.now, expect: 0 });
    const verified = await run('audit', 'verify');
    expect(verified.status).toBe(2);
    expect(verified.stderr).toContain('[AUDIT_BROKEN]');
  });

  test('reads stores that remember nothing', async () => {
    const { audit: _, ...old } = JSON.parse(readFileSync(stateFile(), 'utf8')) as { audit: object };
    writeFileSync(stateFile(), JSON.stringify(old));
    expect((await run('audit', 'verify')).status).toBe(0);
    rewrite([]);
    rmSync(path('audit.head'));
    expect((await run('audit', 'verify')).stderr).toContain('[AUDIT_BROKEN]');
  });

  test('finds a store that was removed from under its log', async () => {
    rmSync(path('CURRENT'));
    const verified = await run('audit', 'verify');
    expect(verified.stderr).toContain('the audit log tells of generation 1');
    expect(verified.status).toBe(2);
  });
});
