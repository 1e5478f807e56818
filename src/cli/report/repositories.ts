import { formatInstant } from '../../base/clock.ts';
import { maskUrl } from '../../base/safety/masked-url.ts';
import type { HeldRepository } from '../../store/repositories.ts';
import { formatRoles } from './status-text.ts';

/** Further repositories as `--json` prints them; nothing where there are none. */
export function repositoriesJson(repositories: readonly HeldRepository[]): object {
  if (repositories.length === 0) return {};
  return {
    repositories: repositories.map(({ name, tuf, pin, referenceTime, expired }) => ({
      name,
      url: maskUrl(tuf.url),
      pin,
      roles: tuf.roles,
      as_of: formatInstant(referenceTime),
      expired: expired ?? null,
    })),
  };
}

/** Further repositories, one line each. */
export function repositoriesText(repositories: readonly HeldRepository[]): string[] {
  return repositories.map(
    ({ name, tuf, pin, referenceTime, expired }) =>
      `repository ${name} from ${maskUrl(tuf.url)} as of ${formatInstant(referenceTime)}: ${formatRoles(tuf.roles)}; pinned to root ${pin.version}, sha256:${pin.sha256} (${pin.how})${expired === undefined ? '' : `; BLOCKED: ${expired} had expired`}`,
  );
}
