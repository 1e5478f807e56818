/** Who is told what happens on the way and refuses nothing: the run of a command; in the library there is no such listener. */
const listeners = new Set<(line: string) => void>();

/** Says something that people should know and that ends nothing, from where nothing can be printed. */
export function notice(line: string): void {
  for (const listener of listeners) listener(line);
}

/**
 * Hears notices from now on, each line once.
 * @returns call it when the run has ended
 */
export function onNotice(tell: (line: string) => void): () => void {
  const said = new Set<string>();
  const listener = (line: string) => {
    if (said.has(line)) return;
    said.add(line);
    tell(line);
  };
  listeners.add(listener);
  return () => listeners.delete(listener);
}
