import type { Instant } from '../../base/clock.ts';
import { isStellaError } from '../../base/errors.ts';
import { metadataPath } from '../../tuf/layout.ts';
import { parseMetadata } from '../../tuf/parse-metadata.ts';
import type { ReportRole } from './report.ts';

interface RoleFacts {
  readonly name: string;
  readonly version: number;
  readonly expires: Instant;
}

const TOP = ['root', 'timestamp', 'snapshot', 'targets'] as const;

type Signers = NonNullable<ReportRole['signers']>;

/**
 * Who signs for each role, as the metadata at hand says. What is missing or of an unusual form is left out: the page is
 * for people, and no decision rests on it.
 * @param read a file of the TUF repository by its name there
 */
export async function rolesWithSigners(
  roles: readonly RoleFacts[],
  read: (name: string) => Promise<Uint8Array | undefined>,
): Promise<ReportRole[]> {
  const signers = new Map<string, Signers>();
  const parents = new Map<string, string>();
  const bytesOf = async ({ name, version }: RoleFacts) =>
    (await read(metadataPath(name, version))) ?? (await read(metadataPath(name, undefined)));

  for (const role of roles) {
    const bytes = await bytesOf(role);
    if (!bytes || role.name === 'timestamp' || role.name === 'snapshot') continue;
    try {
      if (role.name === 'root') {
        const { signed } = parseMetadata('root', bytes, 'the root');
        for (const name of TOP) {
          const { threshold, keyids } = signed.roles[name];
          signers.set(name, { threshold, keyIds: keyids });
        }
      } else {
        const { signed } = parseMetadata('targets', bytes, role.name);
        for (const { name, threshold, keyids } of signed.delegations?.roles ?? []) {
          signers.set(name, { threshold, keyIds: keyids });
          parents.set(name, role.name);
        }
        const bins = signed.delegations?.succinct_roles;
        for (const { name } of bins
          ? roles.filter((one) => one.name.startsWith(`${bins.name_prefix}-`))
          : []) {
          signers.set(name, { threshold: bins!.threshold, keyIds: bins!.keyids });
          parents.set(name, role.name);
        }
      }
    } catch (error) {
      if (!isStellaError(error)) throw error;
    }
  }
  return roles.map((role) => ({
    name: role.name,
    version: role.version,
    expires: role.expires,
    parent:
      role.name === 'root'
        ? undefined
        : TOP.some((name) => name === role.name)
          ? 'root'
          : (parents.get(role.name) ?? 'targets'),
    signers: signers.get(role.name),
  }));
}
