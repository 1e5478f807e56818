interface TargetsLike {
  targets: Record<string, { toJSON(): unknown }>;
  toJSON(): object;
}

/** The two classes of @tufjs/models that are needed, as far as they are. */
interface Models {
  readonly Targets: { fromJSON(data: never): TargetsLike; readonly prototype: TargetsLike };
  readonly TargetFile: { fromJSON(path: string, data: never): { toJSON(): unknown } };
}

/** Sets an own property whatever its name is; assignment would treat `__proto__` as something else. */
function put(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

/**
 * Makes reading and writing targets metadata take time linear in the number of targets. @tufjs/models 5.0.2 copies all
 * targets before for each one: 10,000 in one role cost it half a minute, most of it before any signature is checked.
 * What is read and written stays the same.
 */
export function makeLinear({ Targets, TargetFile }: Models): void {
  const { fromJSON } = Targets;
  const { toJSON } = Targets.prototype;
  Targets.fromJSON = (data: { readonly targets?: unknown }) => {
    const { targets, ...rest } = data;
    const isRecord =
      typeof targets === 'object' &&
      targets !== null &&
      Object.values(targets).every((target) => typeof target === 'object' && target !== null);
    // Without any, and of any other form, the original is as quick and knows best what to say.
    if (!isRecord) return fromJSON.call(Targets, data as never);
    const result = fromJSON.call(Targets, rest as never);
    for (const [path, target] of Object.entries(targets))
      put(result.targets, path, TargetFile.fromJSON(path, target as never));
    return result;
  };
  Targets.prototype.toJSON = function (this: TargetsLike): object {
    const own = this.targets;
    this.targets = {};
    try {
      const targets = {};
      for (const [path, target] of Object.entries(own)) put(targets, path, target.toJSON());
      return { ...toJSON.call(this), targets };
    } finally {
      this.targets = own;
    }
  };
}
