/**
 * A Sigstore client with the command line that the public Sigstore conformance suite drives, over `stella attest verify`:
 *
 *   sigstore-client verify-bundle [--staging] --bundle FILE (--certificate-identity ID --certificate-oidc-issuer URL | --key FILE)
 *       [--trusted-root FILE] FILE_OR_DIGEST
 *
 * Without --trusted-root, the public-good trusted root that is built in. Exit status 0 when it verifies.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { run } from '../../src/cli/main.ts';
import { builtInTrustedRoot } from '../../src/tuf/built-in.ts';

/** Runs the client. @returns the exit status */
export async function client(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const directory = mkdtempSync(join(tmpdir(), 'stella-conformance-'));
  try {
    if (command !== 'verify-bundle') throw new Error(`not supported: ${command ?? 'no command'}`);
    return await verifyBundle(rest, directory);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function verifyBundle(rest: readonly string[], directory: string): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...rest],
    allowPositionals: true,
    options: {
      bundle: { type: 'string' },
      'certificate-identity': { type: 'string' },
      'certificate-oidc-issuer': { type: 'string' },
      key: { type: 'string' },
      'trusted-root': { type: 'string' },
      staging: { type: 'boolean' },
    },
  });
  const [subject] = positionals;
  if (values.bundle === undefined || subject === undefined || positionals.length !== 1)
    throw new Error('needed: --bundle FILE and one FILE_OR_DIGEST');
  let trustedRoot = values['trusted-root'];
  if (trustedRoot === undefined) {
    if (values.staging)
      throw new Error('no trusted root of Sigstore staging is built in: give --trusted-root FILE');
    trustedRoot = join(directory, 'trusted_root.json');
    writeFileSync(trustedRoot, builtInTrustedRoot());
  }
  const isDigest = /^sha(?:256|384|512):[0-9a-f]+$/i.test(subject) && !existsSync(subject);
  const about = isDigest ? ['--digest', subject.toLowerCase()] : ['--artifact', subject];
  const args = ['attest', 'verify', values.bundle, ...about];
  args.push('--trusted-root', trustedRoot, '--offline');
  for (const name of ['certificate-identity', 'certificate-oidc-issuer', 'key'] as const) {
    const value = values[name];
    if (value !== undefined) args.push(`--${name}`, value);
  }
  return await run(args, {
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    stdin: process.stdin,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    terminal: false,
  });
}

if (import.meta.main) process.exitCode = await client(process.argv.slice(2));
