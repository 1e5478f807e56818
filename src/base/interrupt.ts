/** What this process would leave behind if it ended now, without unwinding. */
const undos = new Set<() => void>();

/**
 * Has `undo` run if the process is interrupted from now on.
 * @returns call it when the work has ended, one way or the other
 */
export function ifInterrupted(undo: () => void): () => void {
  undos.add(undo);
  return () => undos.delete(undo);
}

/** Undoes what is unfinished, the last begun first: for the moment before the process ends without unwinding. */
export function undoUnfinished(): void {
  for (const undo of [...undos].reverse()) {
    undos.delete(undo);
    try {
      undo();
    } catch {
      // The others still have to be undone.
    }
  }
}

/**
 * Lets a signal that has come be acted on, before work that is done in one go, or between pieces of work that never wait.
 * Two turns of the event loop: what came during the present one is seen in the next.
 */
export async function letInterruptsIn(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((done) => setImmediate(done));
}
