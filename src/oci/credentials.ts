import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import { seconds } from '../base/clock.ts';
import { isStellaError, StellaError, systemCode } from '../base/errors.ts';
import { readBounded, readBoundedIfPresent } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { OciAuthFile } from '../base/schema-types.ts';
import { type Environment, variable } from '../config/locations.ts';

/** What to prove oneself with to a registry. */
export type Credentials = { readonly from: string } & (
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth 2 refresh token that `docker login` keeps. */
  | { readonly kind: 'identity-token'; readonly token: string }
);

const MAX_AUTH_BYTES = 1024 * 1024;
const MAX_HELPER_BYTES = 256 * 1024;
const HELPER_TIMEOUT = seconds(60);
/** Docker Hub is called by its first address in credential files. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/**
 * Looks where Podman and Docker keep credentials, in their order (containers-auth.json(5)), for `HOST/REPOSITORY`,
 * its parents, then `HOST`.
 * @param authFile the only file to look into, e.g. `--auth-file`
 * @throws StellaError CONFIG_INVALID (a file or helper that cannot be used), FILE_NOT_FOUND (`authFile`)
 */
export async function findCredentials(
  host: string,
  repository: string,
  env: Environment,
  authFile?: string,
): Promise<Credentials | undefined> {
  const names = namesOf(host, repository);
  const paths = authFile === undefined ? authFiles(env) : [authFile];
  for (const path of paths) {
    const file = readAuthFile(path, host, authFile !== undefined);
    const found = file && (await inFile(path, file, names, host, env));
    if (found) return found;
  }
  return undefined;
}

function readAuthFile(path: string, host: string, isNamed: boolean): OciAuthFile | undefined {
  try {
    const bytes = isNamed ? readBounded(path, MAX_AUTH_BYTES) : readBoundedIfPresent(path, MAX_AUTH_BYTES);
    return bytes && parseJson('oci-auth-file', bytes, path, 'CONFIG_INVALID');
  } catch (error) {
    if (!isStellaError(error) || error.code === 'FILE_NOT_FOUND') throw error;
    throw error.with({ hint: hintAbout(path, host) });
  }
}

/** What to do about a file of credentials that cannot be used. */
function hintAbout(path: string, host: string): string[] {
  return [
    `mend ${path}, or move it away and log in again with \`docker login ${host}\` or \`podman login ${host}\``,
    'or name another file of credentials with --auth-file FILE',
  ];
}

function authFiles(env: Environment): string[] {
  const named = variable(env, 'REGISTRY_AUTH_FILE');
  if (named !== undefined) return [named];
  const home = variable(env, 'HOME') ?? variable(env, 'USERPROFILE');
  const runtime = variable(env, 'XDG_RUNTIME_DIR');
  const config = variable(env, 'XDG_CONFIG_HOME') ?? (home === undefined ? undefined : join(home, '.config'));
  const docker = variable(env, 'DOCKER_CONFIG') ?? (home === undefined ? undefined : join(home, '.docker'));
  return [
    ...(runtime === undefined ? [] : [join(runtime, 'containers', 'auth.json')]),
    ...(config === undefined ? [] : [join(config, 'containers', 'auth.json')]),
    ...(docker === undefined ? [] : [join(docker, 'config.json')]),
  ];
}

/** From the most exact name to the host alone. */
function namesOf(host: string, repository: string): string[] {
  const parts = repository.split('/');
  const names = parts.map((_, i) => [host, ...parts.slice(0, parts.length - i)].join('/'));
  return [...names, host, ...(host === 'docker.io' ? [DOCKER_HUB] : [])];
}

async function inFile(
  path: string,
  file: OciAuthFile,
  names: readonly string[],
  host: string,
  env: Environment,
): Promise<Credentials | undefined> {
  const [auths, credHelpers] = [file.auths ?? {}, file.credHelpers ?? {}];
  for (const name of names) {
    const [helper] = entriesFor(name, credHelpers);
    if (helper) return await fromHelper(helper[1], name, path, env);
    for (const [key, entry] of entriesFor(name, auths)) {
      const found = fromEntry(entry, { path, key, host });
      if (found) return found;
    }
  }
  const { credsStore } = file;
  if (credsStore === undefined || credsStore === null || credsStore === '') return undefined;
  // What was stored under an address, or under a key with a slash at its end, the store has under just that.
  const server = host === 'docker.io' ? DOCKER_HUB : host;
  for (const asked of new Set([server, ...entriesFor(host, auths).map(([key]) => key)])) {
    const found = await fromHelper(credsStore, asked, path, env);
    if (found) return found;
  }
  return undefined;
}

type AuthEntry = NonNullable<OciAuthFile['auths']>[string];

/** What a file has for this name, the exact key first. */
function entriesFor<T>(name: string, table: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(table)
    .filter(([key]) => key === name || nameOfKey(key) === name)
    .sort(([a], [b]) => Number(b === name) - Number(a === name));
}

/** `HOST[/NAMESPACE]` of the keys that logins have written: also `HOST/`, `https://HOST/v1/`, with a host in any case. */
function nameOfKey(key: string): string {
  const [, scheme, rest] = /^(https?:\/\/)?(.*)$/is.exec(key)!;
  const isAddress = scheme !== undefined || rest!.endsWith('/');
  const name = rest!.replace(/\/+$/, '').replace(isAddress ? /\/v[12]$/ : /$^/, '');
  const [host, ...namespace] = name.split('/');
  return [host!.toLowerCase(), ...namespace].join('/');
}

function fromEntry(
  entry: AuthEntry,
  { path, key, host }: { readonly path: string; readonly key: string; readonly host: string },
): Credentials | undefined {
  if (!entry) return undefined;
  const from = `${path} (${key})`;
  if (entry.identitytoken !== undefined && entry.identitytoken !== '')
    return { from, kind: 'identity-token', token: entry.identitytoken };
  if (entry.username !== undefined && entry.username !== '' && entry.password !== undefined)
    return { from, kind: 'password', username: entry.username, password: entry.password };
  // An empty entry is how Docker notes that a credential store holds the rest.
  if (entry.auth === undefined || entry.auth === '') return undefined;
  // Docker pads its text with zero bytes.
  const text = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\uFFFD')) {
    throw new StellaError('CONFIG_INVALID', `${from}: auth is not base64 of USER:PASSWORD`, {
      hint: hintAbout(path, host),
    });
  }
  return { from, kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Asks `docker-credential-NAME get` (the protocol of docker-credential-helpers): the server on stdin, JSON on stdout. */
async function fromHelper(
  helper: string,
  server: string,
  path: string,
  env: Environment,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper))
    throw new StellaError(
      'CONFIG_INVALID',
      `${path}: not the name of a credential helper: ${excerpt(helper)}`,
    );
  const program = `docker-credential-${helper}`;
  const failed = (why: string, cause?: unknown) =>
    new StellaError('CONFIG_INVALID', `${program}, named in ${path}, ${why}`, {
      cause,
      hint: `run \`echo ${server} | ${program} get\` by hand, or give --auth-file`,
    });
  const { status, output } = await runHelper(program, server, env).catch((cause: unknown) => {
    throw failed(`cannot be run (${systemCode(cause) ?? 'it gave no answer'})`, cause);
  });
  if (status !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw failed(`failed with exit status ${status}`);
  }
  const answer = parseJson(
    'oci-helper-answer',
    Buffer.from(output),
    `the answer of ${program}`,
    'CONFIG_INVALID',
  );
  return answer.Username === '<token>'
    ? { from: program, kind: 'identity-token', token: answer.Secret }
    : { from: program, kind: 'password', username: answer.Username, password: answer.Secret };
}

async function runHelper(
  program: string,
  server: string,
  env: Environment,
): Promise<{ status: number | null; output: string }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: HELPER_TIMEOUT,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_HELPER_BYTES) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output: output.slice(0, MAX_HELPER_BYTES) }));
    // A helper that does not read its input is judged by what it prints.
    child.stdin.on('error', () => {});
    child.stdin.end(server);
  });
}
