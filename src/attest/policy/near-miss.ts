const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/\/+$/, '')
    .replace(/\.git$/, '');

/** What a person may have overlooked, where a text that was found is almost one of those that are required. */
export function nearMiss(found: string, required: readonly string[]): string | undefined {
  for (const text of required) {
    if (text.toLowerCase() === found.toLowerCase())
      return 'they differ only in upper and lower case, which counts: if the certificate is right, demand what it says';
    if (plain(text) === plain(found))
      return 'they differ only at the end, where a slash or .git counts: if the certificate is right, demand what it says';
    if (found.startsWith(text) || text.startsWith(found))
      return 'one only begins with the other: texts are compared as a whole';
  }
  return undefined;
}
