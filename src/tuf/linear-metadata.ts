type Fields = Readonly<Record<string, unknown>>;

interface Class {
  fromJSON(data: never): object;
}

/** The classes of @tufjs/models that are needed, as far as they are. */
interface Models {
  readonly Root: Class;
  readonly Snapshot: Class;
  readonly Targets: Class;
  readonly Delegations: Class;
  readonly Key: { fromJSON(id: string, data: never): unknown };
  readonly MetaFile: { fromJSON(data: never): unknown };
  readonly TargetFile: { fromJSON(path: string, data: never): unknown };
}

/** `undefined` for what is passed over. */
type Parse = (name: string, value: never) => unknown;

const KEY_TYPES: ReadonlySet<unknown> = new Set([
  'ed25519',
  'ecdsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'rsa',
]);

/**
 * Makes reading metadata take time linear in its length. @tufjs/models 5.0.2 copies all entries before for each one,
 * before any signature is checked: 10,000 targets in one role cost it half a minute, a snapshot of 2 MB four minutes.
 * What is read stays the same, but for keys of other types than it knows, which may look like anything (§4.2): they are
 * passed over, and sign nothing that counts.
 */
export function makeLinear({
  Root,
  Snapshot,
  Targets,
  Delegations,
  Key,
  MetaFile,
  TargetFile,
}: Models): void {
  const key: Parse = (id, value: { readonly keytype?: unknown }) =>
    typeof value.keytype !== 'string' || KEY_TYPES.has(value.keytype)
      ? Key.fromJSON(id, value as never)
      : undefined;
  readEach(Root, 'keys', key);
  readEach(Snapshot, 'meta', (_, value) => MetaFile.fromJSON(value));
  readEach(Targets, 'targets', (path, value) => TargetFile.fromJSON(path, value));
  readEach(Delegations, 'keys', key);
  readEachRole(Delegations);
}

/** Reads the entries of one field by themselves, and all else as it was. */
function readEach(of: Class, field: string, parse: Parse): void {
  const fromJSON = of.fromJSON.bind(of);
  of.fromJSON = (data: Fields) => {
    const entries = data[field];
    const isRecord = isObject(entries) && Object.values(entries).every(isObject);
    // Of any other form, the original knows best what to say.
    if (!isRecord) return fromJSON(data as never);
    const result = fromJSON({ ...data, [field]: {} } as never) as Record<string, object>;
    for (const [name, value] of Object.entries(entries)) {
      const parsed = parse(name, value as never);
      if (parsed !== undefined) put(result[field]!, name, parsed);
    }
    return result;
  };
}

/** The same for the list of delegated roles, which becomes a record. */
function readEachRole(of: Class): void {
  const fromJSON = of.fromJSON.bind(of);
  of.fromJSON = (data: Fields) => {
    const { roles } = data;
    if (!Array.isArray(roles) || !roles.every(isObject)) return fromJSON(data as never);
    const read = (keys: unknown, some: readonly unknown[]) =>
      fromJSON({ ...data, keys, roles: some } as never) as { readonly roles: Fields };
    const result = read(data['keys'], []);
    for (const role of roles) {
      for (const [name, value] of Object.entries(read({}, [role]).roles)) {
        if (Object.hasOwn(result.roles, name)) throw new TypeError(`duplicate delegated role: ${name}`);
        put(result.roles, name, value);
      }
    }
    return result;
  };
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** Sets an own property whatever its name is; assignment would treat `__proto__` as something else. */
function put(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}
