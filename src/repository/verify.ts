import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { isDirectory } from '../base/files.ts';
import { renewalOf } from '../tuf/roles.ts';
import { auditRepository, expiredRoles, expiriesOf } from './directory/audit.ts';
import { directoryReader } from './directory/working-directory.ts';

/** A published repository that holds: every root, every role, every target file. */
export interface VerifiedRepository {
  readonly rootVersions: readonly number[];
  readonly roles: readonly { readonly role: string; readonly version: number; readonly expires: Instant }[];
  /** How many targets there are. */
  readonly targets: number;
}

/**
 * Checks a published repository completely, as clients would at `now`.
 * @param trustedRoot where to begin; without it, the first root that is there
 * @throws StellaError FILE_NOT_FOUND, TUF_INVALID, TUF_SIGNATURE, TUF_MISMATCH, TUF_ROLLBACK, TUF_EXPIRED
 */
export function verifyRepository(
  directory: string,
  now: Instant,
  trustedRoot?: Uint8Array,
): VerifiedRepository {
  if (!isDirectory(directory)) throw new StellaError('FILE_NOT_FOUND', `no such directory: ${directory}`);
  const audit = auditRepository(directoryReader(directory), {
    files: true,
    ...(trustedRoot ? { trustedRoot } : {}),
  });
  const [expired] = expiredRoles(audit, now);
  if (expired)
    throw new StellaError(
      'TUF_EXPIRED',
      `TUF metadata expired: ${expired.role} was valid until ${formatInstant(expired.expires)}`,
      { hint: renewalOf(expired.role) },
    );
  let targets = 0;
  for (const { signed } of audit.roles.values()) targets += Object.keys(signed.targets).length;
  return { rootVersions: audit.rootVersions, roles: expiriesOf(audit), targets };
}
