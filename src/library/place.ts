/** Which configuration and which trust store to work with. */
export interface TrustPlace {
  /** The environment: `process.env`, or what you want to be seen of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The directory that relative paths begin at. */
  readonly cwd: string;
  /** Configuration file; without it the one that the command would find. */
  readonly config?: string;
  /** Directory of the trust store, in place of the configured one. */
  readonly store?: string;
  /** Forbid the network, whatever the configuration says: only `file:` addresses are read. */
  readonly offline?: boolean;
}

/** What must be given of it. */
export const PLACE = { env: 'object', cwd: 'text', 'config?': 'text', 'store?': 'text' } as const;
