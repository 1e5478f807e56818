import { join } from 'node:path';
import { type Duration, durationBetween, formatDuration, type Instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { readBounded } from '../../base/files.ts';
import { formatMetadata } from '../../tuf/metadata.ts';
import { MAX_SIGNED_BYTES } from '../../tuf/metadata-file.ts';
import { expiryOf } from '../../tuf/parse-metadata.ts';
import { ruleOf, validSigners } from '../../tuf/signature.ts';
import { expiriesOf } from '../directory/audit.ts';
import { type WorkingDirectory, writeClock, writePublic } from '../directory/working-directory.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { makeTimestamp } from './publish.ts';

/** What the daily run came to. */
export interface TimestampUpdate {
  readonly version: number;
  readonly expires: Instant;
  /** False when the present timestamp is new enough. */
  readonly renewed: boolean;
  /** Roles other than the timestamp that expire within the warning period, or have expired. */
  readonly expiring: readonly { readonly role: string; readonly expires: Instant }[];
}

export interface TimestampOptions {
  /** Renew even if the present timestamp is new. */
  readonly force: boolean;
  /** How long before its expiry a role is reported. */
  readonly warn: Duration;
}

/**
 * The daily run: signs a new timestamp for the present snapshot, which needs the timestamp key only. A timestamp that has
 * three quarters of its life before it is left alone, so that repeated runs do nothing.
 * @throws StellaError REPO_NOT_FOUND before the first publication, REPO_THRESHOLD
 */
export async function updateTimestamp(
  directory: WorkingDirectory,
  ring: KeyRing,
  now: Instant,
  options: TimestampOptions,
): Promise<TimestampUpdate> {
  const published = needPublished(directory);
  const present = published.timestamp;
  const rule = ruleOf(published.root, 'timestamp');
  const validity = directory.settings.expires.timestamp;
  const remaining = expiryOf(present) - now;
  const isGood = validSigners(present, rule).length >= rule.threshold;
  const expiring = expiriesOf(published).filter(
    ({ role, expires }) => role !== 'timestamp' && expires <= now + options.warn,
  );
  if (!options.force && isGood && remaining > (validity * 3) / 4 && remaining <= validity)
    return {
      version: present.signed.version,
      expires: expiryOf(present),
      renewed: false,
      expiring,
    };
  const { version } = published.snapshot.signed;
  const path = join(directory.public, `${version}.snapshot.json`);
  const bytes = readBounded(path, MAX_SIGNED_BYTES);
  const timestamp = await makeTimestamp(directory, undefined, { version, bytes }, ring, now);
  writePublic(directory.public, [], [['timestamp.json', formatMetadata(timestamp)]]);
  writeClock(directory.path, now);
  return {
    version: timestamp.signed.version,
    expires: expiryOf(timestamp),
    renewed: true,
    expiring,
  };
}

/** @throws StellaError REPO_NOT_FOUND */
function needPublished(directory: WorkingDirectory): NonNullable<WorkingDirectory['published']> {
  if (directory.published) return directory.published;
  throw new StellaError('REPO_NOT_FOUND', `nothing is published in ${directory.path} yet`, {
    hint: 'finish with `stella repo sign` and `stella repo publish`',
  });
}

/** Hash bins expire all at once: naming every one of them would help nobody. */
const MOST_NAMED = 5;

/** `root 12d 3h, targets expired 2h ago`, for people. */
export function describeExpiries(
  roles: readonly { readonly role: string; readonly expires: Instant }[],
  now: Instant,
): string {
  const texts = roles.map(({ role, expires }) =>
    expires <= now
      ? `${role} expired ${formatDuration(durationBetween(expires, now))} ago`
      : `${role} expires in ${formatDuration(durationBetween(now, expires))}`,
  );
  const more = texts.length - MOST_NAMED;
  return more > 0 ? `${texts.slice(0, MOST_NAMED).join(', ')} and ${more} more` : texts.join(', ');
}
