import { resolve } from 'node:path';
import type { BatchPiece } from '../../../attest/batch/batch.ts';
import { ATTESTATION_LIMITS } from '../../../attest/document/limits.ts';
import { parseSignatureFiles } from '../../../attest/document/signature-file.ts';
import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import type { Run } from '../../frame/cli.ts';
import type { AttestVerifyOptions } from './verify-run.ts';

/** A DSSE envelope in base64, as `cosign attest-blob` writes it. */
const MAX_SIGNATURE_FILE_BYTES = 2 * ATTESTATION_LIMITS.payloadBytes;

/**
 * Checks that what was given goes together: no flag is taken and then passed over.
 * @throws StellaError USAGE
 */
export function checkTogether(options: AttestVerifyOptions, paths: readonly string[]): void {
  const { signature, certificate, lockfile, require } = options;
  if (certificate !== undefined && signature === undefined)
    throw new StellaError('USAGE', '--certificate needs --signature');
  if (require !== undefined && lockfile === undefined)
    throw new StellaError('USAGE', '--require needs --lockfile');
  const mode = lockfile !== undefined ? '--lockfile' : signature !== undefined ? '--signature' : undefined;
  if (signature !== undefined && paths.length > 0)
    throw new StellaError('USAGE', 'give either --signature or files with attestations');
  const others = (
    [
      ['--shard', options.shard],
      ...(mode === '--lockfile'
        ? ([
            ['--signature', signature],
            ['--artifact', options.artifact],
            ['--digest', options.digest],
            ['--policy', options.policy],
            ['--key', options.key],
            ['--jobs', options.jobs],
            ['--strict', options.strict],
            ['--fail-fast', options.failFast],
            ['--explain', options.explain],
          ] as const)
        : []),
    ] as const
  ).filter(([, given]) => given !== undefined);
  if (mode !== undefined && others.length > 0)
    throw new StellaError('USAGE', `${mode} and ${others[0]![0]} exclude each other`);
  if (mode === '--lockfile' && paths.includes('-'))
    throw new StellaError('USAGE', '--lockfile and standard input exclude each other');
}

/** Pieces of work that are there already. */
export async function* oneAfterAnother(all: readonly BatchPiece[]): AsyncGenerator<BatchPiece> {
  yield* all;
}

/** A signature with its certificate, each in a file of its own, in place of attestations. */
export function signatureOf(
  run: Run<object>,
  { signature, certificate }: AttestVerifyOptions,
): BatchPiece | undefined {
  if (signature === undefined) return undefined;
  const read = (path: string) => readBounded(resolve(run.io.cwd, path), MAX_SIGNATURE_FILE_BYTES);
  const attestation = parseSignatureFiles(
    read(signature),
    certificate === undefined ? undefined : read(certificate),
  );
  return { inputs: [{ source: signature, parsed: { attestation } }] };
}

/** Without a log it would not show that a key signs what it should not; so it is asked for, and said. */
export function noLogOf(run: Run<object>, { log, key, policy }: AttestVerifyOptions): { requireLog?: false } {
  if (log !== false) return {};
  if (key === undefined)
    throw new StellaError('USAGE', '--no-log needs --key: for certificates their instance decides', {
      hint: 'give --key FILE too, or leave out --no-log',
    });
  if (policy !== undefined)
    throw new StellaError('USAGE', '--no-log and --policy exclude each other', {
      hint: 'write "require_log": false into the rule of the policy',
    });
  run.note('warning: no log is asked for (--no-log): a misused key would not show');
  return { requireLog: false };
}
