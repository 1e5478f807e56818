import type { Command } from 'commander';
import type { KeyId } from '../../../base/keys.ts';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { pinnedKeysJson, pinnedKeysText } from '../../report/pinned-keys.ts';

/** `stella trust unpin sha256:HEX`: take back what `--bundle-key` pinned. */
export function registerTrustUnpin(trust: Command, cli: Cli): void {
  const command = cli.command(
    trust,
    'unpin <fingerprint>',
    'accept no more bundles of a key that --bundle-key pinned',
  );
  cli.action<object, [string]>(command, async (run, text) => {
    const { parseFingerprint } = await import('../../../trust/pin.ts');
    const { unpinBundleKey } = await import('../../../trust/unpin.ts');
    const { config: _, store } = openTrustSetting(run);
    const id = parseFingerprint(text) as string as KeyId;
    const { generation, left, sealedCurrent } = await unpinBundleKey(store, id, run.now);
    if (sealedCurrent)
      run.note(
        'warning: this key sealed the bundle that the store holds; what it brought stays until you import another, or start anew with `stella trust init --replace`',
      );
    return {
      json: {
        store: store.directory,
        generation: generation.number,
        unpinned: `sha256:${id}`,
        pinned_bundle_keys: pinnedKeysJson(left),
      },
      text: [
        `unpinned sha256:${id} in ${store.directory}, generation ${generation.number}`,
        `still pinned: ${pinnedKeysText(left)}`,
      ].join('\n'),
    };
  });
}
