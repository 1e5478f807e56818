/** What a server answered. `notModified` only where an `etag` was sent along. */
export interface Fetched {
  readonly bytes: Uint8Array;
  readonly etag?: string;
  readonly notModified?: boolean;
}

export interface FetchOptions {
  /** The largest acceptable body in bytes, after any content encoding is undone. */
  readonly most: number;
  /** Whether the body is worth compressing on the way. */
  readonly compressible?: boolean;
  /** Entity tag of what is already held. */
  readonly etag?: string;
  readonly signal?: AbortSignal;
}

/**
 * Brings files over http(s) or from file:// URLs. Layers that need the outside world are handed one; offline mode
 * hands out one that has no network in it.
 *
 * `fetch` throws StellaError FETCH_NOT_FOUND (404, 403 on object stores, no such file), FETCH_FAILED, FETCH_TOO_LARGE,
 * OFFLINE, URL_INVALID.
 */
export interface Fetcher {
  fetch(url: string, options: FetchOptions): Promise<Fetched>;
}
