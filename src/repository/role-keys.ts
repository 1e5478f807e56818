import { StellaError } from '../base/errors.ts';
import { TOP_ROLES } from '../tuf/roles.ts';
import type { Settings } from './directory/settings.ts';
import type { Draft } from './edit/change.ts';
import { editKeys } from './edit/keys.ts';
import { type KeySource, type NamedKey, provideKey } from './keys/new-key.ts';
import type { Editing } from './session.ts';

/**
 * Puts a new key in the place of one that a role has.
 * @param which name or id of the old key; not needed when the role has one key only
 * @throws StellaError USAGE
 */
export function rotateKey(
  editing: Editing,
  role: string,
  which: string | undefined,
  source: KeySource,
): { added: NamedKey; removed: string } {
  const removed = which === undefined ? onlyKey(editing.draft, role) : findKey(editing, role, which);
  const added = addKey(editing, role, source, undefined, [removed]);
  return { added, removed: nameOf(editing.directory.settings, removed) };
}

/** @throws StellaError USAGE */
export function addKey(
  editing: Editing,
  role: string,
  source: KeySource,
  threshold?: number,
  remove: readonly string[] = [],
): NamedKey {
  keysOf(editing.draft, role);
  const { path, settings } = editing.directory;
  const key = provideKey(path, new Map(Object.entries(settings.keys)), role, source);
  editing.rememberKey(key);
  editKeys(editing.draft, role, {
    add: [key.publicKey],
    remove,
    ...(threshold === undefined ? {} : { threshold }),
  });
  return key;
}

/** @throws StellaError USAGE */
export function removeKey(editing: Editing, role: string, which: string, threshold?: number): string {
  const keyid = findKey(editing, role, which);
  editKeys(editing.draft, role, { remove: [keyid], ...(threshold === undefined ? {} : { threshold }) });
  return nameOf(editing.directory.settings, keyid);
}

/** The TUF key ids of a role as it would be published. */
function keysOf(draft: Draft, role: string): readonly string[] {
  const top = TOP_ROLES.find((name) => name === role);
  if (top && draft.root) return draft.root.roles[top].keyids;
  for (const { signed } of draft.roles.values()) {
    const { roles, succinct_roles: bins } = signed.delegations ?? {};
    const delegation =
      roles?.find(({ name }) => name === role) ?? (bins?.name_prefix === role ? bins : undefined);
    if (delegation) return delegation.keyids;
  }
  throw new StellaError('USAGE', `there is no role ${role}`, {
    hint: 'list the roles with `stella repo status`',
  });
}

function onlyKey(draft: Draft, role: string): string {
  const keys = keysOf(draft, role);
  if (keys.length === 1) return keys[0]!;
  throw new StellaError('USAGE', `role ${role} has ${keys.length} keys: which of them is to go?`, {
    hint: 'give --key NAME; see `stella repo status`',
  });
}

/** A key of a role by its name in repo.yaml, or by its id or the beginning of it. */
function findKey({ draft, directory }: Editing, role: string, which: string): string {
  const keys = keysOf(draft, role);
  const { settings } = directory;
  const named = Object.hasOwn(settings.keys, which) ? settings.keys[which]?.id : undefined;
  const found = keys.filter((id) => id === named || (/^[0-9a-f]{6,64}$/.test(which) && id.startsWith(which)));
  if (found.length === 1) return found[0]!;
  throw new StellaError('USAGE', `role ${role} has no key ${which}`, {
    hint: `its keys: ${keys.map((id) => nameOf(settings, id)).join(', ')}`,
  });
}

function nameOf(settings: Settings, keyid: string): string {
  return Object.entries(settings.keys).find(([, place]) => place.id === keyid)?.[0] ?? keyid;
}

/** The keys of a role that is about to be: made here, or kept elsewhere. */
export function provideKeys(editing: Editing, role: string, sources: readonly KeySource[]): NamedKey[] {
  const { path, settings } = editing.directory;
  const taken = new Map(Object.entries(settings.keys));
  return sources.map((source) => {
    const key = provideKey(path, taken, role, source);
    taken.set(key.name, key.place);
    editing.rememberKey(key);
    return key;
  });
}
