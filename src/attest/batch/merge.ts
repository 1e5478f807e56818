import { excerpt } from '../../base/bytes.ts';
import { days, formatDuration, parseInstant } from '../../base/clock.ts';
import { CODES } from '../../base/codes.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { parseStrictJson } from '../../base/json.ts';
import { checkSchema } from '../../base/schema.ts';
import type { ShardDocument, VerdictDocument } from '../../base/schema-types.ts';
import { fileChunks, splitLines } from '../../base/streams.ts';
import { ATTESTATION_LIMITS } from '../document/limits.ts';
import { SHARD_VERSION } from './binding.ts';

/** What the shards came to together. */
export interface Merged {
  readonly shards: number;
  readonly verdicts: number;
  readonly verified: number;
  /** The first verdicts that are no, at most 100. */
  readonly failures: readonly FailedVerdict[];
}

/** Of a verdict that is no, what is worth telling; the rest of it may be very large. */
export type FailedVerdict = Pick<VerdictDocument, 'source' | 'error'>;

const MAX_SHOWN_FAILURES = 100;
const MAX_SHOWN_CHARACTERS = 1000;
const MAX_VALUES = 2_000_000;
/** Shards of one run that were judged further apart than this are not taken together. */
const MAX_APART = days(1);

/**
 * Joins what the shards of one verification printed with `--json`: every shard is there once and whole, and all of them
 * have shared the same inputs and judged them by the same rules, trust and configuration, within a day.
 * @param files a path each
 * @throws StellaError SHARDS_INCOMPLETE, SHARDS_DIFFER, NOTHING_VERIFIED, FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function mergeShards(files: readonly string[]): Merged {
  const shards = new Map<number, ShardDocument['shard'] & { readonly file: string }>();
  const failures: FailedVerdict[] = [];
  let [verdicts, verified] = [0, 0];
  for (const file of files) {
    const shard = readShard(file, (verdict) => {
      if (!verdict.verified && failures.length < MAX_SHOWN_FAILURES) failures.push(failureIn(verdict));
    });
    const twin = shards.get(shard.index);
    if (twin) throw incomplete(`${twin.file} and ${file} are both shard ${shard.index}`);
    shards.set(shard.index, { ...shard, file });
    verdicts += shard.verdicts;
    verified += shard.verified;
  }
  checkComplete([...shards.values()]);
  if (verdicts === 0) throw new StellaError('NOTHING_VERIFIED', 'the shards hold no verdict');
  return { shards: shards.size, verdicts, verified, failures };
}

function failureIn({ source, error }: VerdictDocument): FailedVerdict {
  if (!error) return { source: excerpt(source, MAX_SHOWN_CHARACTERS) };
  const { code, message, hints, exit } = error;
  return {
    source: excerpt(source, MAX_SHOWN_CHARACTERS),
    error: {
      code,
      exit,
      message: excerpt(message, MAX_SHOWN_CHARACTERS),
      hints: hints.slice(0, 20).map((hint) => excerpt(hint, MAX_SHOWN_CHARACTERS)),
    },
  };
}

/** The verdicts of files that {@link mergeShards} has accepted, line by line. */
export function* verdictLines(files: readonly string[]): Generator<VerdictDocument> {
  for (const file of files)
    for (const value of verdictsIn(file)) if (!isTrailer(value)) yield verdictOf(value, file);
}

function checkComplete(shards: readonly (ShardDocument['shard'] & { readonly file: string })[]): void {
  const [first, ...others] = shards;
  if (!first) throw incomplete('there is no shard');
  for (const other of others) {
    if (other.count !== first.count)
      throw incomplete(`${first.file} is one of ${first.count} shards, ${other.file} one of ${other.count}`);
    if (other.inputs_sha256 !== first.inputs_sha256)
      throw incomplete(`${first.file} and ${other.file} are shards of different inputs`);
    checkSameRun(first, other);
  }
  const present = new Set(shards.map(({ index }) => index));
  const missing: number[] = [];
  for (let i = 1; i <= first.count; i += 1) if (!present.has(i)) missing.push(i);
  if (missing.length === 0) return;
  const named = missing.slice(0, 20).join(', ');
  throw new StellaError(
    'SHARDS_INCOMPLETE',
    `${missing.length} of ${first.count} shards are missing: ${named}${missing.length > 20 ? ', …' : ''}`,
    { details: { missing } },
  );
}

const BOUND = {
  rules_sha256: 'rules',
  trust_sha256: 'trust',
  config_sha256: 'settings',
} as const;

/** @throws StellaError SHARDS_DIFFER */
function checkSameRun(first: ShardDocument['shard'] & { file: string }, other: typeof first): void {
  for (const [member, what] of Object.entries(BOUND) as [keyof typeof BOUND, string][])
    if (first[member] !== other[member])
      throw new StellaError(
        'SHARDS_DIFFER',
        `${first.file} and ${other.file} were judged by different ${what}`,
        {
          details: { field: member, expected: first[member], found: other[member] },
        },
      );
  const apart = Math.abs(parseInstant(first.judged_at) - parseInstant(other.judged_at));
  if (apart > MAX_APART)
    throw new StellaError(
      'SHARDS_DIFFER',
      `${first.file} was judged at ${first.judged_at}, ${other.file} at ${other.judged_at}: more than ${formatDuration(MAX_APART)} apart`,
    );
}

/** @throws StellaError SHARDS_INCOMPLETE unless the last line says what the lines before it are, and is right */
function readShard(file: string, onVerdict: (verdict: VerdictDocument) => void): ShardDocument['shard'] {
  let trailer: ShardDocument['shard'] | undefined;
  let [verdicts, verified] = [0, 0];
  for (const value of verdictsIn(file)) {
    if (trailer) throw incomplete(`${file} goes on after its last line`);
    if (isTrailer(value)) {
      checkVersion(value, file);
      trailer = checkSchema('shard', value, file, 'SHARDS_INCOMPLETE').shard;
      continue;
    }
    const verdict = verdictOf(value, file);
    verdicts += 1;
    if (verdict.verified) verified += 1;
    onVerdict(verdict);
  }
  if (!trailer) throw incomplete(`${file} does not end as the output of a finished shard does`);
  if (trailer.index > trailer.count)
    throw incomplete(`${file} is shard ${trailer.index} of ${trailer.count}`);
  if (trailer.verdicts !== verdicts || trailer.verified !== verified) {
    throw incomplete(
      `${file} holds ${verdicts} verdicts (${verified} verified), its last line speaks of ${trailer.verdicts} (${trailer.verified} verified)`,
    );
  }
  return trailer;
}

function* verdictsIn(file: string): Generator {
  for (const { number, bytes } of splitLines(fileChunks(file), ATTESTATION_LIMITS.documentBytes)) {
    if (!bytes)
      throw new StellaError(
        'FILE_TOO_LARGE',
        `${file}: line ${number} is longer than ${ATTESTATION_LIMITS.documentBytes} bytes`,
      );
    const start = excerpt(bytes.subarray(0, 200).toString('utf8').trim());
    // A container's log holds what was printed for people, too.
    if (start === '' || /^(?:error|hint|warning|note|cause): /.test(start)) continue;
    yield parseStrictJson(bytes, `${file}: line ${number}: ${start}`, {
      code: 'SHARDS_INCOMPLETE',
      // A verdict repeats a statement, inside of itself, that may have had as many values as any document.
      freeValues: MAX_VALUES,
      maxDepth: ATTESTATION_LIMITS.jsonDepth + 1,
    });
  }
}

const isTrailer = (value: unknown): value is { readonly shard: unknown } =>
  value !== null && typeof value === 'object' && 'shard' in value;

const ONE_VERSION = 'run all shards again with one version of stella, then merge';

/** @throws StellaError SHARDS_DIFFER for a shard that does not say what it was judged by, as earlier versions made them */
function checkVersion({ shard }: { readonly shard: unknown }, file: string): void {
  if (shard === null || typeof shard !== 'object' || ('version' in shard && shard.version === SHARD_VERSION))
    return;
  throw new StellaError(
    'SHARDS_DIFFER',
    `${file} was made by another version, and does not say by which rules and trust it was judged as this one does`,
    { hint: ONE_VERSION },
  );
}

function checkVerdict(value: unknown, file: string): VerdictDocument {
  try {
    return checkSchema('verdict', value, file, 'SHARDS_INCOMPLETE');
  } catch (error) {
    if (!isStellaError(error)) throw error;
    // The last line, which says the version, comes after them.
    throw error.with({ hint: ONE_VERSION });
  }
}

function verdictOf(value: unknown, file: string): VerdictDocument {
  const verdict = checkVerdict(value, file);
  // Whoever counts by one of the two must not come to another answer than who counts by the other.
  if (verdict.verified === (verdict.error !== undefined))
    throw incomplete(`${file}: the verdict on ${excerpt(verdict.source)} contradicts itself`);
  if (verdict.error && !Object.hasOwn(CODES, verdict.error.code))
    throw incomplete(`${file}: no error of this stella: ${excerpt(verdict.error.code)}`);
  return verdict;
}

function incomplete(message: string): StellaError {
  return new StellaError('SHARDS_INCOMPLETE', message);
}
