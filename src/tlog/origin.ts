/**
 * The name that a log at `url` signs its checkpoints as by convention: the URL without scheme and trailing slashes (C2SP
 * tlog-checkpoint: the origin should be a schema-less URL).
 */
export function originOf(url: string): string {
  const name = url.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  let end = name.length;
  while (name[end - 1] === '/') end -= 1;
  return name.slice(0, end);
}
