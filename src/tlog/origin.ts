/**
 * The tree that an origin of Rekor v1 names: `NAME - TREE ID`. NAME is by default that of the pod that signed, so of one
 * tree there are several; C2SP origins, being key names, have no spaces.
 */
export function rekorV1Tree(origin: string): string | undefined {
  return / - ([0-9]{1,20})$/.exec(origin)?.[1];
}

/** What a log is told by: its origin; of Rekor v1 the tree and the log's id. */
export interface NamedLog {
  readonly origin: string;
  /** 64 hexadecimal digits. */
  readonly log_id?: string | undefined;
}

/** Whether both are of one log, whatever the pods were called that signed its checkpoints. */
export function isSameLog(a: NamedLog, b: NamedLog): boolean {
  if (a.origin === b.origin) return true;
  const tree = rekorV1Tree(a.origin);
  return (
    tree !== undefined && tree === rekorV1Tree(b.origin) && a.log_id !== undefined && a.log_id === b.log_id
  );
}

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
