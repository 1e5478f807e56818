#!/bin/sh
# Installs the other implementations that test/peers compares stella with, each in one pinned version:
#   sigstore, tuf, …     Python's packages of test/peers/requirements.txt, in an environment of their own
#   crane, registry      clients and a registry with the referrers API (go-containerregistry)
#   oras                 another client of registries
#   tuftool              another client of TUF repositories
#   cosign               signs and verifies
# They go into a cache outside the tree and stay there; a second run takes a second. What cannot be had here is left
# out, with the reason, and its tests are skipped: nothing of stella needs any of it.
# Usage: scripts/install-peers.sh
#   STELLA_PEERS           the cache (default: ~/.cache/stella-peers)
#   STELLA_PEERS_SECONDS   how long all of it may take (default: 900)
set -eu

cd "$(dirname "$0")/.."
cache=${STELLA_PEERS:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/stella-peers}
deadline=$(($(date +%s) + ${STELLA_PEERS_SECONDS:-900}))
requirements=test/peers/requirements.txt

mkdir -p "$cache/bin" "$cache/log" "$cache/stamp"
cache=$(cd "$cache" && pwd)
summary=$cache/summary.$$
trap 'rm -f "$summary"' EXIT
: >"$summary"
if command -v flock >/dev/null 2>&1; then
  exec 9>"$cache/lock"
  flock 9
fi

# part NAME VERSION TOOL SECONDS COMMAND…: runs COMMAND unless VERSION is there already.
# A refusal is remembered for a day; what took too long goes on where it was with the next run.
part() {
  name=$1 version=$2 tool=$3 limit=$4
  shift 4
  stamp=$cache/stamp/$name log=$cache/log/$name left=$((deadline - $(date +%s)))
  reason=
  if [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then
    return 0
  elif ! command -v "$tool" >/dev/null 2>&1; then
    reason="there is no $tool"
  elif [ "$(cat "$stamp.failed" 2>/dev/null)" = "$version" ] && [ -n "$(find "$stamp.failed" -mmin -1440)" ]; then
    reason="failed less than a day ago, see $log (remove $stamp.failed to try again)"
  elif [ "$left" -lt 10 ]; then
    reason='no time was left; run it again'
  else
    [ "$limit" -lt "$left" ] || limit=$left
    echo "installing $name $version"
    rm -f "$stamp" "$stamp.failed"
    status=0
    timeout "$limit" "$@" >"$log" 2>&1 </dev/null || status=$?
    case $status in
      0) printf '%s\n' "$version" >"$stamp" ;;
      124) reason="took longer than $limit s; run it again" ;;
      *)
        reason="failed, see $log: $(tail -n 1 "$log" | cut -c 1-200)"
        printf '%s\n' "$version" >"$stamp.failed"
        ;;
    esac
  fi
  [ -z "$reason" ]
}

# report NAME VERSION: a line of the summary about the part that came last.
report() {
  printf '%-18s %s\n' "$1" "${reason:+skipped: }${reason:-$2}" >>"$summary"
}

python() {
  # shellcheck disable=SC2016
  part python "$(cksum <"$requirements")" python3 240 sh -euc '
    rm -rf "$1"
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --disable-pip-version-check --quiet --only-binary :all: --requirement "$2"
  ' sh "$cache/python" "$requirements" || true
  # The peers themselves stand above the first empty line, what they need below.
  sed -n '/^$/q; s/^\([a-z0-9-]*\)==/\1 /p' "$requirements" >"$summary.packages"
  while read -r package version; do
    report "$package" "$version"
  done <"$summary.packages"
  rm -f "$summary.packages"
}

# go_command NAME MODULE PATH VERSION SECONDS
go_command() {
  part "$1" "$4" go "$5" env GOBIN="$cache/bin" GOFLAGS='-mod=mod -buildvcs=false' GOTOOLCHAIN=local CGO_ENABLED=0 \
    go install "$2/$3@$4" || true
  report "$1" "$4"
}

cargo_command() {
  part "$1" "$2" cargo "$3" env CARGO_TARGET_DIR="$cache/build/$1" \
    cargo install --locked --debug --root "$cache" "$1@$2" && rm -rf "$cache/build/$1"
  report "$1" "$2"
}

python
go_command crane github.com/google/go-containerregistry cmd/crane v0.22.1 240
go_command registry github.com/google/go-containerregistry cmd/registry v0.22.1 240
go_command oras oras.land/oras cmd/oras v1.3.6 240
cargo_command tuftool 0.17.0 600
go_command cosign github.com/sigstore/cosign/v3 cmd/cosign v3.1.3 600

echo "peers in $cache:"
cat "$summary"
