#!/bin/bash
# livecert as a service in a booted Debian 13 (systemd-nspawn) with the
# distribution's nodejs, nginx and certbot. Prints what it checks, ends with 1 at
# the first failure. The root file system is made once and kept in
# ${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}; without a place to keep it, it
# is made anew. Needs root; its traffic stays in a network of its own.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh
. test/slow/debian/root.sh

[ "$(id -u)" -eq 0 ] || fail "this needs root"
need_packages debootstrap:debootstrap systemd-nspawn:systemd-container
need_build

release=trixie
cache=${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}
work=$(mktemp -d)
container=

end() {
  [ -z "$container" ] || kill -TERM "$container" 2>/dev/null || :
  [ -z "$container" ] || wait "$container" 2>/dev/null || :
  ! mountpoint -q "$work/root" || umount "$work/root"
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

mkdir -p "$cache" 2>/dev/null || cache=$work
make_root "$release" "$release" systemd,systemd-sysv,dbus,ca-certificates \
  nginx-light certbot nodejs openssl pebble bsdutils util-linux
root=$cache/$release
mkdir -p "$work/upper" "$work/overlay" "$work/root"
# An overlay cannot lie on an overlay; a file system of our own holds what is written.
mount -t tmpfs -o size=1g livecert-test "$work/overlay"
mkdir "$work/overlay/upper" "$work/overlay/work"
mount -t overlay -o "lowerdir=$root,upperdir=$work/overlay/upper,workdir=$work/overlay/work" \
  overlay "$work/root"
trap 'end_with_overlay' EXIT
end_with_overlay() {
  [ -z "$container" ] || kill -TERM "$container" 2>/dev/null || :
  [ -z "$container" ] || wait "$container" 2>/dev/null || :
  container=
  umount "$work/root" 2>/dev/null || umount -l "$work/root" || :
  umount "$work/overlay" 2>/dev/null || umount -l "$work/overlay" || :
  end
}

place_package "$work/root/root/livecert" test/slow/systemd/guest.sh
cat >"$work/root/etc/systemd/system/livecert-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /root/livecert/guest.sh
StandardOutput=file:/root/output
StandardError=inherit
ExecStopPost=/usr/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
chroot "$work/root" systemctl --quiet enable livecert-test.service
: >"$work/root/root/output"

SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no \
  --keep-unit --private-network --machine=livecert-test -D "$work/root" -b \
  >"$work/console" 2>&1 </dev/null &
container=$!
limit=$((SECONDS + ${LIVECERT_TEST_LIMIT:-480}))
while kill -0 "$container" 2>/dev/null && [ "$SECONDS" -lt "$limit" ]; do sleep 1; done
if kill -0 "$container" 2>/dev/null; then
  cat "$work/root/root/output"
  fail "the container did not end in time"
fi
wait "$container" 2>/dev/null || :
container=
cat "$work/root/root/output"
grep -qx 'all checks passed' "$work/root/root/output" ||
  { tail -n 15 "$work/console" >&2; fail "not all checks passed"; }
