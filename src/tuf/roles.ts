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

/** How the authors of a repository renew a role that has expired: the commands to run there. */
export function renewalOf(role: string): string {
  if (role === 'timestamp') return 'on the TUF repository, run ./scripts/update-timestamp.sh';
  const name = /^[\w.@+-]{1,60}$/.test(role) ? role : excerpt(role);
  return `on the TUF repository, run \`stella repo stage ${name}\`, \`stella repo sign\` and \`stella repo publish\``;
}

/** What follows on the side that follows a repository, once its authors have renewed a role; a first contact has its own. */
export const THEN_SYNC = 'then run `stella trust sync --force`';
