import { entryBytes, frameLengths, TAR_END_BYTES, type TarEntry } from '../archive/layout.ts';
import { MANIFEST_PATH, SIGNATURE_PATH, sectionOf } from './manifest.ts';

/** Bytes of tar stream that manifest.json and manifest.cose take, alone in the first frame or frames. */
export function headBytes(manifest: number, signature: number): number {
  return (
    entryBytes({ path: MANIFEST_PATH, size: manifest }) +
    entryBytes({ path: SIGNATURE_PATH, size: signature })
  );
}

/**
 * Lengths of the frames after the head: each folder begins a new frame, and the end of the tar stream belongs to the
 * last. A bundle without entries has a frame with the end alone.
 * @param entries in archive order
 */
export function bodyFrames(entries: readonly TarEntry[]): number[] {
  const sections = new Map<string, number>();
  for (const entry of entries) {
    const section = sectionOf(entry.path)!;
    sections.set(section, (sections.get(section) ?? 0) + entryBytes(entry));
  }
  const lengths = [...sections.values()];
  lengths[Math.max(lengths.length - 1, 0)] = (lengths.at(-1) ?? 0) + TAR_END_BYTES;
  return lengths.flatMap(frameLengths);
}
