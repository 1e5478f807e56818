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

/**
 * Whether `text` is {@link formatCanonicalJson} of `value`, without making that text: of a manifest with 100,000 entries
 * it would be a second and a third copy of tens of megabytes.
 */
export function isCanonicalJson(text: string, value: unknown): boolean {
  let at = 0;
  const comes = (piece: string): boolean => {
    if (!text.startsWith(piece, at)) return false;
    at += piece.length;
    return true;
  };
  const comesValue = (inner: unknown, depth: number): boolean => {
    // Whatever lies deeper is small.
    if (depth === 2 || inner === null || typeof inner !== 'object') return comes(formatCanonicalJson(inner));
    if (Array.isArray(inner))
      return (
        comes('[') &&
        inner.every((item, i) => comes(i === 0 ? '' : ',') && comesValue(item, depth + 1)) &&
        comes(']')
      );
    const fields = Object.entries(inner).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return (
      comes('{') &&
      fields.every(
        ([key, field], i) =>
          comes(`${i === 0 ? '' : ','}${JSON.stringify(key)}:`) && comesValue(field, depth + 1),
      ) &&
      comes('}')
    );
  };
  return comesValue(value, 0) && at === text.length;
}
