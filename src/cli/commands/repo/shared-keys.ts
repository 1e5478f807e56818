import { parse, resolve } from 'node:path';
import { StellaError } from '../../../base/errors.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import type { KeyType } from '../../../repository/directory/vocabulary.ts';
import type { NewRepository, RoleKeys } from '../../../repository/init.ts';
import type { KeySource } from '../../../repository/keys/new-key.ts';
import { TOP_ROLES, type TopRole } from '../../../tuf/roles.ts';
import type { Run } from '../../frame/cli.ts';
import { givenPassphrase, newPassphrase, type SigningFlags } from './shared-command.ts';

interface InitFlags {
  readonly threshold: readonly string[];
  readonly publicKey: readonly string[];
  readonly expires: readonly string[];
}

/**
 * The flags of `repo init` that are given for each role: `root=2/3`, `root=FILE`, `root=365d`.
 * @throws StellaError USAGE, KEY_INVALID, FILE_NOT_FOUND
 */
export function roleKeysFlags(flags: InitFlags, cwd: string): Pick<NewRepository, 'keys' | 'expires'> {
  const given: Record<TopRole, string[]> = { root: [], targets: [], snapshot: [], timestamp: [] };
  for (const text of flags.publicKey) {
    const { role, value } = splitRole('--public-key', text);
    given[role].push(value);
  }
  const counts = new Map<TopRole, [number, number]>();
  for (const text of flags.threshold) {
    const { role, value } = splitRole('--threshold', text);
    const match = /^(\d{1,3})\/(\d{1,3})$/.exec(value);
    if (!match || Number(match[1]) < 1 || Number(match[1]) > Number(match[2]))
      throw new StellaError('USAGE', `--threshold ${role}=${value} is not like ${role}=2/3`);
    counts.set(role, [Number(match[1]), Number(match[2])]);
  }
  const keys = Object.fromEntries(
    TOP_ROLES.map((role): [TopRole, RoleKeys] => {
      const files = given[role];
      const [threshold, total] = counts.get(role) ?? [1, Math.max(1, files.length)];
      if (files.length > total)
        throw new StellaError(
          'USAGE',
          `--threshold ${role}=${threshold}/${total} is less than the keys given`,
        );
      return [
        role,
        {
          threshold,
          make: total - files.length,
          given: files.map((file) => ({
            name: parse(file).name,
            publicKey: loadPublicKey(resolve(cwd, file)),
          })),
        },
      ];
    }),
  ) as Record<TopRole, RoleKeys>;
  const expires = Object.fromEntries(
    flags.expires.map((text) => {
      const { role, value } = splitRole('--expires', text);
      return [role, value];
    }),
  );
  return { keys, expires };
}

function splitRole(flag: string, text: string): { role: TopRole; value: string } {
  const equals = text.indexOf('=');
  const role = TOP_ROLES.find((name) => name === text.slice(0, equals));
  if (!role || equals === text.length - 1)
    throw new StellaError('USAGE', `${flag} ${JSON.stringify(text)} is not ROLE=VALUE`, {
      hint: `roles: ${TOP_ROLES.join(', ')}`,
    });
  return { role, value: text.slice(equals + 1) };
}

/** Flags of the commands that bring in one new key. */
export interface KeyFlags extends SigningFlags {
  readonly keyType: KeyType;
  readonly passphrase: boolean;
  readonly publicKey?: string;
  readonly signer?: string;
}

/**
 * The new key that the flags ask for: made here, or kept elsewhere and known by its public half.
 * @throws StellaError USAGE, KEY_INVALID, KEY_PASSPHRASE, FILE_NOT_FOUND
 */
export async function keySource(run: Run<KeyFlags>, repository: string): Promise<KeySource> {
  const { publicKey: file, signer, keyType: type } = run.options;
  if (file !== undefined)
    return {
      name: parse(file).name,
      publicKey: loadPublicKey(resolve(run.io.cwd, file)),
      ...(signer === undefined ? {} : { command: signerCommand(signer) }),
    };
  if (signer !== undefined)
    throw new StellaError('USAGE', '--signer needs the public half of its key', {
      hint: 'add --public-key FILE',
    });
  return { type, passphrase: await furtherPassphrase(run, repository) };
}

/**
 * The passphrase for a further key of a repository. Where all its key files are plain, so is the next one: nothing that
 * signs there could open another.
 * @throws StellaError KEY_PASSPHRASE
 */
export async function furtherPassphrase(
  run: Run<SigningFlags & { readonly passphrase: boolean }>,
  repository: string,
): Promise<string | undefined> {
  const { hasOnlyPlainKeys } = await import('../../../repository/keys/key-ring.ts');
  const { loadSettings } = await import('../../../repository/directory/settings.ts');
  const isAsked = run.options.passphrase && givenPassphrase(run) === undefined;
  if (!isAsked || !hasOnlyPlainKeys(repository, loadSettings(repository), run.io.env))
    return await newPassphrase(run);
  run.note(
    'warning: the new key file is not encrypted, as those of this repository are not; --key-passphrase-file FILE encrypts it',
  );
  return undefined;
}

/**
 * `exec:COMMAND` → the command.
 * @throws StellaError USAGE
 */
export function signerCommand(text: string): string {
  const command = /^exec:(.*\S.*)$/s.exec(text)?.[1];
  if (command === undefined)
    throw new StellaError('USAGE', `--signer ${JSON.stringify(text)} is not exec:COMMAND`, {
      hint: 'the command reads what is to be signed from stdin and writes the signature to stdout',
    });
  return command;
}
