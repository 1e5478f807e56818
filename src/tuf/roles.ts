import { excerpt } from '../base/bytes.ts';

/** The top-level roles of TUF, in the order in which people read them. */
export const TOP_ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
/** One of {@link TOP_ROLES}. */
export type TopRole = (typeof TOP_ROLES)[number];

/** Whether a role is one of {@link TOP_ROLES}. */
export function isTopRole(name: string): name is TopRole {
  return (TOP_ROLES as readonly string[]).includes(name);
}

/** A role's metadata file as messages call it; a name that is not plain is quoted and cut. */
export function roleFile(role: string): string {
  return `${/^[\w.@+-]{1,60}$/.test(role) ? role : excerpt(role)}.json`;
}
