/** The top-level roles of TUF, in the order in which people read them. */
export const TOP_ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
/** One of {@link TOP_ROLES}. */
export type TopRole = (typeof TOP_ROLES)[number];
