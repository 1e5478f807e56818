import { excerpt } from '../../base/bytes.ts';
import { type Instant, parseInstant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { parseStrictJson } from '../../base/json.ts';
import { FieldReader, type JsonObject } from '../../base/json-fields.ts';
import type { RegistrySignatures } from './registry-signature.ts';

const read = new FieldReader('PARSE_FAILED');
const MAX_SIGNATURES = 20;

/** Whether a JSON object is what a registry says of one version of a package: `npm view NAME@VERSION --json`. */
export function isRegistryRecord(fields: JsonObject): boolean {
  const { name, version, dist } = fields;
  return (
    typeof name === 'string' &&
    typeof version === 'string' &&
    dist !== null &&
    typeof dist === 'object' &&
    'integrity' in dist
  );
}

/**
 * The record of one version of a package (npm's registry, GET /NAME/VERSION) → what is signed of it.
 * @throws StellaError PARSE_FAILED
 */
export function parseRegistryRecord(fields: JsonObject): RegistrySignatures {
  const dist = read.object(fields['dist'], 'dist');
  return {
    name: read.string(fields['name'], 'name'),
    version: read.string(fields['version'], 'version'),
    integrity: read.string(dist['integrity'], 'dist.integrity'),
    signatures: read.array(dist['signatures'] ?? [], 'dist.signatures', MAX_SIGNATURES).map((item, i) => {
      const at = `dist.signatures.${i}`;
      const signature = read.object(item, at);
      return {
        keyId: read.string(signature['keyid'], `${at}.keyid`, 256),
        signature: read.bytes(signature['sig'], `${at}.sig`, 4096),
      };
    }),
    published: publishedIn(fields['published']),
  };
}

function publishedIn(value: unknown): Instant | undefined {
  if (value === undefined) return undefined;
  try {
    return parseInstant(read.string(value, 'published'));
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return read.refuse('published', 'is not a time');
  }
}

/**
 * One version in a packument (npm's registry, GET /NAME) → its record, and when it was published as the registry has it.
 * @throws StellaError PARSE_FAILED, FETCH_NOT_FOUND where there is no such version
 */
export function parseVersionInPackument(
  document: Uint8Array,
  version: string,
): { readonly record: RegistrySignatures; readonly published: string | undefined } {
  const rules = { code: 'PARSE_FAILED', duplicates: 'last', freeValues: 10_000_000 } as const;
  const packument = read.object(parseStrictJson(document, 'the packument', rules), 'the packument');
  const versions = new Map(Object.entries(read.object(packument['versions'], 'versions')));
  const fields = versions.get(version);
  if (fields === undefined)
    throw new StellaError(
      'FETCH_NOT_FOUND',
      `the registry has no version ${excerpt(version)} of this package`,
    );
  const times = packument['time'] === undefined ? [] : Object.entries(read.object(packument['time'], 'time'));
  const published = new Map(times).get(version);
  return {
    record: parseRegistryRecord(read.object(fields, 'the version')),
    published: typeof published === 'string' ? published : undefined,
  };
}

/** The inverse of {@link parseRegistryRecord}, with what verification needs and nothing else. */
export function formatRegistryRecord(record: RegistrySignatures, published: string | undefined): string {
  return `${JSON.stringify({
    name: record.name,
    version: record.version,
    dist: {
      integrity: record.integrity,
      signatures: record.signatures.map(({ keyId, signature }) => ({
        keyid: keyId,
        sig: Buffer.from(signature).toString('base64'),
      })),
    },
    ...(published === undefined ? {} : { published }),
  })}\n`;
}
