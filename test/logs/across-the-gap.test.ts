import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKey, loadPrivateKey, signerOf } from '../../src/base/keys.ts';
import { logDirectory, tileReader } from '../../src/logs/store.ts';
import { listTileFiles } from '../../src/logs/tile-directory.ts';
import { appendEntries, initLog } from '../../src/logs/writer.ts';
import { parseCheckpoint } from '../../src/tlog/checkpoint.ts';
import { makeCosignature } from '../../src/tlog/cosignature.ts';
import { treeRoot } from '../../src/tlog/merkle.ts';
import { formatNote, formatVerifierKey, parseNote, witnessKeyOf } from '../../src/tlog/note.ts';
import { type Enclave, makeEnclave, makeSite, ORIGIN, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

let base: string;
let site: Site;
let log: string;
const witness = generateKey();

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { entries: 1200 });
  log = join(base, 'site', 'log');
});

let count = 0;
const enclave = (): Enclave => {
  count += 1;
  return makeEnclave(base, `enclave-${count}`);
};
const importArgs = (file: string) => ['trust', 'import', file, '--root-fingerprint', site.fingerprint];

test('an embedded log of 1,201 entries: mirrored, carried, its root recomputed from tiles, its entries searched', async () => {
  const file = await site.seal('entries', ['--depth', '10000', '--entries']);
  const there = enclave();
  const imported = await there.run([...importArgs(file), '--json']);
  expect(imported.stdout).toContain('root recomputed');
  const held = logDirectory(join(there.store, 'logs'), ORIGIN);
  const signed = parseCheckpoint(readFileSync(join(log, 'checkpoint')));
  expect(signed.size).toBe(1201n);
  const root = await treeRoot(tileReader(held, signed), signed.size);
  expect(Buffer.from(root)).toEqual(Buffer.from(signed.rootHash));
  const found = await there.run(['log', 'search', '--json']);
  expect(found.json()).toMatchObject({ searched: 1201, found: [{ index: 1200, kind: 'dsse 0.0.2' }] });
});

test('without --entries there is nothing to search, and that is said', async () => {
  const there = enclave();
  await there.run(importArgs(await site.seal('bare')));
  const found = await there.run(['log', 'search']);
  expect(found.stdout).toBe('0 entries found among 0\n');
  expect(found.stderr).toContain('--entries');
});

describe('witnesses', () => {
  const cosign = async () => {
    const note = parseNote(readFileSync(join(log, 'checkpoint')));
    const cosignature = await makeCosignature(
      note.text,
      'witness.example/w',
      signerOf(witness),
      1_790_000_000n,
    );
    writeFileSync(
      join(log, 'checkpoint'),
      formatNote({ ...note, signatures: [...note.signatures, cosignature] }),
    );
  };
  /** A configuration in the home directory of a side that asks for the witness. */
  const demand = (home: string, rest = '') => {
    const key = formatVerifierKey(witnessKeyOf('witness.example/w', witness.publicKey));
    writeFileSync(join(home, 'policy'), `witness w ${key}\nquorum w\n`);
    writeFileSync(join(home, 'witnessed.yaml'), `attestor:\n  trust_repo:\n    tlog_policy: policy\n${rest}`);
    return ['--config', join(home, 'witnessed.yaml')];
  };

  test('a checkpoint without its quorum is neither exported nor imported; with it, status shows who signed', async () => {
    const there = enclave();
    const unwitnessed = await site.seal('unwitnessed');
    const refused = await there.run([...importArgs(unwitnessed), ...demand(there.home)], { expect: 2 });
    expect(refused.stderr).toContain('[WITNESS_QUORUM]');
    const args = ['trust', 'snapshot', 'export', '--out', 'never.tar.zst', ...demand(site.home)];
    expect((await site.run(args, { expect: 2 })).stderr).toContain('[WITNESS_QUORUM]');
    expect(existsSync(join(site.home, 'never.tar.zst'))).toBe(false);

    const plain = readFileSync(join(log, 'checkpoint'));
    await cosign();
    try {
      const file = await site.seal('witnessed', demand(site.home));
      await there.run([...importArgs(file), ...demand(there.home)]);
    } finally {
      writeFileSync(join(log, 'checkpoint'), plain);
    }
    const status = await there.run(['trust', 'status', ...demand(there.home)]);
    expect(status.stdout).toContain(
      `${ORIGIN}: cosigned by w at 2026-09-21T14:13:20Z; the tlog policy is met`,
    );
    const json = (await there.run(['trust', 'status', '--json', ...demand(there.home)])).json();
    expect(json).toMatchObject({
      logs: [
        { origin: ORIGIN, quorum_met: true, witnesses: [{ name: 'w', cosigned_at: '2026-09-21T14:13:20Z' }] },
      ],
    });
  });
});

describe('a log that does not only grow', () => {
  /** Replaces the served log by another one of the same origin and key. */
  async function rewrite(entries: number): Promise<void> {
    rmSync(log, { recursive: true });
    const signer = signerOf(loadPrivateKey(join(site.home, 'log.key')));
    await initLog(log, { origin: ORIGIN, signer, keyFile: join(site.home, 'log.key') });
    await appendEntries(
      log,
      Array.from({ length: entries }, (_, i) => Buffer.from(`other ${i}`)),
      signer,
    );
  }

  test.each([
    ['rewritten', 'LOG_FORK', 1300],
    ['rolled back', 'LOG_ROLLBACK', 1000],
  ] as const)('%s: refused with both checkpoints, before anything is sealed', async (_, code, entries) => {
    const kept = join(base, 'kept-log');
    cpSync(log, kept, { recursive: true });
    await site.seal('before');
    try {
      await rewrite(entries);
      const args = ['trust', 'snapshot', 'export', '--out', 'forked.tar.zst', '--json'];
      const refused = await site.run(args, { expect: 2 });
      const { error } = refused.json() as { error: { code: string; details: object } };
      expect(error.code).toBe(code);
      expect(error.details).toMatchObject({
        origin: ORIGIN,
        previous: { size: '1201' },
        current: { size: String(entries) },
      });
      expect(readdirSync(site.home)).not.toContain('forked.tar.zst');
      const audit = readFileSync(join(site.home, '.local/share/stella/audit.jsonl'), 'utf8');
      const last = JSON.parse(audit.trimEnd().split('\n').at(-1)!);
      expect(JSON.stringify(last)).toContain(code);
      expect(JSON.stringify(last)).toContain(`${ORIGIN}\\\\n${entries}\\\\n`.replaceAll('\\\\', '\\'));
    } finally {
      rmSync(log, { recursive: true });
      cpSync(kept, log, { recursive: true });
      rmSync(kept, { recursive: true });
    }
  });

  test('an enclave that holds the true log refuses a bundle of the rewritten one, and records it', async () => {
    const there = enclave();
    await there.run(importArgs(await site.seal('true')));
    // A producer that never saw the true log seals the rewritten one.
    const other = temporaryTree();
    cpSync(base, other, { recursive: true, filter: (path) => !path.includes('enclave') });
    const kept = join(base, 'kept-log');
    cpSync(log, kept, { recursive: true });
    try {
      await rewrite(1300);
      rmSync(join(site.home, '.local'), { recursive: true });
      const root = join(site.home, 'repo', 'public', '1.root.json');
      await site.run(['trust', 'init', '--tuf-url', `file://${base}/site/tuf/`, '--root', root]);
      const forged = join(site.home, 'forged.tar.zst');
      const setting = { now: site.now + 60_000 };
      await site.run(
        ['trust', 'snapshot', 'export', '--out', forged, '--signing-key', 'bundle-signer.key'],
        setting,
      );
      await site.run(
        ['trust', 'snapshot', 'export', '--out', `${forged}2`, '--signing-key', 'bundle-signer.key'],
        setting,
      );
      const refused = await there.run(['trust', 'import', `${forged}2`], {
        expect: 2,
        now: site.now + 120_000,
      });
      expect(refused.stderr).toMatch(/\[(?:LOG_FORK|BUNDLE_ROLLBACK)\]/);
      const audit = readFileSync(join(there.store, 'audit.jsonl'), 'utf8');
      expect(audit).toMatch(/LOG_FORK|BUNDLE_ROLLBACK/);
    } finally {
      rmSync(log, { recursive: true });
      cpSync(kept, log, { recursive: true });
    }
    expect([...listTileFiles(logDirectory(join(there.store, 'logs'), ORIGIN))].length).toBeGreaterThan(5);
  });
});
