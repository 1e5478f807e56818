import { basename, resolve } from 'node:path';
import type { RegistryKey } from '../../../attest/authority/registry-keys.ts';
import type { VerifierTrust } from '../../../attest/authority/verifier-trust.ts';
import type { Attestation } from '../../../attest/document/attestation.ts';
import { expandPaths, isInputFile } from '../../../attest/document/find.ts';
import { inputsIn } from '../../../attest/document/inputs.ts';
import { ATTESTATION_LIMITS } from '../../../attest/document/limits.ts';
import { judgeLockfile, type PackageRow } from '../../../attest/packages/judge-lockfile.ts';
import { isRegistryRecord, parseRegistryRecord } from '../../../attest/packages/registry-record.ts';
import type { RegistrySignatures } from '../../../attest/packages/registry-signature.ts';
import {
  LockfileTally,
  PACKAGE_REQUIREMENTS,
  type PackageRequirement,
} from '../../../attest/packages/requirement.ts';
import type { VerifyOptions } from '../../../attest/verify.ts';
import { EXIT } from '../../../base/codes.ts';
import { isStellaError, StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import { parseStrictJson } from '../../../base/json.ts';
import type { JsonObject } from '../../../base/json-fields.ts';
import { MAX_LOCKFILE_BYTES, parseLockfile } from '../../../lockfile/lockfile.ts';
import type { Outcome, Run } from '../../frame/cli.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';

export interface LockfileOptions {
  readonly lockfile: string;
  readonly require?: string | undefined;
  readonly registryKeys: readonly RegistryKey[];
}

/** `stella attest verify --lockfile`: what vouches for each package, a line each, and whether it is enough. */
export async function verifyLockfile(
  run: Run<object>,
  { lockfile, require, registryKeys }: LockfileOptions,
  paths: readonly string[],
  rules: { readonly trust: VerifierTrust; readonly options: VerifyOptions },
): Promise<Outcome> {
  const { cwd } = run.io;
  const requirement = requirementOf(require);
  const packages = await parseLockfile(lockfile, readBounded(resolve(cwd, lockfile), MAX_LOCKFILE_BYTES));
  const material = { ...gather(run, paths), registryKeys };
  const tally = new LockfileTally(requirement);
  for await (const row of judgeLockfile(packages, material, { ...rules, now: run.now })) {
    tally.add(row);
    printRow(run, row);
    run.progress('verifying', tally.count, packages.length, 'files');
  }
  const failure = tally.error();
  if (failure) run.fail(failure);
  return { text: summary(basename(lockfile), tally), exit: failure?.exit ?? EXIT.done };
}

function requirementOf(text = 'signature'): PackageRequirement {
  const found = PACKAGE_REQUIREMENTS.find((each) => each === text);
  if (!found)
    throw new StellaError('USAGE', `--require takes ${PACKAGE_REQUIREMENTS.join(', ')}, not ${text}`);
  return found;
}

/** Everything in the paths that vouches for packages; what cannot be read is told, and vouches for none. */
function gather(
  run: Run<object>,
  paths: readonly string[],
): { readonly attestations: readonly Attestation[]; readonly records: readonly RegistrySignatures[] } {
  const [attestations, records] = [[] as Attestation[], [] as RegistrySignatures[]];
  for (const file of expandPaths(paths, run.io.cwd)) {
    if (!isInputFile(file)) {
      if ('error' in file && file.error.code === 'FILE_NOT_FOUND') throw file.error;
      if ('error' in file) run.note(`warning: ${printable(file.error.message)}`);
      continue;
    }
    const document = readBounded(file.path, ATTESTATION_LIMITS.documentBytes);
    const record = recordIn(document, file.name);
    if (record) {
      records.push(record);
      continue;
    }
    for (const input of inputsIn(file, document)) {
      if ('skipped' in input) continue;
      if ('attestation' in input.parsed) attestations.push(input.parsed.attestation);
      else run.note(`warning: ${printable(input.source)}: ${printable(input.parsed.error.message)}`);
    }
  }
  return { attestations, records };
}

function recordIn(document: Buffer, name: string): RegistrySignatures | undefined {
  // Most of what lies there is attestations, which are large; they are not parsed twice.
  if (!document.includes('"dist"')) return undefined;
  let value: unknown;
  try {
    value = parseStrictJson(document, name, { code: 'PARSE_FAILED', byteOrderMark: 'skip' });
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return undefined;
  }
  const isRecord =
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    isRegistryRecord(value as JsonObject);
  return isRecord ? parseRegistryRecord(value as JsonObject) : undefined;
}

const STATES: Readonly<Record<PackageRow['state'], string>> = {
  verified: 'verified',
  signed: 'signed by the registry',
  unattested: 'no attestation',
  refused: 'REFUSED',
  'not comparable': 'NOT COMPARABLE',
  own: 'own',
};

function printRow(run: Run<object>, row: PackageRow): void {
  const { io, options } = run;
  const { name, version, ecosystem, entry } = row.package;
  if (options.json) {
    run.result({
      package: { ecosystem, name, version, entry },
      state: row.state,
      provenance: row.hasProvenance,
      registry_signature: row.isSigned,
      detail: row.detail,
      ...(row.error ? { code: row.error.code } : {}),
    });
    return;
  }
  if (options.quiet) return;
  const code = row.error ? ` [${row.error.code}]` : '';
  io.stdout(
    `${STATES[row.state].padEnd(22)}  ${printable(`${name}@${version}`)}  ${printable(row.detail)}${code}\n`,
  );
}

function summary(name: string, tally: LockfileTally): string {
  const parts = (Object.keys(STATES) as PackageRow['state'][])
    .filter((state) => tally.of(state) > 0)
    .map((state) => `${formatNumber(tally.of(state))} ${STATES[state].toLowerCase()}`);
  return `${name}: ${formatCount(tally.count, 'package')}: ${parts.join(', ')}`;
}
