export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Where in a JSON document (`a.b.0`), and what is to be there: a value, nothing, or what a function makes of the old one. */
export type Edit = readonly [path: string, value: Json | undefined | ((old: Json) => Json)];

/** A copy that has nothing twice: changing one place changes no other. */
const clone = (value: Json): unknown => JSON.parse(JSON.stringify(value));

/** A changed copy. */
export function edited(document: Json, edits: readonly Edit[] = []): Json {
  const copy = clone(document) as Record<string, unknown>;
  for (const [path, value] of edits) {
    const names = path.split('.');
    const last = names.pop()!;
    let parent = copy;
    for (const name of names) parent = parent[name] as Record<string, unknown>;
    const made = typeof value === 'function' ? value(parent[last] as Json) : value;
    if (made !== undefined) parent[last] = clone(made);
    else if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete parent[last];
  }
  return copy as Json;
}

export const base64 = (bytes: Uint8Array | string): string =>
  Buffer.from(bytes as Uint8Array).toString('base64');
