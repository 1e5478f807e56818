/**
 * The one JSON text of a value that both sides can recompute: keys sorted by UTF-16 code units, no white space,
 * JSON.stringify's own escapes (RFC 8785 for the values used here: strings, safe integers, booleans, null, arrays,
 * objects). No LF at the end. Fields that are `undefined` are left out.
 */
export function formatCanonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatCanonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${formatCanonicalJson(inner)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
