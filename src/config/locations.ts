import { join, posix, win32 } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a process runs, as far as the configuration depends on it. */
export interface Place {
  readonly env: Environment;
  readonly cwd: string;
  /** `process.platform` of the machine; what it decides is where data and configuration live. */
  readonly platform: string;
}

/** An environment variable that is set and not empty. */
export function variable(env: Environment, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === undefined || value === '' ? undefined : value;
}

/** The home directory of this user, where there is one. */
export function home(env: Environment): string | undefined {
  return variable(env, 'HOME') ?? variable(env, 'USERPROFILE');
}

function under(base: string | undefined, ...parts: string[]): string | undefined {
  return base === undefined ? undefined : join(base, ...parts);
}

/** XDG paths that are not absolute must be ignored (XDG Base Directory Specification). */
function xdg(env: Environment, name: string): string | undefined {
  const value = variable(env, name);
  return value !== undefined && posix.isAbsolute(value) ? value : undefined;
}

/** The default `local_cache_path`: where the OS keeps a user's application data. `undefined` where there is no home. */
export function dataDirectory({ env, platform }: Place): string | undefined {
  if (platform === 'win32') {
    const base = variable(env, 'LOCALAPPDATA') ?? under(home(env), 'AppData', 'Local');
    return base === undefined ? undefined : win32.join(base, 'stella');
  }
  if (platform === 'darwin') return under(home(env), 'Library', 'Application Support', 'stella');
  return under(xdg(env, 'XDG_DATA_HOME') ?? under(home(env), '.local', 'share'), 'stella');
}

/** Where the OS keeps what a user's application may lose: here where interrupted uploads go on. */
export function stateDirectory({ env, platform }: Place): string | undefined {
  if (platform === 'win32') {
    const base = variable(env, 'LOCALAPPDATA') ?? under(home(env), 'AppData', 'Local');
    return base === undefined ? undefined : win32.join(base, 'stella-state');
  }
  if (platform === 'darwin') return under(home(env), 'Library', 'Caches', 'stella');
  return under(xdg(env, 'XDG_STATE_HOME') ?? under(home(env), '.local', 'state'), 'stella');
}

/** The configuration file of this user, which is used when neither `--config` nor `$STELLA_CONFIG` names one. */
function userConfigFile({ env, platform }: Place): string | undefined {
  if (platform === 'win32') {
    const base = variable(env, 'APPDATA') ?? under(home(env), 'AppData', 'Roaming');
    return base === undefined ? undefined : win32.join(base, 'stella', 'stella.yaml');
  }
  if (platform === 'darwin')
    return under(home(env), 'Library', 'Application Support', 'stella', 'stella.yaml');
  return under(xdg(env, 'XDG_CONFIG_HOME') ?? under(home(env), '.config'), 'stella', 'stella.yaml');
}

/** The configuration file of the machine. Windows has no place that only administrators can write by default. */
const SYSTEM_CONFIG_FILE = '/etc/stella/stella.yaml';

/** Where a configuration file is believed without being named; the first that is there counts. */
export function defaultConfigFiles(place: Place): string[] {
  const user = userConfigFile(place);
  return [...(user === undefined ? [] : [user]), ...(place.platform === 'win32' ? [] : [SYSTEM_CONFIG_FILE])];
}
