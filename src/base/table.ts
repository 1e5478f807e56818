declare const WITHOUT_PROTOTYPE: unique symbol;

/**
 * Values by names, some of which may come from outside: without a prototype, so that `constructor` or `__proto__` finds
 * nothing that is not in it. `test/base/prototype-names.test.ts` sees to it that names from outside are looked up in
 * nothing else, but in Maps.
 */
export type Table<Value> = Readonly<Record<string, Value>> & { readonly [WITHOUT_PROTOTYPE]: true };

/** A table of the own properties of `entries`. */
export function table<Value>(entries: Readonly<Record<string, Value>>): Table<Value> {
  return Object.assign(Object.create(null) as Table<Value>, entries);
}
