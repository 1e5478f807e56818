import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatSha256, parseSha256Hex } from '../../src/base/bytes.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import type { ExportLedger, Manifest } from '../../src/base/schema-types.ts';
import { checkCarriedLogs } from '../../src/consumer/carried-logs.ts';
import { mirrorRekorV1 } from '../../src/logs/rekor-v1.ts';
import { checkCarriedLog, logDirectory } from '../../src/logs/store.ts';
import { exportedHeads } from '../../src/producer/ledger.ts';
import type { StoreState } from '../../src/store/store.ts';
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts';
import { formatNote, logKeysOf, rekorV1KeyOf } from '../../src/tlog/note.ts';
import { refusal } from '../support/errors.ts';
import { plainFetcher } from '../support/plain-fetcher.ts';
import { ReferenceTree, referenceLeaf } from '../support/reference-tree.ts';
import { temporaryDirectory } from '../support/temp.ts';

const HOST = 'rekor.example';
const key = generateKey('ecdsa-p256');
const leavesOf = (name: string) =>
  Array.from({ length: 600 }, (_, i) => referenceLeaf(Buffer.from(`${name} ${i}`)));
const trees = { '111': new ReferenceTree(leavesOf('old')), '222': new ReferenceTree(leavesOf('new')) };
type TreeId = keyof typeof trees;
const headOf = (id: TreeId, size: number) => ({ size: BigInt(size), rootHash: trees[id].root(size) });

async function signedTreeHead(
  id: TreeId,
  size: number,
  origin = `${HOST} - ${id}`,
  tree = trees[id],
  name = HOST,
) {
  const extensions = ['Timestamp: 1689177396617352539'];
  const text = formatCheckpoint({ origin, size: BigInt(size), rootHash: tree.root(size), extensions });
  const { keyId } = rekorV1KeyOf(HOST, key.publicKey);
  const signature = await signerOf(key).sign(Buffer.from(text));
  return Buffer.from(formatNote({ text, signatures: [{ name, keyId, signature }] })).toString();
}

interface Setting {
  readonly size?: number;
  readonly log?: (answer: Record<string, unknown>) => unknown;
  readonly tree?: ReferenceTree;
  /** The host name of the pod that signs. */
  readonly pod?: string;
}

/** As much of Rekor v1's interface as a mirror uses. */
async function serve({
  size = 500,
  log = (answer) => answer,
  tree = trees['222'],
  pod = HOST,
}: Setting = {}): Promise<string> {
  const active = await signedTreeHead('222', size, `${pod} - 222`, tree, pod);
  const inactive = await signedTreeHead('111', 600);
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    const send = (value: unknown) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/api/v1/log') {
      const shard = { rootHash: '', signedTreeHead: inactive, treeID: '111', treeSize: 600 };
      send(
        log({ rootHash: '', signedTreeHead: active, treeID: '222', treeSize: size, inactiveShards: [shard] }),
      );
    } else if (url.pathname === '/api/v1/log/proof') {
      const query = (name: string) => url.searchParams.get(name)!;
      const proven = query('treeID') === '222' ? tree : trees['111'];
      const hashes = proven.proof(Number(query('firstSize')), Number(query('lastSize')));
      send({ rootHash: '', hashes: hashes.map((hash) => Buffer.from(hash).toString('hex')) });
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const mirror = (url: string, root: string, earlier: ReturnType<typeof headOf>[] = []) =>
  mirrorRekorV1({
    url,
    fetcher: plainFetcher,
    keys: [key.publicKey],
    consistentFrom: ({ origin }) => (origin.endsWith('222') ? earlier : [headOf('111', 600)]),
    into: (origin) => logDirectory(root, origin),
  });

test('every shard is carried as its checkpoint and proofs of growth, and checked on the other side', async () => {
  const root = temporaryDirectory();
  const earlier = [0, 1, 256, 300, 500].map((size) => headOf('222', size));
  const [active, inactive] = await mirror(await serve(), root, earlier);
  expect(active).toMatchObject({ origin: `${HOST} - 222`, size: 500n, firstIndex: 500n });
  expect(active!.files).toEqual([
    'checkpoint',
    'consistency/1-500',
    'consistency/256-500',
    'consistency/300-500',
  ]);
  expect(inactive).toMatchObject({ origin: `${HOST} - 111`, size: 600n, files: ['checkpoint'] });
  for (const { origin } of [active!, inactive!]) {
    const directory = logDirectory(root, origin);
    const rules = { keys: logKeysOf(origin, key.publicKey), origin, mayLackTiles: true };
    expect(await checkCarriedLog(directory, rules)).toMatchObject({ tiles: 0, leaves: 0n });
    await refusal('TILE_INVALID', () => checkCarriedLog(directory, { ...rules, mayLackTiles: false }));
  }
  const rules = {
    keys: logKeysOf(active!.origin, key.publicKey),
    origin: active!.origin,
    mayLackTiles: true,
  };
  const directory = logDirectory(root, active!.origin);
  for (const previous of earlier) await checkCarriedLog(directory, { ...rules, previous });
  await refusal('LOG_CONSISTENCY_UNPROVEN', () =>
    checkCarriedLog(directory, { ...rules, previous: headOf('222', 299) }),
  );
  await refusal('LOG_FORK', () =>
    checkCarriedLog(directory, { ...rules, previous: { size: 300n, rootHash: trees['111'].root(300) } }),
  );
  await refusal('LOG_ROLLBACK', () => checkCarriedLog(directory, { ...rules, previous: headOf('222', 501) }));
});

describe('pods that sign under names of their own', () => {
  const POD = 'rekor-00001-deployment-56bf7777c9-jds5x';
  const logId = key.publicKey.id;
  const ledgerOf = (origin: string, size: number): ExportLedger => ({
    format: 'stella-exports/v1',
    last_sequence: 1,
    exports: [
      {
        sequence: 1,
        manifest_sha256: formatSha256(Buffer.alloc(32)),
        sealed_at: '2026-01-10T08:00:00Z',
        logs: [
          {
            origin,
            tree_size: size,
            root_hash: formatSha256(trees['222'].root(size)),
            log_id: parseSha256Hex(logId)!,
          },
        ],
      },
    ],
  });
  const mirrorFrom = (url: string, root: string, ledger: ExportLedger) =>
    mirrorRekorV1({
      url,
      fetcher: plainFetcher,
      keys: [generateKey('ecdsa-p256').publicKey, key.publicKey],
      consistentFrom: (shard) => exportedHeads(ledger, shard),
      into: (origin) => logDirectory(root, origin),
    });

  test('are of one tree, whose growth is proven across them, here and on the other side', async () => {
    const root = temporaryDirectory();
    const [active] = await mirrorFrom(
      await serve({ pod: POD }),
      join(root, 'logs'),
      ledgerOf(`${HOST} - 222`, 300),
    );
    const origin = `${POD} - 222`;
    expect(active).toMatchObject({ origin, consistentFrom: [300n] });
    rmSync(logDirectory(join(root, 'logs'), `${HOST} - 111`), { recursive: true });
    const head = { origin, tree_size: 500, root_hash: formatSha256(trees['222'].root(500)), log_id: logId };
    const manifest = {
      logs: [{ ...head, url: 'https://rekor.test', first_index: 500, consistent_from: [300] }],
    } as unknown as Manifest;
    const held = (size: number, tree: TreeId = '222', id: string = logId) =>
      ({
        logs: [
          {
            origin: `${HOST} - 222`,
            url: 'https://rekor.test',
            log_id: id,
            tree_size: size,
            root_hash: formatSha256(trees[tree].root(size)),
            first_index: size,
            checkpoint: '',
          },
        ],
      }) as unknown as StoreState;
    const check = (state: StoreState) =>
      checkCarriedLogs(
        manifest,
        {
          directory: root,
          logsDirectory: join(root, 'store'),
          keys: [key.publicKey],
          named: [],
          policy: undefined,
          mirror: undefined,
        },
        state,
      );
    expect((await check(held(300))).detail).toContain('continues what is held');
    await refusal('LOG_FORK', () => check(held(300, '111')));
    await refusal('LOG_ROLLBACK', () => check(held(501)));
    await refusal('LOG_CONSISTENCY_UNPROVEN', () => check(held(299)));
    // A tree of the same number that another log has is another tree.
    expect((await check(held(300, '111', 'ab'.repeat(32)))).detail).not.toContain('continues');
  });

  test('do not hide a tree that was rewritten', async () => {
    const tree = new ReferenceTree(leavesOf('rewritten'));
    const url = await serve({ pod: POD, tree });
    await refusal('LOG_FORK', () => mirrorFrom(url, temporaryDirectory(), ledgerOf(`${HOST} - 222`, 300)));
    const shrunk = await serve({ pod: POD, size: 299 });
    await refusal('LOG_ROLLBACK', () =>
      mirrorFrom(shrunk, temporaryDirectory(), ledgerOf(`${HOST} - 222`, 300)),
    );
  });

  test('sign for their own tree only', async () => {
    const url = await serve({ log: (answer) => ({ ...answer, treeID: '11222' }) });
    await refusal('CHECKPOINT_ORIGIN', () => mirrorFrom(url, temporaryDirectory(), ledgerOf('x', 1)));
  });
});

describe('attacks', () => {
  test.each([
    ['a log that became smaller', 'LOG_ROLLBACK', { size: 299 }],
    ['a log that was rewritten', 'LOG_FORK', { tree: new ReferenceTree(leavesOf('rewritten')) }],
    ['an answer that is not JSON of this form', 'SCHEMA_INVALID', { log: () => ({ treeID: 5 }) }],
    ['a tree id that is none', 'SCHEMA_INVALID', { log: (a: object) => ({ ...a, treeID: '1/../2' }) }],
    [
      'the checkpoint of another shard',
      'CHECKPOINT_ORIGIN',
      { log: (a: object) => ({ ...a, treeID: '111' }) },
    ],
    ['a checkpoint that is no note', 'NOTE_INVALID', { log: (a: object) => ({ ...a, signedTreeHead: 'x' }) }],
  ] as const)('%s', async (_, code, setting) => {
    const root = temporaryDirectory();
    const url = await serve(setting);
    await refusal(code, () => mirror(url, root, [headOf('222', 300)]));
    const directory = logDirectory(root, `${HOST} - 222`);
    expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
    expect(existsSync(join(directory, 'checkpoint'))).toBe(false);
  });

  test('a checkpoint signed by another key', async () => {
    const url = await serve();
    await refusal('CHECKPOINT_SIGNATURE', () =>
      mirrorRekorV1({
        url,
        fetcher: plainFetcher,
        keys: [generateKey('ecdsa-p256').publicKey],
        into: () => temporaryDirectory(),
      }),
    );
  });
});
