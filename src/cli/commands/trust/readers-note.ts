import { whyModeIsFixed } from '../../../base/file-system/modes.ts';
import type { Config } from '../../../config/config.ts';
import { whoIsShutOut } from '../../../store/readers.ts';
import type { Generation, TrustStore } from '../../../store/store.ts';
import type { Run } from '../../frame/cli.ts';

/** Says who cannot read what was just made of the trust store: verifiers of other users would only say that they cannot. */
export function noteReaders(
  run: Run<object>,
  config: Config,
  store: TrustStore,
  generation: Generation,
): void {
  const isShared = config.origins.local_cache_path.source !== 'default';
  const shutOut = whoIsShutOut(store, generation, isShared);
  if (!shutOut) return;
  const { who, path, mode } = shutOut;
  const remedy =
    whyModeIsFixed(path) === 'file-system'
      ? 'mount the file system with `umask=022`'
      : `run \`chmod -R go+rX ${store.directory}\`, and the next time \`umask 022\` first`;
  run.note(
    `warning: ${who} cannot read the trust store: ${path} has mode ${mode.toString(8).padStart(4, '0')}; for verifiers of other users ${remedy}`,
  );
}
