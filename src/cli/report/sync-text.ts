import { durationBetween, formatDuration, formatInstant, type Instant } from '../../base/clock.ts';
import { maskUrl } from '../../base/safety/masked-url.ts';
import type { Synced } from '../../trust/sync.ts';
import { formatRoles } from './status-text.ts';

export function syncedText({ generation, changed, fresh, failures }: Synced, now: Instant): string {
  if (fresh !== undefined)
    return `fresh: synced ${formatDuration(durationBetween(fresh, now))} ago; --force asks all the same`;
  const roles = formatRoles(generation.state.tuf.roles);
  const line = changed
    ? `generation ${generation.number}: ${roles}`
    : `unchanged: ${roles} (generation ${generation.number})`;
  const others = generation.repositories
    .filter(({ isHome }) => !isHome)
    .map(({ name, tuf }) => {
      const failure = failures.get(name);
      return `repository ${name}: ${formatRoles(tuf.roles)}${failure ? `, as it was: ${failure.message} [${failure.code}]` : ''}`;
    });
  return [line, ...others].join('\n');
}

export function syncedJson(
  { generation, changed, fresh, failures }: Synced,
  store: string,
  now: Instant,
): object {
  const { tuf } = generation.state;
  const others = generation.repositories.filter(({ isHome }) => !isHome);
  return {
    store,
    generation: generation.number,
    changed,
    skipped: fresh !== undefined,
    checked_at: formatInstant(fresh ?? now),
    url: tuf.url,
    roles: tuf.roles,
    ...(others.length === 0
      ? {}
      : {
          repositories: others.map((repository) => {
            const failure = failures.get(repository.name);
            return {
              name: repository.name,
              url: maskUrl(repository.tuf.url),
              roles: repository.tuf.roles,
              as_of: formatInstant(repository.referenceTime),
              failure: failure ? { code: failure.code, message: failure.message } : null,
            };
          }),
        }),
  };
}
