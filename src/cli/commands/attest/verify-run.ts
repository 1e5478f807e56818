import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { AttestorKey } from '../../../attest/authority/material.ts';
import type { RegistryKey } from '../../../attest/authority/registry-keys.ts';
import {
  instancesOfTrustedRoot,
  loadTrust,
  type TrustInputs,
} from '../../../attest/authority/verifier-trust.ts';
import { type BatchPiece, piecesOf, piecesOfDocument, verifyBatch } from '../../../attest/batch/batch.ts';
import { parseShard, ShardSelection } from '../../../attest/batch/shard.ts';
import type { Artifact } from '../../../attest/document/artifact.ts';
import { expandPaths } from '../../../attest/document/find.ts';
import { ATTESTATION_LIMITS } from '../../../attest/document/limits.ts';
import { loadArtifact, parseDigest, streamArtifact } from '../../../attest/document/load-artifact.ts';
import type { PolicyRule } from '../../../attest/policy/policy.ts';
import type { VerifyOptions } from '../../../attest/verify.ts';
import { DISTANT_FUTURE, DISTANT_PAST, parseDuration } from '../../../base/clock.ts';
import { StellaError } from '../../../base/errors.ts';
import { readBounded, readError } from '../../../base/files.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import { isPipe, openPipe } from '../../../base/streams.ts';
import { isConfigFileThere } from '../../../config/presence.ts';
import { MAX_TRUSTED_ROOT_BYTES } from '../../../trust/trusted-root.ts';
import type { Outcome, Run } from '../../frame/cli.ts';
import type { SignerOptions } from './signer-options.ts';
import { signerRulesOf } from './signer-rules.ts';
import { VerdictReport } from './verdict-report.ts';
import { checkTogether, noLogOf, oneAfterAnother, signatureOf } from './verify-inputs.ts';

export interface AttestVerifyOptions extends SignerOptions {
  readonly artifact?: string;
  readonly digest?: string;
  readonly anyIdentity?: boolean;
  readonly type?: readonly string[];
  readonly key?: string;
  readonly lockfile?: string;
  readonly require?: string;
  readonly registryKeys?: string;
  readonly signature?: string;
  readonly certificate?: string;
  /** Commander's spelling of `--no-log`. */
  readonly log?: boolean;
  readonly trustedRoot?: string;
  readonly maxAge?: string;
  readonly explain?: boolean;
  readonly policy?: string;
  readonly jobs?: string;
  readonly failFast?: boolean;
  readonly shard?: string;
  readonly strict?: boolean;
  readonly 'json=document'?: boolean;
}

const MOST_POLICY_BYTES = 4 * 1024 * 1024;

/** What `stella attest verify` does: gather trust, rules and attestations, judge, print. */
export async function verifyCommand(run: Run<object>, paths: readonly string[]): Promise<Outcome> {
  const options = run.options as AttestVerifyOptions;
  checkTogether(options, paths);
  const jobs = jobsOf(options.jobs);
  const shard = shardOption(run, options, paths);
  const artifact = await artifactOf(run, options);
  const rule = await ruleOfPolicy(run, options, artifact);
  const rules: VerifyOptions = {
    artifact,
    rule,
    ...(await signerRulesOf(options)),
    anyIdentity: options.anyIdentity ?? false,
    predicateTypes: options.type,
    key: options.key === undefined ? undefined : keyOf(resolve(run.io.cwd, options.key), options.key),
    ...noLogOf(run, options),
  };
  const given = signatureOf(run, options);
  const inputs = await trustOf(run, options);
  const trust = loadTrust(inputs.trust);
  for (const problem of trust.problems) run.note(`warning: not usable: ${problem}`);
  if (options.lockfile !== undefined) {
    const { verifyLockfile } = await import('./verify-lockfile.ts');
    const { lockfile, require } = options;
    const { registryKeys = [] } = inputs.trust;
    return await verifyLockfile(run, { lockfile, require, registryKeys }, paths, {
      trust,
      options: { ...rules, requireIdentity: inputs.requireIdentity },
    });
  }
  const report = new VerdictReport(run, {
    trust: trust.origin,
    explain: options.explain ?? false,
    claims: run.options.verbose ?? false,
    strict: options.strict ?? false,
    rule,
    shard,
  });
  const total = run.io.terminal ? countFiles(run, paths) : 0;
  const batchRules = {
    trust: inputs.trust,
    options: { ...rules, requireIdentity: inputs.requireIdentity },
    now: run.now,
    withStatement: run.options.json ?? false,
  };
  if (shard) {
    const { bindShard } = await import('../../../attest/batch/binding.ts');
    shard.bind(bindShard(batchRules, inputs.settings));
  }
  const work = given ? oneAfterAnother([given]) : pieces(run, paths, shard);
  const batch = verifyBatch(work, batchRules, jobs, trust);
  for await (const { documents, skipped } of batch) {
    for (const each of skipped) report.skip(each);
    for (const verdict of documents) {
      report.add(verdict);
      if (options.failFast && report.hasFailure) break;
    }
    run.progress('verifying', report.count, Math.max(total, report.count), 'files');
    if (options.failFast && report.hasFailure) break;
  }
  return report.end(given ? [options.signature!] : paths);
}

/** What only one run can answer is refused: which attestation is the first that fails, or whether there are enough. */
function shardOption(
  run: Run<object>,
  options: AttestVerifyOptions,
  paths: readonly string[],
): ShardSelection | undefined {
  if (options.shard === undefined) return undefined;
  const shard = parseShard(options.shard, run.io.env['JOB_COMPLETION_INDEX']);
  const other = options.failFast
    ? '--fail-fast'
    : options['json=document']
      ? '--json=document'
      : options.policy !== undefined
        ? '--policy'
        : paths.includes('-')
          ? 'standard input'
          : undefined;
  if (other !== undefined) throw new StellaError('USAGE', `--shard and ${other} exclude each other`);
  return new ShardSelection(shard);
}

/** Only a progress bar needs to know how many there will be. */
function countFiles(run: Run<object>, paths: readonly string[]): number {
  let count = 0;
  for (const _ of expandPaths(paths, run.io.cwd)) count += 1;
  return count;
}

function jobsOf(text: string | undefined): number {
  if (text === undefined) return availableParallelism();
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw new StellaError('USAGE', `--jobs takes a number from 1 to 999, not ${text}`);
  return Number(text);
}

async function ruleOfPolicy(
  run: Run<object>,
  options: AttestVerifyOptions,
  artifact: Artifact | undefined,
): Promise<PolicyRule | undefined> {
  if (options.policy === undefined) return undefined;
  const { parsePolicy } = await import('../../../attest/policy/policy-file.ts');
  const { ruleFor } = await import('../../../attest/policy/policy.ts');
  const policy = parsePolicy(
    readBounded(resolve(run.io.cwd, options.policy), MOST_POLICY_BYTES),
    options.policy,
  );
  const { artifact: given } = options;
  // What comes by digest, through a pipe or from a device has no name, whatever the device is called.
  if (given === undefined || given === '-' || !artifact || typeof artifact.realPath !== 'string')
    return ruleFor(policy, undefined);
  return ruleFor(policy, { given, cwd: run.io.cwd, real: artifact.realPath });
}

async function* pieces(
  run: Run<object>,
  paths: readonly string[],
  shard: ShardSelection | undefined,
): AsyncGenerator<BatchPiece> {
  const { cwd } = run.io;
  if (shard) {
    yield* shard.pieces(piecesOf(shard.files(expandPaths(paths, cwd))));
    return;
  }
  const [files, streams] = [[] as string[], [] as string[]];
  for (const path of paths) (path === '-' || isPipe(resolve(cwd, path)) ? streams : files).push(path);
  for (const path of streams) {
    const name = path === '-' ? 'stdin' : path;
    const stream = path === '-' ? run.io.stdin : openPipe(resolve(cwd, path));
    const document = await readAll(stream, name);
    yield* piecesOfDocument({ name, found: false, size: document.length }, document);
  }
  yield* piecesOf(expandPaths(files, cwd));
}

async function readAll(stream: NodeJS.ReadableStream, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const piece of stream) {
      const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
      total += chunk.length;
      if (total > ATTESTATION_LIMITS.documentBytes)
        throw new StellaError(
          'FILE_TOO_LARGE',
          `${name} has more than ${ATTESTATION_LIMITS.documentBytes} bytes`,
        );
      chunks.push(chunk);
    }
  } catch (cause) {
    throw readError(name, cause);
  }
  return Buffer.concat(chunks);
}

async function artifactOf(run: Run<object>, options: AttestVerifyOptions): Promise<Artifact | undefined> {
  const { artifact, digest } = options;
  if (artifact !== undefined && digest !== undefined)
    throw new StellaError('USAGE', 'give either --artifact or --digest');
  if (digest !== undefined) return parseDigest(digest);
  if (artifact === undefined) return undefined;
  if (artifact === '-') return await streamArtifact('stdin', run.io.stdin as AsyncIterable<Buffer | string>);
  return { ...(await loadArtifact(resolve(run.io.cwd, artifact))), name: artifact };
}

function keyOf(path: string, name: string): AttestorKey {
  return {
    key: loadPublicKey(path),
    name,
    validFrom: DISTANT_PAST,
    validUntil: DISTANT_FUTURE,
  };
}

/** What the configuration says, where there is one. */
async function requiresIdentity(run: Run<object>): Promise<boolean> {
  const place = { file: run.options.config, env: run.io.env, cwd: run.io.cwd };
  if (!isConfigFileThere(place)) return false;
  const { loadConfigFile } = await import('../../../config/config.ts');
  return loadConfigFile(place)?.parsed.values.require_identity ?? false;
}

async function registryKeysOf(
  run: Run<object>,
  { registryKeys }: AttestVerifyOptions,
): Promise<RegistryKey[]> {
  if (registryKeys === undefined) return [];
  const { loadRegistryKeys } = await import('../../../attest/authority/registry-keys.ts');
  return loadRegistryKeys(resolve(run.io.cwd, registryKeys));
}

/** The trust, and the keys of a registry that were given for what it says of its packages. */
async function trustOf(
  run: Run<object>,
  options: AttestVerifyOptions,
): Promise<{ trust: TrustInputs; requireIdentity: boolean; settings: object }> {
  const found = await signersOf(run, options);
  const given = await registryKeysOf(run, options);
  if (given.length === 0) return found;
  const registryKeys = [...(found.trust.registryKeys ?? []), ...given];
  return { ...found, trust: { ...found.trust, registryKeys } };
}

async function signersOf(
  run: Run<object>,
  options: AttestVerifyOptions,
): Promise<{ trust: TrustInputs; requireIdentity: boolean; settings: object }> {
  if (options.trustedRoot !== undefined) {
    const bytes = readBounded(resolve(run.io.cwd, options.trustedRoot), MAX_TRUSTED_ROOT_BYTES);
    const trust: TrustInputs = {
      origin: { kind: 'trusted-root', name: `trusted root ${options.trustedRoot}` },
      instances: instancesOfTrustedRoot(bytes, options.trustedRoot),
    };
    const requireIdentity = await requiresIdentity(run);
    return { trust, requireIdentity, settings: { requireIdentity } };
  }
  // Configuration, TUF and the store are heavy, and a trusted root needs none of them.
  const { openStoreTrust } = await import('./open-store-trust.ts');
  return await openStoreTrust(run, options.maxAge === undefined ? undefined : parseDuration(options.maxAge));
}
