import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';

const BUILT_FROM = ['bin', 'package-lock.json', 'package.json', 'schemas', 'scripts', 'src'];

/**
 * The commit that is checked out in `root`, 40 hexadecimal digits, with `-modified` where files that the build reads were
 * changed since; null where `root` is not the top of a git checkout: sources that were unpacked inside another project's
 * checkout do not have its commit.
 */
export function commitOf(root: string): string | null {
  try {
    if (realpathSync(git(root, 'rev-parse', '--show-toplevel')) !== realpathSync(root)) return null;
    const commit = git(root, 'rev-parse', '--verify', 'HEAD');
    const changed = git(root, 'status', '--porcelain', '--untracked-files=no', '--', ...BUILT_FROM);
    return changed === '' ? commit : `${commit}-modified`;
  } catch {
    return null;
  }
}

function git(root: string, ...args: readonly string[]): string {
  // Hooks of git set these, and then every directory would be the one that they name.
  const { GIT_DIR: _directory, GIT_WORK_TREE: _tree, GIT_INDEX_FILE: _index, ...env } = process.env;
  return execFileSync('git', args, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}
