import { DISTANT_FUTURE, DISTANT_PAST, type Instant, parseInstant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { readBounded } from '../../base/files.ts';
import { parseStrictJson } from '../../base/json.ts';
import { FieldReader } from '../../base/json-fields.ts';
import { type PublicKey, parsePublicKey } from '../../base/keys.ts';
import type { TufView } from '../../tuf/view.ts';
import { PUBLISH_PREDICATE } from '../document/npm-document.ts';
import type { AttestorKey } from './material.ts';

/** What a key of a registry is for; others are passed over. */
export type RegistryKeyUsage = 'npm:attestations' | 'npm:signatures';

/** A key of a package registry, with the period in which it signed. */
export interface RegistryKey {
  /** What signatures name it by: `SHA256:` and base64 without padding. Several keys may bear one. */
  readonly keyId: string;
  readonly usage: RegistryKeyUsage;
  readonly key: PublicKey;
  readonly validFrom: Instant;
  readonly validUntil: Instant;
}

const read = new FieldReader('TARGET_INVALID');
const MAX_KEYS = 1000;
/** npm's has 2,000. */
const MAX_BYTES = 1024 * 1024;

/** A file with {@link parseRegistryKeys}. @throws StellaError TARGET_INVALID, KEY_INVALID, FILE_* */
export function loadRegistryKeys(path: string): RegistryKey[] {
  return parseRegistryKeys(readBounded(path, MAX_BYTES), path);
}

/**
 * `keys.json`, as npm publishes it in a TUF repository: keys by id, usage and period (Sigstore's `PublicKey` in JSON).
 * @throws StellaError TARGET_INVALID, KEY_INVALID
 */
export function parseRegistryKeys(document: Uint8Array, what: string): RegistryKey[] {
  const value = read.object(parseStrictJson(document, what, { code: 'TARGET_INVALID' }), what);
  return read.array(value['keys'], `${what}: keys`, MAX_KEYS).flatMap((item, i) => {
    const at = `${what}: keys.${i}`;
    const fields = read.object(item, at);
    const usage = read.string(fields['keyUsage'], `${at}.keyUsage`);
    if (usage !== 'npm:attestations' && usage !== 'npm:signatures') return [];
    const publicKey = read.object(fields['publicKey'], `${at}.publicKey`);
    const period =
      publicKey['validFor'] === undefined ? {} : read.object(publicKey['validFor'], `${at}.validFor`);
    return [
      {
        keyId: read.string(fields['keyId'], `${at}.keyId`, 256),
        usage,
        key: parsePublicKey(read.bytes(publicKey['rawBytes'], `${at}.publicKey.rawBytes`, 4096)),
        validFrom: timeIn(period['start'], `${at}.validFor.start`) ?? DISTANT_PAST,
        validUntil: timeIn(period['end'], `${at}.validFor.end`) ?? DISTANT_FUTURE,
      },
    ];
  });
}

function timeIn(value: unknown, at: string): Instant | undefined {
  if (value === undefined || value === null) return undefined;
  try {
    return parseInstant(read.string(value, at));
  } catch (cause) {
    throw new StellaError('TARGET_INVALID', `${at} is not a time`, { cause });
  }
}

/** Those that attestations of the registry are signed with, as keys of attestors. */
export function attestorsOf(keys: readonly RegistryKey[]): AttestorKey[] {
  return keys
    .filter(({ usage }) => usage === 'npm:attestations')
    .map(({ keyId, key, validFrom, validUntil }) => ({
      name: keyId,
      key,
      predicateType: PUBLISH_PREDICATE,
      validFrom,
      validUntil,
    }));
}

/** The delegated target of the Sigstore public-good repository that has the keys of npm's registry, and its role. */
const NPM_ROLE = 'registry.npmjs.org';
const NPM_KEYS = `${NPM_ROLE}/keys.json`;

/**
 * The keys of npm's registry that a repository of the built-in instance `sigstore` delegates to npm. They count for what
 * the registry says of its packages, and for nothing else, whatever the repository's other roles may decide.
 * @throws StellaError TARGET_INVALID, KEY_INVALID, TUF_MISMATCH
 */
export async function registryKeysIn(view: TufView): Promise<RegistryKey[]> {
  if (view.target(NPM_KEYS)?.role !== NPM_ROLE || !view.isHeld(NPM_KEYS)) return [];
  return parseRegistryKeys(await view.readTarget(NPM_KEYS), NPM_KEYS);
}
