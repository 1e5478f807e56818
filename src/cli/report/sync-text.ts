import { durationBetween, formatDuration, formatInstant, type Instant } from '../../base/clock.ts';
import type { Synced } from '../../trust/sync.ts';
import { formatRoles } from './status-text.ts';

export function syncedText({ generation, changed, fresh }: Synced, now: Instant): string {
  if (fresh !== undefined)
    return `fresh: synced ${formatDuration(durationBetween(fresh, now))} ago; --force asks all the same`;
  const roles = formatRoles(generation.state.tuf.roles);
  return changed
    ? `generation ${generation.number}: ${roles}`
    : `unchanged: ${roles} (generation ${generation.number})`;
}

export function syncedJson({ generation, changed, fresh }: Synced, store: string, now: Instant): object {
  const { tuf } = generation.state;
  return {
    store,
    generation: generation.number,
    changed,
    skipped: fresh !== undefined,
    checked_at: formatInstant(fresh ?? now),
    url: tuf.url,
    roles: tuf.roles,
  };
}
