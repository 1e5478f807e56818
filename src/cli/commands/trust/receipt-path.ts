import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { formatInstant } from '../../../base/clock.ts';
import { isDirectory } from '../../../base/files.ts';
import type { Run } from '../../frame/cli.ts';

/**
 * The file of `--receipt`: what was named, or in a directory `SITE-TIME.json`, so that receipts of several imports and sites lie
 * next to each other. The name is one that every file system has.
 */
export function receiptPath(
  run: Run<object>,
  { receipt, site = hostname() }: { readonly receipt?: string; readonly site?: string },
): string | undefined {
  if (receipt === undefined) return undefined;
  const path = resolve(run.io.cwd, receipt);
  if (!receipt.endsWith('/') && !isDirectory(path)) return receipt;
  const name =
    site
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 100) || 'site';
  const time = formatInstant(run.now).replace(/\.\d+/, '').replace(/[-:]/g, '');
  return join(path, `${name}-${time}.json`);
}
