import type { ErrorCode } from '../../src/base/codes.ts';
import { hostileContainers } from './containers.ts';
import { forgeKey } from './forge.ts';
import { hostileManifests } from './manifests.ts';
import { hostileSignatures } from './signatures.ts';
import { hostileTars } from './tars.ts';

/** An archive that must be refused. */
export interface HostileArchive {
  readonly name: string;
  readonly bytes: Buffer;
  /** How it is refused. */
  readonly code: ErrorCode;
  /** How it is refused from a pipe, where that is not the same: what comes last is not known first there. */
  readonly pipeCode?: ErrorCode;
}

export { forgeKey };

/** Every archive of the collection, made anew. */
export async function* hostileArchives(): AsyncGenerator<HostileArchive> {
  yield* hostileManifests();
  yield* hostileSignatures();
  yield* hostileTars();
  yield* hostileContainers();
}
