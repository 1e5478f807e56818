#!/bin/sh
# Puts a new signing key in the place of an old one.
# The same as `stella repo rotate-key`; see `rotate-key.sh --help`.
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
  exec "$node" "$here/../bin/stella.js" repo rotate-key "$@"
fi
exec "${STELLA:-stella}" repo rotate-key "$@"
