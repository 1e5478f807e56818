import { resolve } from 'node:path';
import type { Command } from 'commander';
import { formatInstant, parseDuration } from '../../../base/clock.ts';
import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import type { Config } from '../../../config/config.ts';
import type { AcceptRules } from '../../../consumer/accept.ts';
import type { BundleCheck } from '../../../consumer/check-list.ts';
import type { Checked } from '../../../consumer/import.ts';
import { formatAdmission, freshnessJson } from '../../../trust/freshness.ts';
import { MAX_BYTES } from '../../../tuf/metadata-file.ts';
import type { Run } from '../../frame/cli.ts';
import { repeatable } from '../../frame/repeated.ts';
import { printable } from '../../terminal/output.ts';
import { keepHeapSmall } from './small-heap.ts';

/** The flags of commands that judge a bundle. */
export interface BundleFlags {
  readonly verifyManifest?: boolean;
  readonly rejectIfStale?: string;
  readonly maxAge?: string;
  readonly root?: string;
  readonly rootFingerprint?: string;
  readonly trustOnFirstUse?: boolean;
  readonly bundleKey?: string[];
  readonly bundleKeyFingerprint?: string[];
  readonly dropRepository?: string[];
  readonly offline?: boolean;
}

export function addBundleFlags(command: Command): Command {
  return command
    .option('--verify-manifest', 'print every check on the signed manifest and its entries, passed or not')
    .option(
      '--reject-if-stale <duration>',
      'refuse a bundle sealed longer ago, e.g. 7d (default: freshness_threshold_days)',
    )
    .option(
      '--max-age <duration>',
      "an exception for this run: accept up to this age, also past the producer's advice",
    )
    .option('--root <file>', 'root metadata that you vouch for (first import)')
    .option(
      '--root-fingerprint <sha256:hex>',
      'SHA-256 of the root metadata that you vouch for (first import)',
    )
    .option('--trust-on-first-use', 'believe the root that the bundle brings (first import)')
    .addOption(
      repeatable('--bundle-key <file>', 'public key whose bundles are accepted besides those that TUF names'),
    )
    .option(
      '--bundle-key-fingerprint <sha256:hex>',
      'what you were told that a --bundle-key is; any other is refused',
      (given: string, before: string[] | undefined) => [...(before ?? []), given],
    )
    .addOption(
      repeatable(
        '--drop-repository <name>',
        'a further repository that the store holds and the bundle carries no more',
      ),
    )
    .option('--offline', 'use no network; only bundles at oci://… are fetched over one');
}

/** @throws StellaError USAGE, FILE_*, KEY_INVALID */
export async function acceptRules(run: Run<BundleFlags>, config: Config): Promise<AcceptRules> {
  const { options, io } = run;
  const path = (name: string) => resolve(io.cwd, name);
  const vouchers = [options.root, options.rootFingerprint, options.trustOnFirstUse].filter(
    (one) => one !== undefined,
  );
  if (vouchers.length > 1) {
    throw new StellaError('USAGE', '--root, --root-fingerprint and --trust-on-first-use exclude each other');
  }
  const { ask } = io;
  // The command tree must not load TUF.
  const { formatFingerprint, parseFingerprint } = await import('../../../trust/pin.ts');
  const told = options.bundleKeyFingerprint?.map((text): string => parseFingerprint(text));
  const bundleKeys = (options.bundleKey ?? []).map((file) => {
    const key = loadPublicKey(path(file));
    if (told === undefined || told.includes(key.id)) return key;
    throw new StellaError(
      'BUNDLE_SIGNER_UNTRUSTED',
      `${file} is ${formatFingerprint(key.id)}, which is not the bundle key that you were told`,
      {
        hint: 'do not import: ask the connected side, over another channel than the medium, which key seals',
      },
    );
  });
  if (told !== undefined && bundleKeys.length === 0)
    throw new StellaError('USAGE', '--bundle-key-fingerprint says what a --bundle-key is: give that, too');
  return {
    now: run.now,
    config,
    onProgress: (done, total) => run.progress('checking', done, total),
    bundleKeys,
    ...(options.dropRepository ? { dropRepositories: new Set(options.dropRepository) } : {}),
    askForKey:
      ask &&
      (async (question) => {
        const file = (await ask(question)).trim();
        return file === '' ? undefined : loadPublicKey(path(file));
      }),
    rejectAfter: options.rejectIfStale === undefined ? undefined : parseDuration(options.rejectIfStale),
    maxAge: options.maxAge === undefined ? undefined : parseDuration(options.maxAge),
    vouchers: {
      root: options.root === undefined ? undefined : readBounded(path(options.root), MAX_BYTES.root),
      fingerprint:
        options.rootFingerprint === undefined ? undefined : parseFingerprint(options.rootFingerprint),
      firstUse: options.trustOnFirstUse,
      confirm: ask && (async (question) => /^y(?:es)?$/i.test((await ask(question)).trim())),
    },
  };
}

/** Prints every check as it is done, or, where nobody asked for that, all of them once one has failed. */
export function checkReporter(run: Run<object>, always: boolean): (result: BundleCheck) => void {
  const passed: string[] = [];
  const relax = keepHeapSmall();
  return (result) => {
    if (result.check === 'manifest') relax();
    passed.push(checkLine(result));
    if (always || result.status === 'failed') for (const line of passed.splice(0)) run.note(line);
  };
}

/** Why a check failed is said by the error, which comes next. */
function checkLine({ check, status, detail }: BundleCheck): string {
  return status === 'passed' ? `ok     ${check.padEnd(12)}  ${printable(detail)}` : `FAILED ${check}`;
}

/** What is true of a bundle that passed. */
export function acceptedJson({ acceptance, checks }: Checked): Record<string, unknown> {
  const { manifest, manifestSha256, signers, freshness, window, repositories } = acceptance;
  return {
    manifest_sha256: manifestSha256,
    sealed_at: manifest.sealed_at,
    sequence: manifest.sequence,
    producer: manifest.producer,
    signers: signers.map((key) => key.id),
    freshness: freshnessJson(freshness, window),
    logs: manifest.logs.map(({ origin, tree_size, root_hash, first_index }) => ({
      origin,
      tree_size,
      root_hash,
      first_index,
    })),
    attestations: manifest.attestations ?? [],
    ...(repositories.length === 0
      ? {}
      : {
          repositories: repositories.map(({ name, carried, pin, asOf, expired, held }) => ({
            name,
            url: carried.url,
            pin,
            is_new: held === undefined,
            as_of: formatInstant(asOf),
            expired: expired ?? null,
          })),
        }),
    checks,
  };
}

export function acceptedText({ acceptance }: Checked): string[] {
  const { manifest, freshness, window, repositories } = acceptance;
  return [
    `bundle number ${manifest.sequence} of ${printable(manifest.producer.name)}, ${manifest.entries.length} entries`,
    formatAdmission(freshness, window),
    ...repositories.map(
      ({ name, carried, pin, asOf, expired, held }) =>
        `repository ${name} (${printable(carried.url)}) as of ${formatInstant(asOf)}${held ? '' : ', new here'}: root ${pin.version}, sha256:${pin.sha256} (${pin.how})${expired === undefined ? '' : `; BLOCKED: ${expired} had expired`}`,
    ),
  ];
}
