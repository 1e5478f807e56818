import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOUR, instant } from '../../src/base/clock.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { generateKey } from '../../src/base/keys.ts';
import { TufClient } from '../../src/tuf/client.ts';
import { metadataFileName } from '../../src/tuf/metadata-file.ts';
import { TufJsOracle } from '../oracle/ask.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, REPOSITORY_URL, TufRepository } from '../support/tuf-repository.ts';

const runs = Number(process.env['STELLA_DIFFERENTIAL_RUNS'] ?? 25);

type Outcome = { versions: Record<string, number> } | 'refused';

let oracle: TufJsOracle;
beforeAll(() => {
  oracle = new TufJsOracle();
});
afterAll(() => oracle.stop());

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const served = (repository: TufRepository) =>
  Object.fromEntries([...repository.files].map(([path, bytes]) => [path, base64(bytes)]));

/** tuf-js's own client, with its state in files and in a process of its own. */
function tufJs(repository: TufRepository): (now: number) => Promise<Outcome> {
  const state = join(temporaryDirectory(), 'state');
  const firstRoot = base64(repository.firstRoot);
  return async (now) => {
    const question = { state, firstRoot, files: served(repository), now, targets: ['team/x'] };
    const { versions } = await oracle.ask(question);
    return versions ? { versions } : 'refused';
  };
}

/** The client under test, with its state in memory. */
function stellaClient(repository: TufRepository): (now: number) => Promise<Outcome> {
  const held = new Map<string, Uint8Array>([['root', repository.firstRoot]]);
  return async (now) => {
    try {
      const client = new TufClient({
        url: REPOSITORY_URL,
        trustedRoot: held.get('root')!,
        referenceTime: instant(now),
        source: async (role, version) => repository.files.get(metadataFileName(role, version)),
        held: (role) => (role === 'root' ? undefined : held.get(role)),
        onTrusted: (role, _, bytes) => void held.set(role, bytes),
      });
      await client.refresh();
      await client.find('team/x');
      const versions = client.roles
        .filter(({ name }) => name !== 'team')
        .map(({ name, version }) => [name, version]);
      return { versions: Object.fromEntries(versions) };
    } catch (error) {
      if (isStellaError(error)) return 'refused';
      throw error;
    }
  };
}

const roles = fc.constantFrom('root', 'timestamp', 'snapshot', 'targets');
type Step = (repository: TufRepository, past: Map<string, Uint8Array>[]) => void;
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>((repository) => void repository.publish()),
  fc.constant<Step>((repository) => repository.publishTimestamp()),
  fc.constant<Step>((repository) => repository.publishSnapshot()),
  // Not timestamp and snapshot: tuf-js keeps the other's metadata as a guard, where §5.3.11 says that both are forgotten.
  fc.constantFrom('root', 'targets').map<Step>((role) => (repository) => {
    repository.rotate(role);
    repository.publish();
  }),
  // What was served before is served again.
  fc.nat(20).map<Step>((n) => (repository, past) => {
    const old = past[n % past.length]!;
    for (const [path, bytes] of old) if (!path.endsWith('root.json')) repository.files.set(path, bytes);
  }),
  // One file is damaged, removed, or another one.
  fc.tuple(fc.nat(50), fc.nat(2), fc.nat(50)).map<Step>(([n, how, other]) => (repository) => {
    const paths = [...repository.files.keys()].filter((path) => path.endsWith('.json')).slice(-6);
    const path = paths[n % paths.length]!;
    if (how === 0) repository.files.set(path, repository.files.get(path)!.subarray(0, 40));
    else if (how === 1) repository.files.delete(path);
    else repository.files.set(path, repository.files.get(paths[other % paths.length]!)!);
  }),
  roles.map<Step>((role) => (repository) => {
    const honest = repository.keys[role as 'root'];
    repository.keys[role as 'root'] = [generateKey()];
    if (role === 'root') {
      repository.root.version += 1;
      repository.publishRoot();
      repository.root.version -= 1;
    } else repository.publish();
    repository.keys[role as 'root'] = honest;
  }),
  // Not the snapshot: of two that have the same version tuf-js keeps the one it holds, whatever the timestamp's hash says.
  fc.constantFrom('timestamp', 'targets').map<Step>((role) => (repository) => {
    repository[role as 'targets'].version = Math.max(0, repository[role as 'targets'].version - 3);
    repository.publish();
  }),
);

test('accepts and refuses as tuf-js does, step by step, whatever a repository does', {
  timeout: 60_000 + runs * 1000,
}, async () => {
  const seen = { accepted: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(steps, fc.nat(9)), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (sequence, hashes) => {
        const repository = new TufRepository();
        repository.withHashes = hashes;
        repository.delegate('team', { paths: ['team/*'] });
        repository.publish();
        const clients = [tufJs(repository), stellaClient(repository)] as const;
        const past: Map<string, Uint8Array>[] = [];
        let now: number = NOW;
        for (const [step, hours] of sequence) {
          past.push(new Map(repository.files));
          step(repository, past);
          now += hours * HOUR;
          const [theirs, ours] = [await clients[0](now), await clients[1](now)];
          expect(ours).toEqual(theirs);
          seen[ours === 'refused' ? 'refused' : 'accepted'] += 1;
        }
      },
    ),
    { numRuns: runs },
  );
  expect(seen.accepted).toBeGreaterThan(10);
  expect(seen.refused).toBeGreaterThan(10);
});

const names = ['a', 'b', 'a/b', 'a/c', 'b/c', 'constructor'];
const patterns = fc.constantFrom('*', 'a', 'b', 'a/*', '*/c', '*/*', 'constructor');
const graph = fc.array(
  fc.record({
    from: fc.nat(5),
    to: fc.nat(5),
    paths: fc.array(patterns, { maxLength: 2 }),
    terminating: fc.boolean(),
  }),
  { maxLength: 12 },
);
const listings = fc.array(fc.tuple(fc.nat(6), fc.constantFrom(...names)), { maxLength: 12 });

test('finds targets in any graph of delegations as tuf-js does', {
  timeout: 60_000 + runs * 1000,
}, async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(graph, listings, async (edges, targets) => {
      const repository = new TufRepository();
      const known = new Set(['targets']);
      for (const { from, to, paths, terminating } of edges) {
        const parent = from === 0 ? 'targets' : `r${from}`;
        if (!known.has(parent)) continue;
        repository.delegate(`r${to + 1}`, {
          ...(from === 0 ? {} : { parent }),
          paths,
          terminating,
        });
        known.add(`r${to + 1}`);
      }
      for (const [role, name] of targets) {
        const owner = role === 0 ? 'targets' : `r${role}`;
        if (known.has(owner)) repository.addTarget(name, owner, undefined, owner);
      }
      repository.publish();
      const { found: theirs } = await oracle.ask({
        state: join(temporaryDirectory(), 'state'),
        firstRoot: base64(repository.firstRoot),
        files: served(repository),
        now: NOW,
        targets: names.filter((name) => name !== 'constructor'),
      });
      expect(theirs).toBeDefined();
      const client = new TufClient({
        url: REPOSITORY_URL,
        trustedRoot: repository.firstRoot,
        referenceTime: NOW,
        source: async (role, version) => repository.files.get(metadataFileName(role, version)),
      });
      await client.refresh();
      for (const name of names) {
        const ours = await client.find(name);
        // tuf-js takes what every object has for a target.
        if (name !== 'constructor') expect(ours?.hashes['sha256']).toBe(theirs![name]);
        if (ours) found += 1;
      }
    }),
    { numRuns: runs },
  );
  expect(found).toBeGreaterThan(5);
});
