import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Instant, parseInstant } from '../../../base/clock.ts';
import { isStellaError, StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import { pathInVariable } from '../../../config/environment.ts';
import { variable } from '../../../config/locations.ts';
import { KEY_TYPES, MAX_PASSPHRASE_ATTEMPTS } from '../../../repository/directory/vocabulary.ts';
import type { PassphraseSource } from '../../../repository/keys/key-ring.ts';
import type { EditResult, SessionOptions } from '../../../repository/session.ts';
import type { Outcome, Run } from '../../frame/cli.ts';

/** Flags of every `stella repo` command. */
export interface RepoFlags {
  readonly repo?: string;
}

/** Flags of the commands that sign. */
export interface SigningFlags extends RepoFlags {
  readonly keyPassphraseFile?: string;
  readonly stage?: boolean;
}

const MAX_PASSPHRASE_BYTES = 4096;

export function repoOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--repo <dir>',
      'the repository (default: $STELLA_REPO, else the one around the current directory)',
    ),
  );
}

export function passphraseOption(command: Command): Command {
  return command.option(
    '--key-passphrase-file <file>',
    'passphrase of the key files (default: $STELLA_KEY_PASSPHRASE, else asked on a terminal)',
  );
}

/** Flags of a command that changes what is published. */
export function editOptions(command: Command): Command {
  return passphraseOption(repoOption(command)).option(
    '--stage',
    'only add this to the staged change, to be signed and published later',
  );
}

/** Flags of a command that brings in a new key. */
export function keyOptions(command: Command): Command {
  return command
    .addOption(new Option('--key-type <type>', 'kind of the new key').choices(KEY_TYPES).default('ed25519'))
    .option('--no-passphrase', 'write a plain key file instead of an encrypted one')
    .option('--public-key <file>', 'take a key that is kept elsewhere, by its public half')
    .option(
      '--signer <exec:command>',
      'external signer in front of --public-key: bytes on stdin, signature on stdout',
    );
}

/** `--threshold N` → a number. */
export function thresholdFlag(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new StellaError('USAGE', `not a threshold: ${JSON.stringify(text)}`, {
    hint: 'give a whole number from 1',
  });
}

/** The directory of the repository to work on. */
export async function repositoryOf(run: Run<RepoFlags>): Promise<string> {
  const { findRepository } = await import('../../../repository/directory/settings.ts');
  const { options, io } = run;
  try {
    return findRepository(namedRepository(run), io.cwd);
  } catch (error) {
    if (options.repo !== undefined || !isStellaError(error, 'REPO_NOT_FOUND')) throw error;
    if (variable(io.env, 'STELLA_REPO') === undefined) throw error;
    throw error.with({
      hint: 'set STELLA_REPO to the directory that holds repo.yaml, or unset it; or give --repo DIR',
    });
  }
}

function namedRepository({ options, io }: Run<RepoFlags>): string | undefined {
  const inVariable = variable(io.env, 'STELLA_REPO');
  if (options.repo !== undefined || inVariable === undefined) return options.repo;
  return pathInVariable('STELLA_REPO', inVariable, io);
}

/** The passphrase from file or environment; undefined if there is neither. */
export function givenPassphrase(run: Run<SigningFlags>): string | undefined {
  const file = run.options.keyPassphraseFile;
  if (file === undefined) return run.io.env['STELLA_KEY_PASSPHRASE'];
  const passphrase = readBounded(resolve(run.io.cwd, file), MAX_PASSPHRASE_BYTES)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (passphrase === '') throw new StellaError('KEY_PASSPHRASE', `${file} is empty`);
  return passphrase;
}

/** What is given in a file or the environment is tried once, a person is asked again. */
export function passphraseSource(
  run: Run<SigningFlags>,
  nameOf: (keyName: string) => string = (name) => name,
): PassphraseSource {
  const given = givenPassphrase(run);
  const { askSecret } = run.io;
  return async (name, attempt) => {
    if (given !== undefined) return attempt === 1 ? given : undefined;
    const again = attempt === 1 ? '' : `That was wrong (attempt ${attempt} of ${MAX_PASSPHRASE_ATTEMPTS}). `;
    return await askSecret?.(`${again}Passphrase of ${nameOf(name)}: `);
  };
}

/** How the commands that sign come to passphrases. */
export function sessionOptions(run: Run<SigningFlags>): SessionOptions {
  const passphrase = passphraseSource(run, (name) => `key ${name}`);
  const listens = run.io.terminal || run.options.verbose;
  return {
    now: run.now,
    passphrase,
    stage: run.options.stage ?? false,
    found: namedRepository(run) === undefined,
    env: run.io.env,
    ...(listens ? { onMessage: run.io.stderr } : {}),
  };
}

/** Runs one edit, and says what was published or what is waiting for signatures. */
export function editOutcome(result: EditResult<unknown>, text: string, json: object = {}): Outcome {
  const { publication, staged, summary, retired } = result;
  return {
    json: {
      ...json,
      summary,
      ...(staged ? { staged } : { published: publication?.versions, retired_keys: retired }),
    },
    text: [
      text,
      ...(staged
        ? [...summary, `Staged in ${staged}. Next: stella repo sign, then stella repo publish`]
        : [`Published ${describeVersions(publication?.versions ?? {})}`]),
      ...retiredLines(retired),
    ].join('\n'),
  };
}

/** What is left to do about keys that no role has any more. */
export function retiredLines(retired: readonly string[]): string[] {
  return retired.map((name) => `Key ${name} is no longer used: destroy its private half`);
}

export function describeVersions(versions: Readonly<Record<string, number>>): string {
  return Object.entries(versions)
    .map(([role, version]) => `${role} ${version}`)
    .join(', ');
}

/** An RFC 3339 time given to a flag. */
export function instantFlag(flag: string, text: string): Instant {
  try {
    return parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  } catch (cause) {
    throw new StellaError('USAGE', `${flag}: not a date or UTC time: ${JSON.stringify(text)}`, {
      cause,
      hint: 'write it like 2026-01-25 or 2026-01-25T12:00:00Z',
    });
  }
}

/**
 * The passphrase for new key files; undefined only where plain files were asked for.
 * @throws StellaError KEY_PASSPHRASE
 */
export async function newPassphrase(
  run: Run<SigningFlags & { readonly passphrase: boolean }>,
): Promise<string | undefined> {
  if (!run.options.passphrase) {
    run.note('warning: the key files are not encrypted; whoever can read them can sign');
    return undefined;
  }
  const given = givenPassphrase(run);
  if (given !== undefined) return given;
  const { askSecret } = run.io;
  if (!askSecret)
    throw new StellaError('KEY_PASSPHRASE', 'new keys are encrypted, and no passphrase was given', {
      hint: [
        'give --key-passphrase-file FILE or set $STELLA_KEY_PASSPHRASE',
        'or write plain key files with --no-passphrase',
      ],
    });
  for (let attempt = 1; attempt <= MAX_PASSPHRASE_ATTEMPTS; attempt += 1) {
    const again = attempt === 1 ? '' : 'They differed or were empty. ';
    const first = await askSecret(`${again}Passphrase for the new keys: `);
    if (first === (await askSecret('Once more: ')) && first !== '') return first;
  }
  throw new StellaError('KEY_PASSPHRASE', 'the two passphrases differ or are empty');
}
