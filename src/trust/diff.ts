import type { Instant } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { loadRepositories } from '../store/generation.ts';
import type { Generation } from '../store/store.ts';
import type { TufTarget } from '../tuf/view.ts';
import { pinnedBundleKeys } from './bundle-keys.ts';
import { furtherInstance } from './instance.ts';
import { type DistributedKey, distributedKeys } from './key-list.ts';
import { formatFingerprint } from './pin.ts';
import { loadServices, type Services } from './services.ts';
import { targetNamesOf, trustTargets } from './targets.ts';

/** One thing that two generations do not have in common. */
export interface Difference {
  readonly change: 'added' | 'removed' | 'changed';
  readonly kind: 'repository' | 'role' | 'target' | 'key' | 'certificate' | 'endpoint' | 'log' | 'bundle key';
  readonly name: string;
  /** What it was and what it is, for people. */
  readonly before?: string;
  readonly after?: string;
}

interface Facts {
  readonly facts: ReadonlyMap<string, { kind: Difference['kind']; name: string; value: string }>;
}

/**
 * What changed between two generations: repositories, roles, targets, keys, certificates, endpoints, logs.
 * @throws StellaError STORE_CORRUPT, TUF_*, SERVICE_MAP_INVALID, TARGET_INVALID
 */
export async function diffGenerations(
  before: Generation,
  after: Generation,
  config: Config,
): Promise<Difference[]> {
  const [old, now] = [await factsOf(before, config), await factsOf(after, config)];
  const differences: Difference[] = [];
  for (const [id, { kind, name, value }] of now.facts) {
    const was = old.facts.get(id);
    if (!was) differences.push({ change: 'added', kind, name, after: value });
    else if (was.value !== value)
      differences.push({ change: 'changed', kind, name, before: was.value, after: value });
  }
  for (const [id, { kind, name, value }] of old.facts)
    if (!now.facts.has(id)) differences.push({ change: 'removed', kind, name, before: value });
  return differences;
}

async function factsOf(generation: Generation, config: Config): Promise<Facts> {
  const facts = new Map<string, { kind: Difference['kind']; name: string; value: string }>();
  const put = (kind: Difference['kind'], name: string, value: string, id = name) =>
    facts.set(JSON.stringify([kind, id]), { kind, name, value });
  const [home, ...others] = await loadRepositories(generation);
  const { view } = home!;
  for (const { repository, view: own } of [home!, ...others]) {
    const of = repository.isHome ? '' : `${repository.name}: `;
    const { url } = repository.tuf;
    const { version, sha256 } = repository.pin;
    if (!repository.isHome)
      put('repository', repository.name, `${url}, pinned to root ${version}, ${formatFingerprint(sha256)}`);
    for (const role of own.roles) put('role', `${of}${role.name}`, `version ${role.version}`);
    for (const name of own.targetNames()) put('target', `${of}${name}`, describeTarget(own.target(name)!));
    if (repository.isHome) continue;
    const { target } = await furtherInstance({ name: repository.name, view: own });
    for (const key of distributedKeys([target!])) {
      const kind = key.algorithm === 'certificate' ? 'certificate' : 'key';
      put(kind, `${of}${key.usage} ${key.target} ${key.id}`, describeKey(key), `${of}${key.usage} ${key.id}`);
    }
  }
  // What an older generation lacks of today's configuration is a difference, not an error.
  const names = {
    ...targetNamesOf(config),
    rekorKeysChosen: false,
    bundleKeysChosen: false,
    serviceMapChosen: false,
  };
  const services = await loadServices(view, {
    ...config,
    origins: { ...config.origins, service_map_target: { source: 'default' } },
  });
  for (const key of distributedKeys(await trustTargets(view, names, services?.map))) {
    const kind = key.algorithm === 'certificate' ? 'certificate' : 'key';
    put(kind, `${key.usage} ${key.target} ${key.id}`, describeKey(key), `${key.usage} ${key.id}`);
  }
  for (const [name, value] of endpointsOf(services)) put('endpoint', name, value);
  for (const log of generation.state.logs) put('log', log.origin, `${log.tree_size} entries`);
  for (const { id } of pinnedBundleKeys(generation.state)) put('bundle key', formatFingerprint(id), 'pinned');
  return { facts };
}

function describeTarget(target: TufTarget): string {
  const hash = target.hashes['sha256'] ?? Object.values(target.hashes)[0] ?? 'no hash';
  return `${target.length} bytes, ${hash}, by ${target.role}`;
}

function describeKey(key: DistributedKey): string {
  const day = (at: Instant | undefined) => (at === undefined ? '…' : new Date(at).toISOString());
  return `${key.algorithm}, valid ${day(key.validFrom)} – ${day(key.validUntil)}${key.expired ? ', retired' : ''}`;
}

function* endpointsOf(services: Services | undefined): Generator<[string, string]> {
  if (!services) return;
  const { logs, fulcio, tsa, ctlog } = services.endpoints;
  for (const [i, log] of logs.entries())
    yield [
      i === 0 ? 'rekor' : `log ${log.url}`,
      [log.url, log.publicKeyTarget, log.logId, log.origin].filter(Boolean).join(' '),
    ];
  for (const [name, service] of Object.entries({ fulcio, tsa, ctlog }))
    if (service) yield [name, [service.url, service.target, service.logId].filter(Boolean).join(' ')];
}
