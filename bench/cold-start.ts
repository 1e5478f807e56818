/**
 * How long the command takes to start and answer, beside the Node that it runs on doing nothing. Alternating runs, so
 * that what else the machine does falls on all alike. Then what a second instance costs, in verification and import.
 * Usage: node bench/cold-start.ts [RUNS]; `npm run build` first, and `npm run build:sea` for the executable.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatPrivateKey, formatPublicKey, generateKey, loadPrivateKey } from '../src/base/keys.ts';
import { makeAttestations } from './attest-fixture.ts';
import { printTable } from './table.ts';

const runs = Number(process.argv[2] ?? 20);
const root = fileURLToPath(new URL('../', import.meta.url));
const executable = join(root, 'dist', 'stella');
const directory = mkdtempSync(join(tmpdir(), 'stella-cold-'));
const inDirectory = (name: string) => join(directory, name);
const built = [process.execPath, join(root, 'bin', 'stella.js')];

function run(name: string, [command, ...args]: readonly string[], env: NodeJS.ProcessEnv): number {
  const began = performance.now();
  const { status, error } = spawnSync(command!, args, { env, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${name}: exit status ${status}`, { cause: error });
  return performance.now() - began;
}

/** A trust store with a trusted root and a key, followed from a repository on disk. */
function makeStore(rootFile: string, keyFile: string): void {
  const repository = inDirectory('repository');
  const targets = [`trusted_root.json=${rootFile},trusted-root`, `attestor.pub=${keyFile},attestor`];
  const init = [
    'repo',
    'init',
    repository,
    '--no-passphrase',
    ...targets.flatMap((one) => ['--target', one]),
  ];
  run('repo init', [...built, ...init], {});
  const url = `file://${join(repository, 'public')}`;
  run('trust init', [...built, 'trust', 'init', '--tuf-url', url], { XDG_DATA_HOME: directory });
  const settings = `attestor:\n  trust_repo:\n    tuf_url: ${url}\n    local_cache_path: ${inDirectory('stella')}\n`;
  writeFileSync(inDirectory('stella.yaml'), settings);
}

/** A store of that repository and of another one, and a bundle of each store. */
function makeStores(rootFile: string): {
  readonly two: NodeJS.ProcessEnv;
  readonly bundles: readonly string[];
} {
  const other = inDirectory('other');
  run(
    'repo init',
    [
      ...built,
      'repo',
      'init',
      other,
      '--no-passphrase',
      '--target',
      `trusted_root.json=${rootFile},trusted-root`,
    ],
    {},
  );
  const two = { XDG_DATA_HOME: inDirectory('two') };
  const url = (name: string) => `file://${join(inDirectory(name), 'public')}`;
  const init = ['trust', 'init', '--tuf-url', url('repository'), '--instance', `other=${url('other')}`];
  run('trust init', [...built, ...init], two);
  const key = inDirectory('seal.key');
  writeFileSync(key, formatPrivateKey(generateKey()), { mode: 0o600 });
  writeFileSync(inDirectory('seal.pub'), formatPublicKey(loadPrivateKey(key).publicKey));
  const bundles = [{ XDG_DATA_HOME: directory }, two].map((env, i) => {
    const out = inDirectory(`${i + 1}.tar.zst`);
    run('export', [...built, 'trust', 'snapshot', 'export', '--out', out, '--signing-key', key], env);
    return out;
  });
  return { two, bundles };
}

try {
  const [attestations, flag, rootFile, keyFlag, keyFile] = await makeAttestations(directory, 1);
  makeStore(rootFile!, keyFile!);
  const { two, bundles } = makeStores(rootFile!);
  const config = ['--config', inDirectory('stella.yaml')];
  const verify = ['attest', 'verify', attestations!];
  const importing = (bundle: string) => [
    ...[...built, 'trust', 'import', bundle, '--trust-on-first-use', '--bundle-key', inDirectory('seal.pub')],
  ];
  const stores: Readonly<Record<string, NodeJS.ProcessEnv>> = {
    'stella attest verify, trust store of two instances': two,
    'stella trust import, one instance': { XDG_DATA_HOME: inDirectory('imported') },
    'stella trust import, two instances': { XDG_DATA_HOME: inDirectory('imported') },
  };
  const cases: Readonly<Record<string, readonly string[]>> = {
    'node -e 0': [process.execPath, '-e', '0'],
    'stella --version': [...built, '--version'],
    'stella --help': [...built, '--help'],
    'stella attest verify, trusted root': [...built, ...verify, flag!, rootFile!, keyFlag!, keyFile!],
    'stella attest verify, trust store': [...built, ...verify],
    'stella attest verify, trust store of two instances': [...built, ...verify],
    'stella trust import, one instance': importing(bundles[0]!),
    'stella trust import, two instances': importing(bundles[1]!),
    'stella attest verify, trust store, configuration file': [...built, ...verify, ...config],
    'stella trust status': [...built, 'trust', 'status'],
    'stella trust status, configuration file': [...built, 'trust', 'status', ...config],
    ...(existsSync(executable)
      ? {
          'the executable --version': [executable, '--version'],
          'the executable attest verify, trust store': [executable, ...verify],
        }
      : {}),
  };
  const times = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  for (let i = 0; i < runs; i += 1)
    for (const [name, command] of Object.entries(cases)) {
      times.get(name)!.push(run(name, command, stores[name] ?? { XDG_DATA_HOME: directory }));
      rmSync(inDirectory('imported'), { recursive: true, force: true });
    }
  const at = (all: readonly number[], share: number) => all[Math.floor(share * (all.length - 1))]!;
  const sorted = [...times].map(([name, all]) => [name, all.toSorted((a, b) => a - b)] as const);
  const floor = at(sorted[0]![1], 0.5);
  printTable([
    ['command', 'least', 'median', '90 %', 'times node'],
    ...sorted.map(([name, all]) => [
      name,
      ...[0, 0.5, 0.9].map((share) => `${at(all, share).toFixed(0)} ms`),
      (at(all, 0.5) / floor).toFixed(2),
    ]),
  ]);
} finally {
  rmSync(directory, { recursive: true });
}
