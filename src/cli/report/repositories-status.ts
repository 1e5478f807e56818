import { durationBetween, formatDuration, formatInstant } from '../../base/clock.ts';
import { maskUrl } from '../../base/safety/masked-url.ts';
import type { StoreState } from '../../store/store.ts';
import { formatFreshness } from '../../trust/freshness.ts';
import type { HeldRepositoryStatus, TrustStatus } from '../../trust/status.ts';
import { formatTable } from '../terminal/output.ts';

/** Who vouched for a root, in words. */
export function howPinned({ how }: StoreState['pin']): string {
  return {
    'root-file': 'vouched for by a root file',
    fingerprint: 'vouched for by fingerprint',
    sigstore: 'built in',
    'built-in': 'built in',
    bundle: 'vouched for by the signer of the bundle that brought it',
    'first-use': 'TRUSTED ON FIRST USE: nobody has vouched for it',
  }[how];
}

/** The further repositories of a store as `trust status --json` prints them; nothing where there are none. */
export function repositoriesStatusJson({ repositories }: TrustStatus): object {
  if (repositories.length === 0) return {};
  return {
    repositories: repositories.map((one) => ({
      name: one.repository.name,
      url: maskUrl(one.repository.tuf.url),
      built_in: one.builtIn ?? null,
      pin: one.repository.pin,
      freshness: {
        state: one.blocked ? 'blocked' : one.freshness.state,
        reference: formatInstant(one.freshness.reference),
        accepted_until: formatInstant(one.freshness.acceptedUntil),
      },
      blocked: one.blocked ? { code: one.blocked.code, message: one.blocked.message } : null,
      second_opinion: one.repository.secondOpinion ?? null,
      roles: one.roles.map((role) => ({
        ...role,
        expires: formatInstant(role.expires),
        expired: role.expires <= one.rolesAsOf,
      })),
      instance: countsOf(one),
      sync: one.sync ?? null,
    })),
  };
}

/** What the instance of a repository consists of. */
function countsOf({ trustedRoot }: HeldRepositoryStatus) {
  return {
    certificate_authorities: trustedRoot.certificateAuthorities.length,
    logs: trustedRoot.tlogs.length,
    ct_logs: trustedRoot.ctlogs.length,
    timestamp_authorities: trustedRoot.timestampAuthorities.length,
  };
}

/** How a further repository stands, in one line. */
export function repositoryStanding(
  { freshness, blocked }: HeldRepositoryStatus,
  verb: 'synced' | 'sealed',
): string {
  return blocked ? `BLOCKED: ${blocked.message} [${blocked.code}]` : formatFreshness(freshness, verb);
}

/** The further repositories of a store, as `trust status` shows them. */
export function repositoriesStatusText({ repositories, generation, now }: TrustStatus): string[] {
  const isImported = generation.state.source.kind === 'import';
  return repositories.flatMap((one) => {
    const { repository, builtIn, sync } = one;
    const { pin } = repository;
    const counts = countsOf(one);
    const failure = sync && sync.failures_since > 0 ? sync.last_failure : undefined;
    const left = ({ expires }: { expires: HeldRepositoryStatus['rolesAsOf'] }) =>
      isImported && expires > one.rolesAsOf
        ? 'valid as of the sealed time'
        : expires > now
          ? `in ${formatDuration(durationBetween(now, expires))}`
          : `EXPIRED ${formatDuration(durationBetween(expires, now))} ago`;
    return [
      '',
      `repository          ${repository.name}${builtIn === undefined ? '' : ` (the built-in instance ${builtIn})`}, from ${maskUrl(repository.tuf.url)}`,
      `root pin            version ${pin.version}, sha256:${pin.sha256}, ${howPinned(pin)} (${pin.at})`,
      `freshness           ${repositoryStanding(one, isImported ? 'sealed' : 'synced')}`,
      `instance            certificate authorities ${counts.certificate_authorities}, logs ${counts.logs}, CT logs ${counts.ct_logs}, timestamp authorities ${counts.timestamp_authorities}`,
      ...(failure ? [`last failure        ${failure.at} [${failure.code}] ${failure.message}`] : []),
      formatTable([
        ['ROLE', 'VERSION', 'EXPIRES', ''],
        ...one.roles.map((role) => [
          role.name,
          String(role.version),
          formatInstant(role.expires),
          left(role),
        ]),
      ]),
    ];
  });
}
