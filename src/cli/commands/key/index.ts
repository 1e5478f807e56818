/**
 * cli/commands/key/: `stella key`: make the keys that repositories, bundles, attestations and logs are signed with, and
 * look at keys. What keys are is in base/keys.ts, which role or target a key has in repository/. It never shows a private
 * key, never writes one where others can read it or over one that is there without being told, and trusts none.
 * Start here, then generate.ts.
 */

import type { Command } from 'commander';
import { addHelp } from '../../frame/add-help.ts';
import type { Cli } from '../../frame/cli.ts';
import { GROUPS } from '../../frame/groups.ts';
import { registerKeyGenerate } from './generate.ts';
import { KEY } from './help.ts';
import { registerKeyShow } from './show.ts';

/** `stella key`. */
export function registerKey(program: Command, cli: Cli): void {
  const key = cli.group(program, 'key', GROUPS.key);
  registerKeyGenerate(key, cli);
  registerKeyShow(key, cli);
  addHelp(key, KEY);
}
