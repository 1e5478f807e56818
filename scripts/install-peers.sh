#!/bin/sh
# Installs the other implementations that test/peers compares stella with, each in one pinned version:
#   sigstore, tuf, …     Python's packages of test/peers/requirements.txt, in an environment of their own
#   crane, oras          clients of registries
#   registry             a registry with the referrers API: test/peers/registry, over go-containerregistry's
#   tuftool              another client of TUF repositories
#   cosign               another verifier of attestations
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
  printf '%-20s %s\n' "$1" "${reason:+skipped: }${reason:-$2}" >>"$summary"
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

go_part() {
  name=$1 version=$2 limit=$3
  shift 3
  part "$name" "$version" go "$limit" env GOBIN="$cache/bin" GOFLAGS=-buildvcs=false GOTOOLCHAIN=local CGO_ENABLED=0 go "$@" ||
    true
  report "$name" "$version"
}

cargo_part() {
  # Without debug information, and not optimized: the tests are over before that would pay.
  part "$1" "$2" cargo "$3" env CARGO_TARGET_DIR="$cache/build/$1" CARGO_PROFILE_DEV_DEBUG=0 \
    cargo install --quiet --locked --debug --root "$cache" "$1@$2" || true
  [ -n "$reason" ] || rm -rf "$cache/build/$1"
  report "$1" "$2"
}

containerregistry=v0.22.1
python
go_part crane "$containerregistry" 240 install "github.com/google/go-containerregistry/cmd/crane@$containerregistry"
go_part registry "$containerregistry+$(cat test/peers/registry/* | cksum | cut -d ' ' -f 1)" 240 \
  build -C test/peers/registry -o "$cache/bin/registry" .
go_part oras v1.3.6 240 install oras.land/oras/cmd/oras@v1.3.6
cargo_part tuftool 0.17.0 600
go_part cosign v3.1.3 600 install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3

echo "peers in $cache:"
cat "$summary"
