/** Where an effective value may come from, the strongest first. */
export const SOURCES = ['flag', 'environment', 'file', 'store', 'default'] as const;

/** One of {@link SOURCES}. */
export type Source = (typeof SOURCES)[number];
