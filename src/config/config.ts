/**
 * config/: what the operator has set: flags, environment, stella.yaml, what the store remembers, defaults, in that
 * order, each value with where it came from; and the service map with the endpoints that it gives. It never fetches
 * anything, never opens the trust store, and corrects no value: a wrong one is refused with its key. Paths, proxies
 * and time limits leave here resolved, with their units in their names.
 * Start here, then config-file.ts for the file, locations.ts for where it is looked for, service-map.ts for endpoints.
 */

import { platform } from 'node:os';
import { dirname, resolve } from 'node:path';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded, readBoundedIfPresent } from '../base/files.ts';
import type { ConfigFileTrustRepo } from '../base/schema-types.ts';
import { examineConfigFile, type ParsedConfigFile } from './config-file.ts';
import { checkConfigOwner } from './config-owner.ts';
import { environmentSettings, pathInVariable, VARIABLES } from './environment.ts';
import { type ConfigFinding, ConfigFindings, throwFindings } from './findings.ts';
import { dataDirectory, defaultConfigFiles, type Environment, type Place, variable } from './locations.ts';
import { type NetworkConfig, resolveNetwork } from './network.ts';
import { resolvePath } from './paths.ts';
import { SOURCES, type Source } from './sources.ts';
import { checkUrl } from './url-credentials.ts';

/** A key of section `attestor.trust_repo`, plus what is set by environment only. */
export type ConfigKey = Exclude<keyof ConfigFileTrustRepo, 'network'> | 'service_map_file';

export interface Origin {
  readonly source: Source;
  /** The flag's name, the variable's name, `FILE:LINE`; absent for defaults. */
  readonly where?: string;
}

/** The effective configuration: DESIGN's table of keys in camel case, with units in the names. */
export interface Config {
  /** The file that was read, if there is one. */
  readonly file: string | undefined;
  readonly enabled: boolean;
  /** The repository and its mirrors, in the order in which they are tried. Empty when none is configured. */
  readonly tufUrls: readonly string[];
  /** Where the home repository's targets are, where not in `targets/` below its address. */
  readonly targetsUrl: string | undefined;
  readonly prefixTargetsWithHash: boolean;
  /** Further repositories by name, in the order of the file. */
  readonly repositories: ReadonlyMap<string, RepositoryConfig>;
  readonly refreshIntervalMinutes: number;
  readonly freshnessThresholdDays: number;
  readonly freshnessWarnDays: number;
  readonly offlineMode: boolean;
  /** Absolute path of the trust store; `undefined` where the OS has no place for it and none is configured. */
  readonly localCachePath: string | undefined;
  readonly serviceMapTarget: string;
  /** A local service map that replaces the target (`STELLA_SIGSTORE_SERVICE_MAP`). */
  readonly serviceMapFile: string | undefined;
  readonly rekorKeyTargets: readonly string[];
  /** Delegated TUF roles whose targets may decide trust, like those of the top-level role. */
  readonly trustRoles: readonly string[];
  readonly environment: string | undefined;
  readonly bundleKeyTargets: readonly string[];
  readonly bundleKeyThreshold: number;
  /** Whether keyless attestations are refused where no rule says who may have signed. */
  readonly requireIdentity: boolean;
  readonly signingKey: string | undefined;
  readonly tlogPolicy: string | undefined;
  readonly network: NetworkConfig;
  readonly origins: Readonly<Record<ConfigKey, Origin>>;
}

/** How a further repository is followed, as far as the file says it. */
export interface RepositoryConfig {
  /** The repository and its mirrors; empty where the store knows, or a built-in instance. */
  readonly tufUrls: readonly string[];
  readonly targetsUrl: string | undefined;
  readonly prefixTargetsWithHash: boolean;
}

/** What flags of a command set, by the configuration key they stand for. */
export type ConfigFlags = {
  readonly [K in Exclude<keyof ConfigFileTrustRepo, 'network'>]?: ConfigFileTrustRepo[K] | undefined;
};

/** What `trust init` was told and the store remembers: weaker than file and environment, stronger than defaults. */
export interface Remembered {
  readonly tuf_url?: string | readonly string[] | undefined;
  readonly service_map_target?: string | undefined;
  readonly rekor_key_targets?: readonly string[] | undefined;
}

export interface ConfigPlace {
  /** `--config FILE`. */
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
  /** Default: the platform this runs on. */
  readonly platform?: string;
  /** Where a file is looked for when none is named. Default: the user's and the machine's. */
  readonly searched?: readonly string[];
}

const MAX_CONFIG_BYTES = 1024 * 1024;

export const DEFAULTS = {
  enabled: false,
  prefix_targets_with_hash: true,
  refresh_interval_minutes: 60,
  freshness_threshold_days: 7,
  offline_mode: false,
  service_map_target: 'sigstore-services-v1',
  rekor_key_targets: ['rekor-key-v1'],
  trust_roles: [],
  bundle_key_targets: ['bundle-signer-v1'],
  bundle_key_threshold: 1,
  require_identity: false,
} as const satisfies ConfigFileTrustRepo;

/** A configuration file that was read. */
export interface LoadedConfigFile {
  readonly path: string;
  readonly parsed: ParsedConfigFile;
}

const osOf = (place: ConfigPlace): Place => ({
  env: place.env,
  cwd: place.cwd,
  platform: place.platform ?? platform(),
});

/**
 * The configuration file of a place, if there is one: the one that is named, else the user's, else the machine's. Nothing
 * is picked up from the working directory, which may be a medium or another person's checkout.
 * @throws StellaError CONFIG_NOT_FOUND, CONFIG_INVALID with everything that is wrong, CONFIG_UNSAFE, FILE_UNREADABLE,
 *   FILE_TOO_LARGE
 */
export function loadConfigFile(place: ConfigPlace): LoadedConfigFile | undefined {
  const named = place.file ?? variable(place.env, 'STELLA_CONFIG');
  if (named !== undefined) {
    const path =
      place.file === undefined
        ? pathInVariable('STELLA_CONFIG', named, place)
        : resolve(place.cwd, place.file);
    const from = place.file === undefined ? 'STELLA_CONFIG' : '--config';
    return believed(readNamedFile(path, from, place));
  }
  for (const path of place.searched ?? defaultConfigFiles(osOf(place))) {
    const bytes = readBoundedIfPresent(path, MAX_CONFIG_BYTES);
    if (bytes) return believed(examined(path, bytes, place));
  }
  return undefined;
}

function believed(file: LoadedConfigFile): LoadedConfigFile {
  checkConfigOwner(file.path, file.parsed.values);
  return file;
}

/**
 * A file as it is, whoever can write it: to check what is in it, not to act by it.
 * @throws StellaError CONFIG_NOT_FOUND, CONFIG_INVALID, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function readConfigFile(path: string, place: ConfigPlace): LoadedConfigFile {
  return readNamedFile(path, undefined, place);
}

function readNamedFile(path: string, from: string | undefined, place: ConfigPlace): LoadedConfigFile {
  let bytes: Uint8Array;
  try {
    bytes = readBounded(path, MAX_CONFIG_BYTES);
  } catch (error) {
    if (!isStellaError(error, 'FILE_NOT_FOUND')) throw error;
    throw new StellaError('CONFIG_NOT_FOUND', `no configuration file ${path}`, {
      cause: error,
      hint: from === undefined ? 'check the path' : `check ${from}`,
    });
  }
  return examined(path, bytes, place);
}

/** What is wrong with one part of the configuration does not keep the rest from being told. */
function examined(path: string, bytes: Uint8Array, place: ConfigPlace): LoadedConfigFile {
  const { parsed, findings } = examineConfigFile(bytes, path);
  if (findings.length > 0) throwFindings([...findings, ...settle(place, { path, parsed }, {}, {}).findings]);
  return { path, parsed };
}

const list = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

/**
 * The effective configuration: flag, environment, file, what the store remembers, default – in this order. Paths in
 * the file are relative to the file, paths in flags and environment to `cwd`.
 * @throws StellaError CONFIG_*, URL_CREDENTIALS, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function loadConfig(place: ConfigPlace, flags: ConfigFlags = {}, remembered: Remembered = {}): Config {
  return resolveConfig(place, loadConfigFile(place), flags, remembered);
}

/**
 * {@link loadConfig} with a file that was read before.
 * @throws StellaError CONFIG_INVALID, URL_CREDENTIALS with everything that is wrong
 */
export function resolveConfig(
  place: ConfigPlace,
  file: LoadedConfigFile | undefined,
  flags: ConfigFlags,
  remembered: Remembered = {},
): Config {
  const { config, findings } = settle(place, file, flags, remembered);
  throwFindings(findings);
  return config;
}

/** The configuration, where nothing is wrong with it, and everything that is. */
function settle(
  place: ConfigPlace,
  file: LoadedConfigFile | undefined,
  flags: ConfigFlags,
  remembered: Remembered,
): { config: Config; findings: readonly ConfigFinding[] } {
  const findings = new ConfigFindings();
  const environment = environmentSettings(place, findings);
  const inFile = file?.parsed.values ?? {};
  const origins = {} as Record<ConfigKey, Origin>;
  const inFileAt = (key: string) => ({ file: file?.path, line: file?.parsed.lineOf(key) });

  function pick<K extends keyof ConfigFlags>(key: K): ConfigFileTrustRepo[K] | undefined {
    const where = (name: string | undefined) => (name === undefined ? {} : { where: name });
    const candidates: Readonly<Record<Source, readonly [value: unknown, where?: string | undefined]>> = {
      flag: [flags[key]],
      environment: [
        (environment.values as ConfigFlags)[key],
        (VARIABLES as Partial<Record<string, string>>)[key],
      ],
      file: [
        inFile[key],
        file && `${file.path}${file.parsed.lineOf(key) === undefined ? '' : `:${file.parsed.lineOf(key)}`}`,
      ],
      store: [(remembered as ConfigFlags)[key]],
      default: [(DEFAULTS as ConfigFileTrustRepo)[key]],
    };
    const source = SOURCES.find((each) => candidates[each][0] !== undefined) ?? 'default';
    const [value, name] = candidates[source];
    origins[key] = { source, ...where(name) };
    return value as ConfigFileTrustRepo[K] | undefined;
  }

  /** What to say of where the effective value of a key is from. */
  function placeOf(key: keyof ConfigFlags): Pick<ConfigFinding, 'file' | 'line' | 'where'> {
    const { source, where } = origins[key];
    return source === 'file' ? inFileAt(key) : where === undefined ? {} : { where };
  }

  function pickPath(key: 'local_cache_path' | 'signing_key' | 'tlog_policy'): string | undefined {
    const value = pick(key);
    if (value === undefined) return undefined;
    const isInFile = origins[key].source === 'file';
    return findings.attempt(placeOf(key), () =>
      isInFile ? resolvePath(value, dirname(file!.path), place.env) : resolve(place.cwd, value),
    );
  }

  const urls = pick('tuf_url');
  // What an older stella stored can still be looked at; whatever fetches from there refuses it.
  if (urls !== undefined && !['store', 'environment'].includes(origins.tuf_url.source))
    for (const url of list(urls)) findings.attempt(placeOf('tuf_url'), () => checkUrl(url, 'tuf_url'));
  const threshold = pick('freshness_threshold_days')!;
  const warn = pick('freshness_warn_days') ?? threshold / 2;
  findings.attempt(placeOf('freshness_warn_days'), () => checkWarning(warn, threshold));
  const further = pick('repositories') ?? {};
  const targetsUrl = pick('targets_url');
  if (targetsUrl !== undefined)
    findings.attempt(placeOf('targets_url'), () => checkUrl(targetsUrl, 'targets_url'));
  origins.service_map_file =
    environment.serviceMapFile === undefined
      ? { source: 'default' }
      : { source: 'environment', where: VARIABLES.service_map_file };
  const config = {
    file: file?.path,
    enabled: pick('enabled')!,
    tufUrls: urls === undefined ? [] : list(urls),
    targetsUrl,
    prefixTargetsWithHash: pick('prefix_targets_with_hash')!,
    repositories: findings.attempt(placeOf('repositories'), () => repositoriesOf(further)) ?? new Map(),
    refreshIntervalMinutes: pick('refresh_interval_minutes')!,
    freshnessThresholdDays: threshold,
    freshnessWarnDays: warn,
    offlineMode: pick('offline_mode')!,
    localCachePath: pickPath('local_cache_path') ?? dataDirectory(osOf(place)),
    serviceMapTarget: pick('service_map_target')!,
    serviceMapFile: environment.serviceMapFile,
    rekorKeyTargets: pick('rekor_key_targets')!,
    trustRoles: pick('trust_roles')!,
    environment: pick('environment'),
    bundleKeyTargets: pick('bundle_key_targets')!,
    bundleKeyThreshold: pick('bundle_key_threshold')!,
    requireIdentity: pick('require_identity')!,
    signingKey: pickPath('signing_key'),
    tlogPolicy: pickPath('tlog_policy'),
    network: resolveNetwork(
      inFile.network ?? {},
      place,
      file === undefined ? place.cwd : dirname(file.path),
      (key, work) => findings.attempt(inFileAt(`network.${key}`), work),
    ),
    origins,
  };
  return { config, findings: findings.all };
}

/** @throws StellaError CONFIG_INVALID */
function checkWarning(warn: number, threshold: number): void {
  if (warn <= threshold) return;
  throw new StellaError(
    'CONFIG_INVALID',
    `freshness_warn_days (${warn}) is greater than freshness_threshold_days (${threshold})`,
    { hint: 'warn earlier than the staleness window ends' },
  );
}

/** @throws StellaError CONFIG_INVALID, URL_CREDENTIALS */
function repositoriesOf(
  section: NonNullable<ConfigFileTrustRepo['repositories']>,
): ReadonlyMap<string, RepositoryConfig> {
  return new Map(
    Object.entries(section).map(([name, { tuf_url, targets_url, prefix_targets_with_hash }]) => {
      const place = `repositories.${name}`;
      if (name === 'home')
        throw new StellaError('CONFIG_INVALID', 'a further repository cannot be called home', {
          hint: 'the home repository is the one that tuf_url names; call the other one something else',
        });
      const tufUrls = tuf_url === undefined ? [] : list(tuf_url);
      for (const url of tufUrls) checkUrl(url, `${place}.tuf_url`);
      if (targets_url !== undefined) checkUrl(targets_url, `${place}.targets_url`);
      const prefixTargetsWithHash = prefix_targets_with_hash ?? DEFAULTS.prefix_targets_with_hash;
      return [name, { tufUrls, targetsUrl: targets_url, prefixTargetsWithHash }];
    }),
  );
}

/** @throws StellaError CONFIG_INVALID when there is none */
export function storePathOf(config: Config): string {
  if (config.localCachePath !== undefined) return config.localCachePath;
  throw new StellaError('CONFIG_INVALID', 'local_cache_path is not set and there is no home directory', {
    hint: 'set attestor.trust_repo.local_cache_path, or $XDG_DATA_HOME',
  });
}
