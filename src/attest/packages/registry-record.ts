import { type Instant, parseInstant } from '../../base/clock.ts';
import { isStellaError } from '../../base/errors.ts';
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
