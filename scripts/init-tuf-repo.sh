#!/bin/sh
# Makes a TUF repository: keys, first metadata, first targets.
# The same as `stella repo init`; see `init-tuf-repo.sh --help`.
# The repository is the one that this script lies in (REPOSITORY/scripts), else the one that the command finds.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -z "${STELLA_REPO-}" ] && [ -f "$here/../repo.yaml" ]; then
  STELLA_REPO=$(dirname -- "$here")
  export STELLA_REPO
fi
if [ -z "${STELLA-}" ] && [ -f "$here/../bin/stella.js" ]; then
  node=$here/../node_modules/.bin/node
  [ -x "$node" ] || node=node
  exec "$node" "$here/../bin/stella.js" repo init "$@"
fi
exec "${STELLA:-stella}" repo init "$@"
