#!/bin/sh
# Stops publishing a target.
# The same as `stella repo remove-target`; see `remove-target.sh --help`.
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
  exec "$node" "$here/../bin/stella.js" repo remove-target "$@"
fi
exec "${STELLA:-stella}" repo remove-target "$@"
