import { excerpt, parseSha256Hex, type Sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { parseStrictJson } from '../base/json.ts';

/** What a registry's list tells of a bundle without a download. Nothing vouches for it: importing checks the bundle. */
export interface BundleFacts {
  /** RFC 3339. */
  readonly sealedAt: string;
  readonly sequence: number;
  readonly rootVersion: number;
  /** SHA-256 of manifest.json, 64 hexadecimal digits. */
  readonly manifestSha256: Sha256Hex;
  /** Tree size of each log by origin. */
  readonly trees: Readonly<Record<string, number>>;
  /** The bundle that a delta builds on. */
  readonly base?: { readonly sequence: number; readonly manifestSha256: Sha256Hex } | undefined;
}

const CREATED = 'org.opencontainers.image.created';
const PREFIX = 'vnd.stella.bundle.';
const MAX_LOGS = 1000;

/** The annotations of an OCI manifest. Inverse of {@link parseAnnotations}. */
export function formatAnnotations(facts: BundleFacts): Record<string, string> {
  return {
    [CREATED]: facts.sealedAt,
    [`${PREFIX}sealed-at`]: facts.sealedAt,
    [`${PREFIX}sequence`]: String(facts.sequence),
    [`${PREFIX}root-version`]: String(facts.rootVersion),
    [`${PREFIX}manifest-sha256`]: facts.manifestSha256,
    [`${PREFIX}tree-sizes`]: formatCanonicalJson(facts.trees),
    ...(facts.base === undefined
      ? {}
      : {
          [`${PREFIX}base-sequence`]: String(facts.base.sequence),
          [`${PREFIX}base-manifest-sha256`]: facts.base.manifestSha256,
        }),
  };
}

/** @throws StellaError OCI_MANIFEST, naming the annotation */
export function parseAnnotations(annotations: Readonly<Record<string, string>>): BundleFacts {
  const text = (name: string): string | undefined =>
    Object.hasOwn(annotations, PREFIX + name) ? annotations[PREFIX + name] : undefined;
  const base = text('base-manifest-sha256');
  const sealedAt = text('sealed-at') ?? '';
  try {
    parseInstant(sealedAt);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    throw invalid('sealed-at', sealedAt);
  }
  return {
    sealedAt,
    sequence: wholeNumber('sequence', text('sequence')),
    rootVersion: wholeNumber('root-version', text('root-version')),
    manifestSha256: digest('manifest-sha256', text('manifest-sha256')),
    trees: parseTrees(text('tree-sizes')),
    ...(base === undefined
      ? {}
      : {
          base: {
            sequence: wholeNumber('base-sequence', text('base-sequence')),
            manifestSha256: digest('base-manifest-sha256', base),
          },
        }),
  };
}

function wholeNumber(name: string, text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw invalid(name, text);
  return Number(text);
}

function digest(name: string, text: string | undefined): Sha256Hex {
  const found = parseSha256Hex(text ?? '');
  if (found === undefined) throw invalid(name, text);
  return found;
}

function parseTrees(text: string | undefined): Record<string, number> {
  let value: unknown;
  try {
    value = parseStrictJson(text ?? '', PREFIX, { code: 'OCI_MANIFEST', maxDepth: 1 });
  } catch {
    throw invalid('tree-sizes', text);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalid('tree-sizes', text);
  const trees = Object.entries(value as Record<string, unknown>);
  if (
    trees.length > MAX_LOGS ||
    !trees.every(([, size]) => Number.isSafeInteger(size) && (size as number) >= 0)
  )
    throw invalid('tree-sizes', text);
  return Object.fromEntries(trees) as Record<string, number>;
}

function invalid(name: string, text: string | undefined): StellaError {
  return new StellaError(
    'OCI_MANIFEST',
    text === undefined || text === ''
      ? `the OCI manifest has no annotation ${PREFIX}${name}`
      : `the OCI manifest's annotation ${PREFIX}${name} is malformed: ${excerpt(text)}`,
  );
}
