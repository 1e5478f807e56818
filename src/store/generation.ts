import { sha256Hex } from '../base/bytes.ts';
import { type Instant, parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readOwnIfPresent } from '../base/files.ts';
import { rootPath } from '../tuf/layout.ts';
import { loadTuf } from '../tuf/load.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';
import type { TufView } from '../tuf/view.ts';
import type { Generation } from './store.ts';

/**
 * The root that somebody vouched for, as this generation holds it.
 * @throws StellaError STORE_CORRUPT when it is missing or another one
 */
export function pinnedRootOf(generation: Generation): Uint8Array {
  const { pin } = generation.state;
  const path = rootPath(generation.tufDirectory, pin.version);
  const bytes = readOwnIfPresent(path, MAX_BYTES.root);
  if (!bytes || sha256Hex(bytes) !== pin.sha256) {
    throw new StellaError(
      'STORE_CORRUPT',
      `generation ${generation.number} of the trust store does not hold the root it is pinned to (version ${pin.version}, sha256:${pin.sha256})`,
    );
  }
  return bytes;
}

/**
 * A generation's TUF repository, verified again from the pinned root as of the instant it speaks for, and compared with
 * what its state says of it. No network.
 * @throws StellaError STORE_CORRUPT, with what was found as its cause
 */
export async function loadGeneration(
  generation: Generation,
  asOf: Instant = parseInstant(generation.state.reference_time),
): Promise<TufView> {
  const { number, state, tufDirectory } = generation;
  const corrupt = (why: string, cause?: unknown) =>
    new StellaError('STORE_CORRUPT', `generation ${number} of the trust store does not verify: ${why}`, {
      cause,
      details: { generation: number, ...(isStellaError(cause) ? { found: cause.code } : {}) },
    });
  const trustedRoot = pinnedRootOf(generation);
  let view: TufView;
  try {
    view = await loadTuf({
      url: state.tuf.url,
      directory: tufDirectory,
      trustedRoot,
      asOf,
      trustRoles: new Set(state.trust_roles),
    });
  } catch (error) {
    if (isStellaError(error)) throw corrupt(error.message, error);
    throw error;
  }
  // Older metadata would verify, too: the state remembers which it was.
  for (const [role, { sha256 }] of Object.entries(state.tuf.roles)) {
    if (view.roles.find(({ name }) => name === role)?.sha256 !== sha256)
      throw corrupt(`its ${role}.json is not the one it was made with`);
  }
  return view;
}
