import { resolve } from 'node:path';
import { parseHex } from '../../../base/bytes.ts';
import { logDirectory, type TreeHead } from '../../../logs/store.ts';
import { loadLog } from '../../../logs/writer.ts';
import type { Run } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';

/** A log on this machine and its verified head. */
export interface LogPlace {
  readonly origin: string;
  readonly directory: string;
  readonly head: TreeHead;
}

/** The embedded log in the directory named, or all the logs that the trust store holds. */
export function searchableLogs(run: Run<object>, directory: string | undefined): LogPlace[] {
  if (directory !== undefined) {
    const path = resolve(run.io.cwd, directory);
    const { origin, checkpoint } = loadLog(path);
    return [{ origin, directory: path, head: checkpoint }];
  }
  const { store } = openTrustSetting(run);
  return store.require(run.now).state.logs.map(({ origin, tree_size, root_hash }) => ({
    origin,
    directory: logDirectory(store.logsDirectory, origin),
    head: { size: BigInt(tree_size), rootHash: parseHex(root_hash, 32, 'STORE_CORRUPT') },
  }));
}
