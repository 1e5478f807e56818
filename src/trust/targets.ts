import { excerpt } from '../base/bytes.ts';
import { type Instant, parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { ServiceMap } from '../base/schema-types.ts';
import type { Config, ConfigKey } from '../config/config.ts';
import { parseServiceMap } from '../config/service-map.ts';
import type { TufTarget, TufView } from '../tuf/view.ts';

export type TargetUsage =
  | 'Rekor'
  | 'Fulcio'
  | 'CTFE'
  | 'TSA'
  | 'bundle-signer'
  | 'service-map'
  | 'attestor'
  | 'trusted-root'
  | 'other';

/** A target that trust rests on, with what the metadata says about it. */
export interface TrustTarget {
  readonly name: string;
  readonly usage: TargetUsage;
  readonly status: 'Active' | 'Expired';
  readonly uri?: string;
  readonly validFrom?: Instant;
  readonly validUntil?: Instant;
  readonly bytes: Uint8Array;
}

/** The target names of the configuration; what each of them is used for follows from where it is named. */
export interface TargetNames {
  readonly rekorKeyTargets: readonly string[];
  /** Whether somebody chose them; the default name may be absent, and does not exclude other Rekor keys. */
  readonly rekorKeysChosen: boolean;
  /** Whether each of the Rekor keys must be there, as when somebody types their names. */
  readonly everyKeyRequired: boolean;
  readonly bundleKeyTargets: readonly string[];
  readonly bundleKeysChosen: boolean;
  readonly serviceMapTarget: string;
  readonly serviceMapChosen: boolean;
}

export const DEFAULT_TARGET_NAMES: TargetNames = {
  rekorKeyTargets: ['rekor-key-v1'],
  rekorKeysChosen: false,
  everyKeyRequired: false,
  bundleKeyTargets: ['bundle-signer-v1'],
  bundleKeysChosen: false,
  serviceMapTarget: 'sigstore-services-v1',
  serviceMapChosen: false,
};

/** The names in a configuration, and which of them somebody chose. */
export function targetNamesOf(
  config: Pick<Config, 'origins' | 'rekorKeyTargets' | 'bundleKeyTargets' | 'serviceMapTarget'>,
): TargetNames {
  const chosen = (key: ConfigKey) => config.origins[key].source !== 'default';
  return {
    rekorKeyTargets: config.rekorKeyTargets,
    rekorKeysChosen: chosen('rekor_key_targets'),
    everyKeyRequired: config.origins.rekor_key_targets.source === 'flag',
    bundleKeyTargets: config.bundleKeyTargets,
    bundleKeysChosen: chosen('bundle_key_targets'),
    serviceMapTarget: config.serviceMapTarget,
    serviceMapChosen: chosen('service_map_target'),
  };
}

/** The names of all targets that a configuration asks for. */
export function wantedTargets(
  config: Pick<Config, 'rekorKeyTargets' | 'bundleKeyTargets' | 'serviceMapTarget'>,
): string[] {
  return [config.serviceMapTarget, ...config.rekorKeyTargets, ...config.bundleKeyTargets];
}

const USAGES: Readonly<Record<string, TargetUsage>> = {
  Rekor: 'Rekor',
  Fulcio: 'Fulcio',
  CTFE: 'CTFE',
  TSA: 'TSA',
  'bundle-signer': 'bundle-signer',
  'service-map': 'service-map',
  attestor: 'attestor',
  'trusted-root': 'trusted-root',
};

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function stem(name: string): string {
  return baseName(name).replace(/(?<=.)\.[^.]*$/, '');
}

/**
 * The target of a configured name: exactly that name, else the one whose base name without extension equals it
 * (`rekor-key-v1` finds `rekor-key-v1.pub`).
 * @returns `undefined` when there is none
 * @throws StellaError TARGET_AMBIGUOUS naming the candidates
 */
export function findTarget(view: TufView, name: string): TufTarget | undefined {
  const exact = view.target(name);
  if (exact) return exact;
  const fitting = view.targetNames().filter((candidate) => stem(candidate) === name);
  if (fitting.length > 1) {
    throw new StellaError(
      'TARGET_AMBIGUOUS',
      `${fitting.length} targets of ${view.url} fit the name ${excerpt(name)}: ${fitting.slice(0, 10).join(', ')}`,
      { details: { name, candidates: fitting } },
    );
  }
  return fitting[0] === undefined ? undefined : view.target(fitting[0]);
}

/** {@link findTarget}, where it must exist. @throws StellaError TARGET_UNKNOWN, TARGET_AMBIGUOUS */
export function resolveTarget(view: TufView, name: string): TufTarget {
  const target = findTarget(view, name);
  if (target) return target;
  const near = nearest(name, [...view.targetNames(), ...view.targetNames().map(stem)]);
  throw new StellaError(
    'TARGET_UNKNOWN',
    `Unknown target ${excerpt(name)} in the TUF repository ${view.url}`,
    {
      hint: [
        ...(near === undefined ? [] : [`did you mean ${near}?`]),
        'on the TUF repository, run ./scripts/add-target.sh /path/to/target target-name',
      ],
      details: { target: name, url: view.url },
    },
  );
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function instantOf(target: TufTarget, field: string): Instant | undefined {
  const value = record(target.custom['stella'])[field];
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  try {
    return parseInstant(text);
  } catch (cause) {
    throw new StellaError(
      'TARGET_INVALID',
      `target ${excerpt(target.name)}: custom.stella.${field} is not a UTC time: ${excerpt(text)}`,
      { cause },
    );
  }
}

/** What the target's own custom metadata says it is for (`custom.sigstore.usage`, `custom.stella.usage`). */
function declaredUsage(target: TufTarget): TargetUsage | undefined {
  for (const key of ['stella', 'sigstore']) {
    const usage = record(target.custom[key])['usage'];
    if (typeof usage === 'string' && Object.hasOwn(USAGES, usage)) return USAGES[usage];
  }
  return baseName(target.name) === 'trusted_root.json' && !target.name.includes('/')
    ? 'trusted-root'
    : undefined;
}

/**
 * The service map: the target of the configured name, or `undefined` where only the default name was looked for in vain.
 * @throws StellaError SERVICE_MAP_NOT_FOUND, SERVICE_MAP_INVALID, TARGET_AMBIGUOUS, TUF_MISMATCH
 */
export async function loadServiceMap(view: TufView, names: TargetNames): Promise<ServiceMap | undefined> {
  const target = findTarget(view, names.serviceMapTarget);
  if (target) return parseServiceMap(await view.readTarget(target.name), target.name);
  if (!names.serviceMapChosen) return undefined;
  const near = nearest(names.serviceMapTarget, [...view.targetNames(), ...view.targetNames().map(stem)]);
  throw new StellaError(
    'SERVICE_MAP_NOT_FOUND',
    `Service map not found: the TUF repository ${view.url} has no target ${excerpt(names.serviceMapTarget)}`,
    {
      hint: [
        ...(near === undefined ? [] : [`did you mean ${near}?`]),
        'run `stella trust status` and check the service_map_target value',
      ],
      details: { service_map_target: names.serviceMapTarget, url: view.url },
    },
  );
}

/** Which usage each target gets from being named in the configuration or the service map; the latter where it is given. */
function namedUsages(
  view: TufView,
  names: TargetNames,
  map: ServiceMap | undefined,
): Map<string, TargetUsage> {
  const usages = new Map<string, TargetUsage>();
  const give = (name: string | undefined, usage: TargetUsage) => {
    const target = name === undefined ? undefined : findTarget(view, name);
    if (target) usages.set(target.name, usage);
  };
  give(map?.fulcio?.root_cert_target, 'Fulcio');
  give(map?.tsa?.cert_chain_target, 'TSA');
  give(map?.ctlog?.public_key_target, 'CTFE');
  if (!names.rekorKeysChosen) {
    give(map?.rekor?.public_key_target, 'Rekor');
    for (const log of map?.logs ?? []) give(log.public_key_target, 'Rekor');
  }
  give(names.serviceMapTarget, 'service-map');
  for (const target of chosenKeys(view, names.rekorKeyTargets, names.rekorKeysChosen, names.everyKeyRequired))
    usages.set(target.name, 'Rekor');
  for (const target of chosenKeys(view, names.bundleKeyTargets, names.bundleKeysChosen, false))
    usages.set(target.name, 'bundle-signer');
  return usages;
}

/**
 * The key targets of these names. In a rotation a configuration names the old key and the new one, of which one is not
 * there yet, or no more; but of names that somebody chose one at least must be there.
 * @throws StellaError TARGET_UNKNOWN, TARGET_AMBIGUOUS
 */
function chosenKeys(
  view: TufView,
  names: readonly string[],
  areChosen: boolean,
  isEachRequired: boolean,
): TufTarget[] {
  if (isEachRequired) return names.map((name) => resolveTarget(view, name));
  const found = names.map((name) => findTarget(view, name)).filter((target) => target !== undefined);
  if (areChosen && found.length === 0 && names[0] !== undefined) resolveTarget(view, names[0]);
  return found;
}

/**
 * Every target that trust rests on, with its bytes. A target's usage is the one it is configured for, else the one that
 * its custom metadata declares. Where Rekor key targets were chosen, no other target is a Rekor key; likewise bundle keys.
 * @throws StellaError TARGET_UNKNOWN where none of the chosen names is there, TARGET_AMBIGUOUS, TARGET_INVALID, TUF_MISMATCH
 */
export async function trustTargets(
  view: TufView,
  names: TargetNames = DEFAULT_TARGET_NAMES,
  map?: ServiceMap,
): Promise<TrustTarget[]> {
  const named = namedUsages(view, names, map);
  const targets: TrustTarget[] = [];
  for (const name of view.targetNames()) {
    const target = view.target(name)!;
    const declared = declaredUsage(target);
    const usage = named.get(name) ?? declared;
    if (usage === undefined) continue;
    const excluded =
      !named.has(name) &&
      ((usage === 'Rekor' && names.rekorKeysChosen) ||
        usage === 'service-map' ||
        (usage === 'bundle-signer' && names.bundleKeysChosen));
    if (excluded) continue;
    const sigstore = record(target.custom['sigstore']);
    const uri = sigstore['uri'];
    const validFrom = instantOf(target, 'valid_from');
    const validUntil = instantOf(target, 'valid_until');
    targets.push({
      name,
      usage,
      status: sigstore['status'] === 'Expired' ? 'Expired' : 'Active',
      ...(typeof uri === 'string' ? { uri } : {}),
      ...(validFrom === undefined ? {} : { validFrom }),
      ...(validUntil === undefined ? {} : { validUntil }),
      bytes: await view.readTarget(name),
    });
  }
  return targets;
}
