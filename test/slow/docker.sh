#!/bin/bash
# livecert with Nginx in containers of a real Docker engine, with Certbot and
# Pebble on the host: test/slow/docker/*.test.ts. Arguments go to vitest.
#
# Engine, containers and tests run in namespaces of their own (network, processes,
# mounts), so that bridge and published ports are real, nothing leaves the machine,
# and all of it ends with the script. The image is a Debian tree that is made once
# and kept in ${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}; without a place to
# keep it, it is made anew. Needs root.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh

[ "$(id -u)" -eq 0 ] || fail "this needs root"
need_packages dockerd:docker.io debootstrap:debootstrap certbot:certbot \
  pebble:pebble openssl:openssl unshare:util-linux flock:util-linux \
  ip:iproute2 nginx:nginx
need_modules
need_build

release=trixie
# Nginx with what starts it in containers, and all that livecert's own image
# installs: nothing can be fetched where the tests run.
packages=nginx-light,supervisor,tini,nodejs,openssl,ca-certificates
cache=${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}
work=$(mktemp -d)
tests=
cgroup=livecert-test-$$

end() {
  [ -z "$tests" ] || kill -KILL "$tests" 2>/dev/null || :
  [ -z "$tests" ] || wait "$tests" 2>/dev/null || :
  # What the engine would have removed if it had been let.
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} \; 2>/dev/null || :
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

# Whole or not there at all.
make_image() {
  mkdir -p "$cache" 2>/dev/null || cache=$work
  image=$cache/$release-$(printf %s "$packages" | cksum | cut -d' ' -f1).tar
  [ ! -e "$image" ] || return 0
  echo "making $image"
  debootstrap --variant=minbase --include="$packages" "$release" "$work/root" \
    >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  tar -C "$work/root" -cf "$image.$$" --exclude='./dev/*' --exclude='*.deb' \
    --exclude=./usr/share/doc --exclude=./usr/share/locale \
    --exclude=./usr/share/man --exclude=./var/lib/apt/lists .
  mv "$image.$$" "$image"
  rm -rf "$work/root"
}

make_image
# shellcheck disable=SC2016 # expanded by the shell inside
LIVECERT_TEST_IMAGE=$image LIVECERT_TEST_CGROUP=/$cgroup TMPDIR=$work \
  unshare --net --pid --mount --fork --kill-child --mount-proc bash -c '
    ip link set lo up
    mount -t tmpfs -o size=4g,mode=755 livecert-test "$TMPDIR"
    node_modules/.bin/vitest run --config test/slow/docker/vitest.config.ts "$@"
    exit $?' docker "$@" &
tests=$!
wait "$tests" || { tests=; fail "not all tests passed"; }
tests=
