/**
 * What must hold of a release: the package contains only what is needed, building twice gives equal files, every
 * dependency has a licence that allows it, nothing is unused, and the built command runs on every supported Node.
 * Writes the CycloneDX bill of materials to dist/sbom.cdx.json. Needs the npm registry for the other versions of Node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const NODES = ['22.22.2', '24.15.0', '26.10.0'];
const LICENCES =
  /^(?:MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Unlicense|\(MIT OR .*\)|\(.* OR MIT\))$/;
const NEEDED =
  /^(?:bin\/(?:stella\.js|package\.json)|dist\/(?:[\w-]+\.js|chunks\/.*\.js|cli\/.*\.cjs|types\/.*\.d\.ts)|schemas\/.*\.schema\.json|scripts\/[\w-]+\.sh|LICENSE|README\.md|CHANGELOG\.md|package\.json)$/;

let failed = 0;
function check(name: string, work: () => string): void {
  try {
    console.log(`ok      ${name}: ${work()}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const run = (command: string, args: readonly string[], cwd = root) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });

/** Runs what has nothing to say on stderr. */
function quiet(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0 || stderr !== '') throw new Error(`exit status ${status}, and on stderr: ${stderr}`);
}

function build(): Map<string, string> {
  run(process.execPath, ['scripts/build.ts']);
  const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' });
  return new Map(
    files
      .filter((file) => /\.(?:c?js|d\.ts)$/.test(file) && statSync(join(root, 'dist', file)).isFile())
      .map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(join(root, 'dist', file)))
          .digest('hex'),
      ]),
  );
}

check('the build is reproducible', () => {
  const [first, second] = [build(), build()];
  const different = [...first].filter(([file, digest]) => second.get(file) !== digest).map(([file]) => file);
  if (different.length > 0 || first.size !== second.size) throw new Error(`differs: ${different.join(', ')}`);
  return `${first.size} files, twice the same`;
});

check('the package contains only what is needed', () => {
  const packed = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])) as unknown;
  const [one] = Object.values(packed as Record<string, { files: { path: string }[]; size: number }>);
  const strange = one!.files.map(({ path }) => path).filter((path) => !NEEDED.test(path));
  if (strange.length > 0) throw new Error(`not needed: ${strange.join(', ')}`);
  return `${one!.files.length} files, ${Math.round(one!.size / 1024)} KiB`;
});

const { name: packageName, private: isPrivate } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as { name: string; private?: boolean };

check('the package cannot be published by mistake, nor mistaken for a stranger’s', () => {
  if (!isPrivate) throw new Error('package.json has no "private": true');
  if (!packageName.startsWith('@'))
    throw new Error(`${packageName} has no scope that a registry can be bound to`);
  return `${packageName} is private`;
});

check('the types need @types/node and nothing else', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stella-types-'));
  try {
    const installed = join(directory, 'node_modules', packageName);
    mkdirSync(installed, { recursive: true });
    cpSync(join(root, 'package.json'), join(installed, 'package.json'));
    cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
    mkdirSync(join(directory, 'node_modules', '@types'));
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name));
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    writeFileSync(join(directory, 'program.ts'), `export * from ${JSON.stringify(packageName)};\n`);
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024'];
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...flags, 'program.ts'], directory);
    return 'a program without skipLibCheck compiles';
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly license?: { readonly id?: string; readonly name?: string };
    readonly expression?: string;
  }[];
}

check('every dependency has a licence that allows its use', () => {
  const text = run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only']);
  writeFileSync(join(root, 'dist', 'sbom.cdx.json'), text);
  const { components } = JSON.parse(text) as { components: Component[] };
  const count = new Map<string, number>();
  for (const { name, version, licenses } of components) {
    const licence =
      licenses?.map((one) => one.expression ?? one.license?.id ?? one.license?.name).join(' AND ') ?? 'none';
    if (!LICENCES.test(licence)) throw new Error(`${name} ${version}: ${licence}`);
    count.set(licence, (count.get(licence) ?? 0) + 1);
  }
  return [...count].map(([licence, number]) => `${number} ${licence}`).join(', ');
});

check('no file and no dependency is unused', () => {
  run('npx', ['knip', '--no-progress', '--include', 'files,dependencies,devDependencies']);
  return 'knip finds none';
});

check('every run-time dependency is imported by what is shipped', () => {
  run('npx', ['knip', '--production', '--no-progress', '--include', 'dependencies,unlisted']);
  return 'knip finds none that only tests or scripts use';
});

for (const version of platform() === 'linux' ? NODES : []) {
  check(`Node ${version}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'stella-node-'));
    try {
      const name = `node-linux-${arch()}`;
      const packed = run(
        'npm',
        ['pack', '--silent', '--prefer-offline', `${name}@${version}`],
        directory,
      ).trim();
      run('tar', ['-xzf', packed], directory);
      const node = join(directory, 'package', 'bin', 'node');
      const bin = join(root, 'bin', 'stella.js');
      const found = run(node, [bin, '--version']).trim();
      run(node, [bin, 'log', 'init', join(directory, 'log'), '--origin', 'log.example.com/x']);
      writeFileSync(join(directory, 'lines'), 'one\ntwo\n');
      run(node, [bin, 'log', 'append', join(directory, 'log'), '--lines', join(directory, 'lines')]);
      run(node, [bin, 'log', 'verify', join(directory, 'log')]);
      run(node, [bin, 'repo', 'init', join(directory, 'repo'), '--no-passphrase']);
      run(node, [bin, 'repo', 'verify', join(directory, 'repo', 'public')]);
      const library = `
        import { updateTimestamp } from ${JSON.stringify(pathToFileURL(join(root, 'dist', 'index.js')).href)};
        const how = { now: Date.now(), passphrase: async () => undefined, force: true };
        await updateTimestamp(${JSON.stringify(join(directory, 'repo'))}, how);`;
      quiet(node, ['--input-type=module', '--eval', library]);
      quiet(node, [bin, 'repo', 'status', '--repo', join(directory, 'repo')]);
      return `stella ${found} runs, and warns of nothing, nor does the library`;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
process.exitCode = failed === 0 ? 0 : 1;
