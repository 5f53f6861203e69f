#!/bin/bash
# The way of a renewal from its issuance to the client, in root file systems of
# Debian releases with their own Nginx, Certbot and OpenSSL: test/slow/debian/guest.sh.
# Arguments: the releases; by default the oldest one that is supported. (The service
# in a booted Debian 13 is systemd.sh's.) The root file systems are made once and kept
# in ${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}; without a place to keep them,
# they are made anew. Needs root; the traffic stays in networks of their own.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh
. test/slow/debian/node.sh
. test/slow/debian/root.sh

[ "$(id -u)" -eq 0 ] || fail "this needs root"
need_packages debootstrap:debootstrap systemd-nspawn:systemd-container \
  flock:util-linux
need_build
[ $# -gt 0 ] || set -- bookworm

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=$work

# Debian 12 brings a Node.js that is too old, so the oldest supported one is given
# to it; the others get what is newest.
node_for() {
  case $1 in
  bookworm) echo 20.19.0 ;;
  *) echo 24 ;;
  esac
}

package=$work/package
place_package "$package" test/slow/debian/guest.sh

for release in "$@"; do
  make_root "$release" "debian-$release" ca-certificates \
    nginx-light certbot openssl pebble bsdutils util-linux
  node=$(node_for "$release")
  fetch_node "$node"
  # What is written goes into memory; --pipe ends when the script has.
  timeout -k 10 "${LIVECERT_TEST_LIMIT:-480}" \
    systemd-nspawn --quiet --register=no --keep-unit --private-network --as-pid2 \
    --pipe --volatile=overlay -D "$cache/debian-$release" \
    --bind-ro="$package:/srv/livecert" --bind-ro="$cache/node-$node:/opt/node" \
    /bin/bash /srv/livecert/guest.sh </dev/null 2>"$work/console" |
    tee "$work/output" | sed "s/^/$release: /"
  grep -qx 'all checks passed' "$work/output" ||
    { cat "$work/console" >&2; fail "$release: not all checks passed"; }
done
