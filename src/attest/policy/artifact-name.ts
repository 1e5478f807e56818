import { platform } from 'node:os';
import { posix, resolve } from 'node:path';

/** By what an artifact that lies somewhere is known to rules with patterns. */
export interface ArtifactName {
  /** The path as it was given. */
  readonly given: string;
  /** What it is relative to. */
  readonly cwd: string;
  /** Where it really lies: absolute, without symbolic links, in the case that the disk has. */
  readonly real?: string | undefined;
}

/** Whether this system takes `Release/App` for `release/app`. */
export const IGNORES_CASE = platform() === 'darwin' || platform() === 'win32';

/** The names of one place. */
export interface PlaceNames {
  /** From the working directory, from the root, and the last part alone: these name the artifact. */
  readonly own: readonly string[];
  /**
   * What it would be called from the directories above. A rule that fits one of these holds as well, so that changing the
   * directory changes nothing; alone it is not enough.
   */
  readonly fromAbove: readonly string[];
  /** What it would be called from the directories between: these count where no rule names the artifact itself. */
  readonly fromBelow: readonly string[];
}

const slashed = (path: string) => path.replaceAll('\\', '/');

/** The places where an artifact lies: where it was said to, and where it really does. */
export function placesOf({ given, cwd, real }: ArtifactName): PlaceNames[] {
  const base = posix.normalize(slashed(resolve(cwd)));
  const paths = [posix.normalize(slashed(resolve(cwd, given)))];
  if (real !== undefined) paths.push(posix.normalize(slashed(real)));
  return [...new Set(paths)].map((path) => {
    const relative = posix.relative(base, path);
    const isInside = relative !== '..' && !relative.startsWith('../');
    const parts = path.split('/');
    const short = isInside ? relative.split('/').length : 0;
    const last = (length: number) => parts.slice(-length).join('/');
    const fromBelow = Array.from({ length: Math.max(0, short - 1) }, (_, i) => last(i + 1));
    const fromAbove: string[] = [];
    for (let length = short + 1; length < parts.length; length += 1) fromAbove.push(last(length));
    return { own: [relative, path, posix.basename(path)], fromAbove, fromBelow };
  });
}
