import { resolve } from 'node:path';
import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import type { Config } from '../../../config/config.ts';
import { checkUrl } from '../../../config/url-credentials.ts';
import { isRepositoryName } from '../../../store/repositories.ts';
import { parseFingerprint, type RootVoucher } from '../../../trust/pin.ts';
import type { FurtherRepository } from '../../../trust/sync.ts';
import { type BuiltInInstance, builtInInstance, builtInInstances } from '../../../tuf/built-in.ts';
import { MAX_BYTES } from '../../../tuf/metadata-file.ts';
import type { Run } from '../../frame/cli.ts';

/** The flags that say which repositories a new store follows, and from which roots. */
export interface RepositoryFlags {
  readonly tufUrl?: string[];
  readonly instance?: string[];
  readonly instanceRoot?: string[];
  readonly root?: string;
  readonly rootFingerprint?: string;
}

/** The repositories of a new store. */
export interface InitialRepositories {
  /** Of the home repository, where it is one that was named. */
  readonly tufUrl: string[] | undefined;
  readonly voucher: RootVoucher;
  readonly further: readonly FurtherRepository[];
}

interface Named {
  readonly name: string;
  readonly urls: readonly string[];
}

/**
 * What was asked for: the home repository is the one of `tuf_url`, by flag or configuration, else the first that is named.
 * @param names of built-in instances
 * @throws StellaError USAGE, CONFIG_INVALID, URL_CREDENTIALS, FILE_*
 */
export async function initialRepositories(
  run: Run<RepositoryFlags>,
  names: readonly string[],
  config: Config,
): Promise<InitialRepositories> {
  const { options } = run;
  const roots = new Map((options.instanceRoot ?? []).map((text) => split('--instance-root', text, 'FILE')));
  const named = [
    ...names.map((name) => ({ name, urls: [] })),
    ...(options.instance ?? []).map((text): Named => {
      const [name, url] = split('--instance', text, 'URL');
      checkUrl(url, `--instance ${name}`);
      return { name, urls: [url] };
    }),
    ...[...config.repositories.keys()].map((name) => ({ name, urls: [] })),
  ];
  const all: Named[] = [...named.filter(({ name }, i) => named.findIndex((one) => one.name === name) === i)];
  const twice = names.find((name, i) => names.indexOf(name) !== i) ?? duplicate(options.instance ?? []);
  if (twice !== undefined) throw new StellaError('USAGE', `the instance ${twice} is named twice`);
  for (const { name } of all)
    if (!isRepositoryName(name))
      throw new StellaError('USAGE', `${JSON.stringify(name)} cannot be the name of a repository`, {
        hint: 'use lower-case letters, digits and hyphens, at most 32; home is the name of the first one',
      });
  const isHomeGiven = config.tufUrls.length > 0;
  if (!isHomeGiven && all.length === 0) all.push(...(await askForInstance(run)));
  const home = isHomeGiven ? undefined : all[0];
  const others = isHomeGiven ? all : all.slice(1);
  const voucherOf = (name: string): RootVoucher => voucherIn(run, roots.get(name), name);
  const unused = [...roots.keys()].find((name) => !others.some((one) => one.name === name));
  if (unused !== undefined)
    throw new StellaError('USAGE', `--instance-root ${unused}: that is no further repository of this store`, {
      hint: 'the root of the home repository is given by --root or --root-fingerprint',
    });
  return {
    tufUrl: home && [...addressOf(home)],
    voucher: homeVoucher(run, home),
    further: others.map(({ name, urls }) => ({ name, urls, voucher: voucherOf(name) })),
  };
}

function homeVoucher({ options, io }: Run<RepositoryFlags>, home: Named | undefined): RootVoucher {
  if (options.root !== undefined)
    return { how: 'root-file', bytes: readBounded(resolve(io.cwd, options.root), MAX_BYTES.root) };
  if (options.rootFingerprint !== undefined)
    return { how: 'fingerprint', sha256: parseFingerprint(options.rootFingerprint) };
  const builtIn = home && builtInInstance(home.name);
  return builtIn ? { how: 'built-in', instance: builtIn.name } : { how: 'nobody' };
}

function voucherIn({ io }: Run<object>, root: string | undefined, name: string): RootVoucher {
  // A built-in name means the built-in chain, whoever vouches for another.
  if (builtInInstance(name)) {
    if (root !== undefined)
      throw new StellaError('USAGE', `--instance-root ${name}: the root of ${name} is built in`);
    return { how: 'built-in', instance: name };
  }
  if (root === undefined) return { how: 'nobody' };
  return /^sha256:/i.test(root)
    ? { how: 'fingerprint', sha256: parseFingerprint(root) }
    : { how: 'root-file', bytes: readBounded(resolve(io.cwd, root), MAX_BYTES.root) };
}

function addressOf({ name, urls }: Named): readonly string[] {
  return urls.length > 0 ? urls : [builtInInstance(name)!.url];
}

/** `NAME=VALUE` → both. @throws StellaError USAGE */
function split(flag: string, text: string, value: 'URL' | 'FILE'): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new StellaError('USAGE', `${flag} takes NAME=${value}, not ${JSON.stringify(text)}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function duplicate(texts: readonly string[]): string | undefined {
  const names = texts.map((text) => text.split('=')[0]!);
  return names.find((name, i) => names.indexOf(name) !== i);
}

/** That each of these names is a built-in instance's. @throws StellaError USAGE */
export function checkBuiltIn(name: string): void {
  if (builtInInstance(name)) return;
  throw new StellaError('USAGE', `no instance is built in by the name ${JSON.stringify(name)}`, {
    hint: [
      `built in are ${builtInInstances()
        .map((one) => one.name)
        .join(' and ')}`,
      isRepositoryName(name) ? `for another: --instance ${name}=URL` : 'for another: --instance NAME=URL',
    ],
  });
}

const describe = ({ name, title, url }: BuiltInInstance) => `  ${name.padEnd(10)} ${title} (${url})`;

/**
 * Says what a new store needs, and offers what is built in to a person at a terminal.
 * @throws StellaError CONFIG_INVALID where nobody is there to choose
 */
async function askForInstance(run: Run<object>): Promise<Named[]> {
  const { ask } = run.io;
  const missing = (message: string) =>
    new StellaError('CONFIG_INVALID', message, {
      hint: [
        'give --tuf-url URL, set $STELLA_TUF_ROOT_URL, or set attestor.trust_repo.tuf_url',
        `or name public instances: \`stella trust init ${builtInInstances()
          .map(({ name }) => name)
          .join(' ')}\``,
      ],
    });
  if (!ask) throw missing('tuf_url is not set');
  const answer = await ask(
    [
      'A trust store follows a TUF repository: your own, by its address (--tuf-url URL, with --root FILE or --root-fingerprint',
      'sha256:HEX from the trust team), or a public instance, whose root is built in:',
      ...builtInInstances().map(describe),
      'Which of these, separated by spaces (nothing to stop)? ',
    ].join('\n'),
  );
  const names = answer.split(/[\s,]+/).filter((name) => name !== '');
  if (names.length === 0) throw missing('no instance was chosen, and tuf_url is not set');
  for (const name of names) checkBuiltIn(name);
  return [...new Set(names)].map((name) => ({ name, urls: [] }));
}
