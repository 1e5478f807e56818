import { excerpt } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';

/** Names become file names and, unescaped, URL paths: nothing that either reads in a special way. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._@+=,~-]*$/;
/** A file name may have 255 bytes; 65 go to the digest that consistent snapshots put before it. */
const MOST_SEGMENT = 190;
const MOST_NAME = 512;
/** Property names that every JavaScript object has: clients written in it have stumbled over them. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/**
 * @throws StellaError TARGET_NAME unless clients of every kind can fetch a target of this name
 */
export function checkTargetName(name: string): void {
  const segments = name.split('/');
  const reason =
    name === ''
      ? 'is empty'
      : name.length > MOST_NAME || segments.some((segment) => segment.length > MOST_SEGMENT)
        ? 'is too long'
        : segments.some((segment) => segment === '.' || segment === '..' || segment === '')
          ? 'has an empty segment, "." or ".."'
          : INHERITED.has(name)
            ? 'is a reserved word'
            : segments.every((segment) => SEGMENT.test(segment))
              ? undefined
              : 'has a character that is not allowed';
  if (reason) throw new StellaError('TARGET_NAME', `target name ${excerpt(name)} ${reason}`);
}

/**
 * The first name of this kind that is free: `bundle-signer-v2.pub` where there is a `bundle-signer-v1.pub`.
 * @param name with a number before its extension (`-v1`, `-1`), or without one, which counts as the first
 * @param isTaken by any role
 */
export function freeTargetName(name: string, isTaken: (name: string) => boolean): string {
  const [, stem = name, number, extension = ''] = /^(.*?)(?:-v?(\d{1,9}))?(\.[^/.]*)?$/.exec(name) ?? [];
  for (let version = Number(number ?? 1); ; version += 1) {
    const candidate = `${stem}-v${version}${extension}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** Where a target lies under the served directory: its digest is part of the name (TUF specification §6.2). */
export function servedTargetPath(name: string, digest: string): string {
  const slash = name.lastIndexOf('/') + 1;
  return `targets/${name.slice(0, slash)}${digest}.${name.slice(slash)}`;
}

/**
 * @throws StellaError USAGE unless the name can be that of a delegated role
 */
export function checkRoleName(name: string): void {
  if (
    !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name) ||
    /^(?:root|targets|snapshot|timestamp)$/.test(name) ||
    INHERITED.has(name)
  )
    throw new StellaError('USAGE', `${excerpt(name)} cannot be the name of a delegated role`, {
      hint: 'use up to 100 letters, digits, dots and dashes; root, targets, snapshot and timestamp are taken',
    });
}
