import { join } from 'node:path';
import { formatUtf8 } from '../../base/bytes.ts';
import { modeOf, setMode } from '../../base/file-system/modes.ts';
import { notice } from '../../base/file-system/notices.ts';
import { replaceFile } from '../../base/files.ts';

/** The shell scripts that operators know, each a thin wrapper over one command. */
export const OPERATOR_SCRIPTS = [
  ['init-tuf-repo.sh', 'init', 'Makes a TUF repository: keys, first metadata, first targets.'],
  ['add-target.sh', 'add-target', 'Publishes a file as a target.'],
  ['remove-target.sh', 'remove-target', 'Stops publishing a target.'],
  ['update-timestamp.sh', 'update-timestamp', 'Signs a new timestamp; run it daily.'],
  ['rotate-key.sh', 'rotate-key', 'Puts a new signing key in the place of an old one.'],
  ['sign-metadata.sh', 'sign', 'Adds signatures to a staged change.'],
  ['publish.sh', 'publish', 'Publishes the staged change.'],
  ['swap-endpoint.sh', 'swap-endpoint', 'Changes the address of a service in the service map.'],
] as const;

const OWNER_RUNS = 0o100;

/** The text of a script: POSIX sh, working from any directory. */
export function formatScript([file, command, summary]: (typeof OPERATOR_SCRIPTS)[number]): string {
  return `#!/bin/sh
# ${summary}
# The same as \`stella repo ${command}\`; see \`${file} --help\`.
# The repository is the one that this script lies in (REPOSITORY/scripts), else the one that the command finds.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -z "\${STELLA_REPO-}" ] && [ -f "$here/../repo.yaml" ]; then
  STELLA_REPO=$(dirname -- "$here")
  export STELLA_REPO
fi
if [ -z "\${STELLA-}" ] && [ -f "$here/../bin/stella.js" ]; then
  node=$here/../node_modules/.bin/node
  [ -x "$node" ] || node=node
  exec "$node" "$here/../bin/stella.js" repo ${command} "$@"
fi
exec "\${STELLA:-stella}" repo ${command} "$@"
`;
}

/** Puts the scripts into a repository, so that `./scripts/update-timestamp.sh` works there as it is written everywhere. */
export function writeScripts(repository: string): void {
  for (const script of OPERATOR_SCRIPTS) {
    const path = join(repository, 'scripts', script[0]);
    replaceFile(path, formatUtf8(formatScript(script)), { mode: 0o755, sync: false });
    // Whatever the umask says.
    if (!setMode(path, 0o755) && (modeOf(path) & OWNER_RUNS) === 0)
      notice(
        `warning: the file system of ${repository} has no permissions, and shows the scripts as files that cannot be run: run them with \`sh scripts/NAME.sh\``,
      );
  }
}
