import { excerpt } from '../base/bytes.ts';
import { type Instant, parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { ServiceMap } from '../base/schema-types.ts';
import { table } from '../base/table.ts';
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
  /** Delegated roles whose targets count like those of the top-level role. */
  readonly trustRoles: ReadonlySet<string>;
}

export const DEFAULT_TARGET_NAMES: TargetNames = {
  rekorKeyTargets: ['rekor-key-v1'],
  rekorKeysChosen: false,
  everyKeyRequired: false,
  bundleKeyTargets: ['bundle-signer-v1'],
  bundleKeysChosen: false,
  serviceMapTarget: 'sigstore-services-v1',
  serviceMapChosen: false,
  trustRoles: new Set(),
};

/** The names in a configuration, and which of them somebody chose. */
export function targetNamesOf(
  config: Pick<
    Config,
    'origins' | 'trustRoles' | 'rekorKeyTargets' | 'bundleKeyTargets' | 'serviceMapTarget'
  >,
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
    trustRoles: new Set(config.trustRoles),
  };
}

/**
 * Whether a target can decide trust by the role that lists it: the top-level one, or a delegated role that the
 * configuration names. The holder of any other delegated key lists content, never an anchor.
 */
export function isAnchor({ role, anchored }: TufTarget, trustRoles: ReadonlySet<string>): boolean {
  // The store may have been made with other roles than the configuration names today.
  return anchored && (role === 'targets' || trustRoles.has(role));
}

/** Which targets trust rests on, under a configuration: those that it names, and those that declare a usage. */
export function neededTargets(
  config: Pick<Config, 'trustRoles' | 'rekorKeyTargets' | 'bundleKeyTargets' | 'serviceMapTarget'>,
): (target: TufTarget) => boolean {
  const trustRoles = new Set(config.trustRoles);
  const names = new Set([config.serviceMapTarget, ...config.rekorKeyTargets, ...config.bundleKeyTargets]);
  return (target) =>
    isAnchor(target, trustRoles) &&
    (names.has(target.name) || names.has(stem(target.name)) || declaredUsage(target) !== undefined);
}

const USAGES = table<TargetUsage>({
  Rekor: 'Rekor',
  Fulcio: 'Fulcio',
  CTFE: 'CTFE',
  TSA: 'TSA',
  'bundle-signer': 'bundle-signer',
  'service-map': 'service-map',
  attestor: 'attestor',
  'trusted-root': 'trusted-root',
});

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function stem(name: string): string {
  return baseName(name).replace(/(?<=.)\.[^.]*$/, '');
}

/**
 * The target of a configured name, of those that can decide trust: exactly that name, else the one whose base name without
 * extension equals it (`rekor-key-v1` finds `rekor-key-v1.pub`).
 * @returns `undefined` when there is none
 * @throws StellaError TARGET_AMBIGUOUS naming the candidates
 */
export function findTargetByStem(
  view: TufView,
  name: string,
  trustRoles: ReadonlySet<string>,
): TufTarget | undefined {
  const exact = view.target(name);
  if (exact && isAnchor(exact, trustRoles)) return exact;
  const fitting = anchorsOf(view, trustRoles).filter((target) => stem(target.name) === name);
  if (fitting.length > 1) {
    const candidates = fitting.map((target) => target.name);
    throw new StellaError(
      'TARGET_AMBIGUOUS',
      `${fitting.length} targets of ${view.url} fit the name ${excerpt(name)}: ${candidates.slice(0, 10).join(', ')}`,
      { details: { name, candidates } },
    );
  }
  return fitting[0];
}

function anchorsOf(view: TufView, trustRoles: ReadonlySet<string>): TufTarget[] {
  return view
    .targetNames()
    .map((name) => view.target(name)!)
    .filter((target) => isAnchor(target, trustRoles));
}

/** {@link findTargetByStem}, where it must exist. @throws StellaError TARGET_UNKNOWN, TARGET_AMBIGUOUS */
export function resolveTarget(view: TufView, name: string, trustRoles: ReadonlySet<string>): TufTarget {
  const target = findTargetByStem(view, name, trustRoles);
  if (target) return target;
  throw new StellaError(
    'TARGET_UNKNOWN',
    `Unknown target ${excerpt(name)} in the TUF repository ${view.url}`,
    {
      hint: [
        ...hintsFor(view, name, trustRoles),
        'on the TUF repository, run ./scripts/add-target.sh /path/to/target target-name',
      ],
      details: { target: name, url: view.url },
    },
  );
}

/** What may have been meant by a name that no target that can decide trust has. */
function hintsFor(view: TufView, name: string, trustRoles: ReadonlySet<string>): string[] {
  const delegated = view
    .targetNames()
    .map((each) => view.target(each)!)
    .find((target) => target.name === name || stem(target.name) === name);
  if (delegated && !isAnchor(delegated, trustRoles))
    return [
      `${excerpt(delegated.name)} is listed by the delegated role ${excerpt(delegated.role)}, which decides no trust; if it may, add it to attestor.trust_repo.trust_roles`,
    ];
  const names = anchorsOf(view, trustRoles).map((target) => target.name);
  const near = nearest(name, [...names, ...names.map(stem)]);
  return near === undefined ? [] : [`did you mean ${near}?`];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function instantOf(target: TufTarget, field: 'valid_from' | 'valid_until'): Instant | undefined {
  const text = record(target.custom['stella'])[field];
  if (text === undefined) return undefined;
  try {
    return parseInstant(typeof text === 'string' ? text : '');
  } catch (cause) {
    throw new StellaError(
      'TARGET_INVALID',
      `target ${excerpt(target.name)}: custom.stella.${field} is not a UTC time: ${excerpt(JSON.stringify(text))}`,
      { cause },
    );
  }
}

/** What the target's own custom metadata says it is for (`custom.sigstore.usage`, `custom.stella.usage`). */
function declaredUsage(target: TufTarget): TargetUsage | undefined {
  for (const key of ['stella', 'sigstore'] as const) {
    const usage = record(target.custom[key])['usage'];
    if (typeof usage === 'string' && USAGES[usage]) return USAGES[usage];
  }
  return baseName(target.name) === 'trusted_root.json' && !target.name.includes('/')
    ? 'trusted-root'
    : undefined;
}

/** Whether a target is a trusted root that the top-level role lists: all that counts of a further repository. */
export function isTrustedRoot(target: TufTarget): boolean {
  return isAnchor(target, NO_ROLES) && declaredUsage(target) === 'trusted-root';
}

/** What other usages the top-level role of a further repository declares: none of them counts. */
export function uncountedTargets(view: TufView): IgnoredTarget[] {
  return anchorsOf(view, NO_ROLES).flatMap((target) => {
    const usage = declaredUsage(target);
    const isCounted = usage === undefined || !NEVER_COUNTED.has(usage);
    return isCounted ? [] : [{ name: target.name, role: target.role, usage }];
  });
}

const NO_ROLES: ReadonlySet<string> = new Set();
const NEVER_COUNTED: ReadonlySet<TargetUsage> = new Set(['bundle-signer', 'service-map', 'attestor']);

/**
 * The trusted root of a further repository.
 * @throws StellaError TARGET_UNKNOWN where it publishes none, TARGET_AMBIGUOUS, TARGET_INVALID, TUF_MISMATCH
 */
export async function trustedRootTarget(view: TufView): Promise<TrustTarget> {
  const found = anchorsOf(view, NO_ROLES).filter(isTrustedRoot);
  const target = found.find(({ name }) => name === 'trusted_root.json') ?? found[0];
  if (!target)
    throw new StellaError(
      'TARGET_UNKNOWN',
      `the TUF repository ${view.url} has no trusted_root.json: a further repository contributes one instance, and that is it`,
      { hint: 'make it the home repository with --tuf-url, or leave it out' },
    );
  if (found.length > 1 && target.name !== 'trusted_root.json')
    throw new StellaError(
      'TARGET_AMBIGUOUS',
      `${found.length} targets of ${view.url} are declared as trusted roots: ${found
        .slice(0, 10)
        .map(({ name }) => excerpt(name))
        .join(', ')}`,
    );
  const bytes = await view.readTarget(target.name);
  return { name: target.name, usage: 'trusted-root', status: 'Active', bytes };
}

/**
 * The service map: the target of the configured name, or `undefined` where only the default name was looked for in vain.
 * @throws StellaError SERVICE_MAP_NOT_FOUND, SERVICE_MAP_INVALID, TARGET_AMBIGUOUS, TUF_MISMATCH
 */
export async function loadServiceMap(view: TufView, names: TargetNames): Promise<ServiceMap | undefined> {
  const target = findTargetByStem(view, names.serviceMapTarget, names.trustRoles);
  if (target) return parseServiceMap(await view.readTarget(target.name), target.name);
  if (!names.serviceMapChosen) return undefined;
  throw new StellaError(
    'SERVICE_MAP_NOT_FOUND',
    `Service map not found: the TUF repository ${view.url} has no target ${excerpt(names.serviceMapTarget)}`,
    {
      hint: [
        ...hintsFor(view, names.serviceMapTarget, names.trustRoles),
        'check the service_map_target value: `stella config show` has it, and `stella trust status` where there is a trust store',
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
    const target = name === undefined ? undefined : findTargetByStem(view, name, names.trustRoles);
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
  const { trustRoles } = names;
  for (const target of chosenKeys(
    view,
    names.rekorKeyTargets,
    names.rekorKeysChosen,
    names.everyKeyRequired,
    trustRoles,
  ))
    usages.set(target.name, 'Rekor');
  for (const target of chosenKeys(view, names.bundleKeyTargets, names.bundleKeysChosen, false, trustRoles))
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
  trustRoles: ReadonlySet<string>,
): TufTarget[] {
  if (isEachRequired) return names.map((name) => resolveTarget(view, name, trustRoles));
  const found = names
    .map((name) => findTargetByStem(view, name, trustRoles))
    .filter((target) => target !== undefined);
  if (areChosen && found.length === 0 && names[0] !== undefined) resolveTarget(view, names[0], trustRoles);
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
  for (const target of anchorsOf(view, names.trustRoles)) {
    const { name } = target;
    const declared = declaredUsage(target);
    const usage = named.get(name) ?? declared;
    if (usage === undefined) continue;
    if (!named.has(name) && isExcluded(usage, names)) continue;
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

function isExcluded(usage: TargetUsage, names: TargetNames): boolean {
  if (usage === 'Rekor') return names.rekorKeysChosen;
  return usage === 'service-map' || (usage === 'bundle-signer' && names.bundleKeysChosen);
}

/**
 * The keys that the repository publishes for a use for which others were chosen: those that declare it, and log keys that
 * the service map names. What is marked as expired is none to be used.
 * @throws StellaError as {@link trustTargets}
 */
export function unusedKeys(view: TufView, names: TargetNames, map?: ServiceMap): IgnoredTarget[] {
  const named = namedUsages(view, names, map);
  const usual = namedUsages(view, { ...names, rekorKeysChosen: false }, map);
  return anchorsOf(view, names.trustRoles).flatMap((target) => {
    const { name, role } = target;
    const usage = usual.get(name) ?? declaredUsage(target);
    const isKey = usage === 'Rekor' || usage === 'bundle-signer';
    const isExpired = record(target.custom['sigstore'])['status'] === 'Expired';
    return isKey && !isExpired && !named.has(name) && isExcluded(usage, names) ? [{ name, role, usage }] : [];
  });
}

/** A target that declares a usage and does not count, because of the role that lists it. */
export interface IgnoredTarget {
  readonly name: string;
  readonly role: string;
  readonly usage: TargetUsage;
}

/** The targets of delegated roles that declare a usage and decide no trust. */
export function ignoredTargets(view: TufView, trustRoles: ReadonlySet<string>): IgnoredTarget[] {
  return view.targetNames().flatMap((name) => {
    const target = view.target(name)!;
    const usage = isAnchor(target, trustRoles) ? undefined : declaredUsage(target);
    return usage === undefined ? [] : [{ name, role: target.role, usage }];
  });
}
