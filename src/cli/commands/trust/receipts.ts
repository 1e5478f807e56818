import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../../../base/codes.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import type { Cli } from '../../frame/cli.ts';
import { repeatable } from '../../frame/repeated.ts';
import { formatTable, printable } from '../../terminal/output.ts';

interface Options {
  readonly key?: string[];
  readonly holding?: string[];
}

/** `stella trust receipts DIR`: which site holds what, e.g. before an old key is revoked. */
export function registerTrustReceipts(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'receipts <dir>', 'list what each site has accepted, from the receipts of its imports')
    .addOption(
      repeatable('--key <file>', "a site's public key; receipts that none of these signed are refused"),
    )
    .addOption(
      repeatable('--holding <key>', 'fail unless every site holds this key (target name or sha256:ID)'),
    );
  cli.action<Options, [string]>(command, async (run, directory) => {
    const { holdsKey, loadReceipts } = await import('../../../producer/receipts.ts');
    const path = (name: string) => resolve(run.io.cwd, name);
    const known = (run.options.key ?? []).map((file) => loadPublicKey(path(file)));
    const wanted = run.options.holding ?? [];
    const sites = loadReceipts(path(directory), known).map((site) => ({
      ...site,
      missing: wanted.filter((key) => !holdsKey(site, key)),
    }));
    const lacking = sites.filter(({ missing }) => missing.length > 0);
    const rows = sites.map(({ receipt, signedBy, missing }) => [
      printable(receipt.site),
      String(receipt.sequence),
      receipt.sealed_at,
      String(receipt.root.version),
      receipt.keys.map(({ target }) => printable(target)).join(' '),
      signedBy.length > 0 ? 'yes' : known.length > 0 ? 'no' : 'not checked',
      ...(wanted.length > 0
        ? [missing.length === 0 ? 'all' : `lacks ${missing.map(printable).join(' ')}`]
        : []),
    ]);
    const header = [
      'SITE',
      'NUMBER',
      'SEALED AT',
      'ROOT',
      'KEYS',
      'SIGNED',
      ...(wanted.length > 0 ? ['HOLDING'] : []),
    ];
    const summary =
      wanted.length === 0
        ? []
        : [
            lacking.length === 0
              ? `all ${sites.length} sites hold ${wanted.join(', ')}`
              : `${lacking.length} of ${sites.length} sites do not hold all of ${wanted.join(', ')}`,
          ];
    return {
      json: {
        sites: sites.map(({ file, receipt, signedBy, missing }) => ({
          file,
          signed_by: signedBy,
          missing,
          ...receipt,
        })),
        all_hold: lacking.length === 0,
      },
      text: [formatTable([header, ...rows]), ...summary].join('\n'),
      exit: lacking.length === 0 ? EXIT.done : EXIT.refused,
    };
  });
}
