import type { BuildOptions, Plugin, PluginContext } from 'rolldown';
import { commitOf } from './commit.ts';
import { compiledSchemas } from './compiled-schemas.ts';
import { THREADS } from './threads.ts';

/**
 * How the command is bundled, so that it starts fast: CommonJS, which Node loads in half the time of ES modules; what one
 * kind of call needs in one file; what it may not need only when it is used; and the packages that every call needs
 * inside. Versions are exact, so that an update of those takes a new stella anyway. The others stay packages.
 */
export function commandBundle(root: string, directory: string): BuildOptions {
  const closures = new Map<string, ReadonlySet<string>>();
  return {
    cwd: root,
    input: {
      stella: 'src/cli/process/stella.ts',
      ...THREADS,
    },
    platform: 'node',
    transform: { define: buildFacts(root) },
    external: (id) => !/^[./]/.test(id) && !INSIDE.test(id),
    // The same code as ES modules, of which what is not used is left out.
    resolve: { alias: { yaml: `${root}node_modules/yaml/browser/dist/index.js` } },
    plugins: [compiledSchemas(), closuresOf(closures), lazyRequires()],
    checks: { ineffectiveDynamicImport: false },
    output: {
      dir: directory,
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name]-[hash].cjs',
      comments: { legal: true, jsdoc: false, annotation: false },
      codeSplitting: {
        groups: GROUPS.map(([name], i) => ({
          name,
          priority: GROUPS.length - i,
          test: (id) => closures.get(name)!.has(id),
        })),
      },
    },
  };
}

/** What the build writes into the command, see src/cli/version.ts. */
export function buildFacts(root: string): Record<string, string> {
  return { STELLA_COMMIT: JSON.stringify(commitOf(root)) };
}

/** Packages that are bundled, with theirs. */
const INSIDE = /^(?:commander|yaml|tuf-js|@tufjs\/[\w-]+|minimatch|brace-expansion|balanced-match)(?:\/|$)/;

/** Files of the bundle: what the modules named here import, less what an earlier group has. */
const GROUPS: readonly (readonly [name: string, roots: RegExp])[] = [
  // With the lists that help is made from.
  ['main', /\/src\/(?:cli\/process\/stella|config\/sources)\.ts$/],
  ['attest', /\/src\/cli\/commands\/attest\/(?:index|verify-run)\.ts$/],
  ['config', /\/src\/config\/config\.ts$/],
  ['store', /\/src\/cli\/(?:commands\/attest\/open-store-trust|frame\/trust-setting)\.ts$/],
  ['status', /\/src\/(?:cli\/report\/status-text|cli\/commands\/trust\/index|trust\/status)\.ts$/],
  ['tree', /\/src\/cli\/tree\.ts$/],
];

/** Finds the modules of each group, when all are known. */
function closuresOf(closures: Map<string, ReadonlySet<string>>): Plugin {
  return {
    name: 'closures',
    buildEnd() {
      for (const [name, roots] of GROUPS) {
        const found = closureOf(this, roots);
        // What runs when it is loaded stays alone: other entries load the rest, too.
        for (const id of found) if (this.getModuleInfo(id)?.isEntry) found.delete(id);
        closures.set(name, found);
      }
    },
  };
}

function closureOf(context: PluginContext, roots: RegExp): Set<string> {
  const found = new Set<string>();
  const next = [...context.getModuleIds()].filter((id) => roots.test(id));
  if (next.length === 0) throw new Error(`no module is called ${roots}`);
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    next.push(...(context.getModuleInfo(id)?.importedIds ?? []));
  }
  return found;
}

const ALWAYS_NEEDED: ReadonlySet<string> = new Set(['node:crypto', 'node:fs', 'node:os', 'node:path']);
/** What files of the bundle are called in others that call into them seldom enough for a detour. */
const CALLED_SELDOM = /^require_(?:attest|config|store|status)$/;

/**
 * What comes from outside, and the larger files of the bundle, are loaded when they are first used: node:child_process
 * alone takes longer than reading a file.
 */
export function lazyRequires(): Plugin {
  return {
    name: 'lazy-requires',
    renderChunk: (code) =>
      code.replace(
        /^(?:let|const) (\w+) = require\("([^"]+)"\);\n(?:\1 = .*\n)?/gm,
        (whole, name: string, id: string) =>
          ALWAYS_NEEDED.has(id) || (id.startsWith('.') && !CALLED_SELDOM.test(name)) ? whole : lazy(name, id),
      ),
    // At last, since what is rendered is printed once more, with every character as it is.
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) if (chunk.type === 'chunk') chunk.code = asAscii(chunk.code);
    },
  };
}

/** A default import is of CommonJS, whose default is all of it. */
function lazy(name: string, id: string): string {
  const load = `${name}$loaded ??= require("${id}")`;
  const member = id.startsWith('.') ? `(${load})[key]` : `key === "default" ? ${load} : (${load})[key]`;
  return `let ${name}$loaded;\nconst ${name} = new Proxy({}, { get: (_, key) => ${member} });\n`;
}

/** A text beyond ASCII takes V8 twice as long to read. Such characters only stand where they can be escaped. */
function asAscii(code: string): string {
  return code.replace(/[^\n -~\t]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
