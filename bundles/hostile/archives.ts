import type { HostileArchive } from './archive.ts';
import { hostileContainers } from './containers.ts';
import { forgeKey } from './forge.ts';
import { hostileManifests } from './manifests.ts';
import { hostileSignatures } from './signatures.ts';
import { hostileTars } from './tars.ts';

export { forgeKey };

/** Every archive of the collection, made anew. */
export async function* hostileArchives(): AsyncGenerator<HostileArchive> {
  yield* hostileManifests();
  yield* hostileSignatures();
  yield* hostileTars();
  yield* hostileContainers();
}
