#!/bin/sh
# Installs from Debian's packages what some tests use; without it they are skipped and say so.
#   nginx-light      a TUF repository and a log behind a real web server, over HTTP and TLS
#   faketime         a process-wide fake clock
#   docker-registry  an OCI registry
#   skopeo           another client of that registry
#   softhsm2, opensc  a PKCS#11 token and its tool
#   for the scripts: shellcheck
#   python3-securesystemslib  another implementation of TUF's signatures
#   zstd, tar        reading bundles with other tools
#   dosfstools       FAT, where the kernel has it; else python3-fusepy: file systems without modes
#   chromium         looks at the report pages
#   debootstrap      a minimal Debian for the executable
#   buildah, runc    build and run the image
#   qemu, *-cross    runs the executable for arm64
#   zsh, fish        read the completion scripts
# Usage: sudo scripts/install-test-servers.sh
set -eu

packages='chromium debootstrap buildah runc qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross zsh fish nginx-light libfaketime faketime docker-registry skopeo softhsm2 opensc shellcheck python3-securesystemslib python3-cryptography python3-nacl zstd tar openssl dosfstools python3-fusepy'

if [ "$(id -u)" -ne 0 ]; then
  echo 'error: run it as root, e.g. with sudo' >&2
  exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo 'error: this system has no apt-get; install these by other means:' "$packages" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# The packages would start their services at once; the tests start their own, on loopback and unprivileged ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -q
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $packages
