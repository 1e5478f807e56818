/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_HEADER = 8192;

/** Every challenge that a header (or several, joined with commas) makes; what is malformed ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const token = /[A-Za-z0-9!#$%&'*+.^_`|~-]+/y;
  const separator = /[\s,]*/y;
  const value = /\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
  const text = header.slice(0, MAX_HEADER);
  for (let at = 0; at < text.length; ) {
    separator.lastIndex = at;
    separator.exec(text);
    token.lastIndex = separator.lastIndex;
    const name = token.exec(text)?.[0];
    if (name === undefined) break;
    value.lastIndex = token.lastIndex;
    const found = value.exec(text);
    if (!found) {
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
      at = token.lastIndex;
      continue;
    }
    const parameters = challenges.at(-1)?.parameters;
    if (!parameters) break;
    parameters.set(name.toLowerCase(), (found[1] ?? found[2]!).replace(/\\(.)/g, '$1'));
    at = value.lastIndex;
  }
  return challenges;
}
