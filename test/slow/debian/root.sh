# shellcheck shell=bash
# Root file systems of Debian releases, and livecert's package for them; sourced by
# suites that have set $cache and $work.
# shellcheck disable=SC2154

# make_root RELEASE NAME INCLUDE PACKAGE…: it is $cache/NAME then. Whole or not there
# at all. Certbot needs apt: debootstrap does not know packages that others provide.
make_root() {
  local release=$1 root=$cache/$2 include=$3
  shift 3
  [ ! -e "$root/.complete" ] || return 0
  echo "making $root"
  rm -rf "$root.new"
  debootstrap --variant=minbase --include="$include" "$release" "$root.new" \
    >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  chroot "$root.new" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
    --no-install-recommends "$@" >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log" >&2; fail "apt-get failed in the new root"; }
  touch "$root.new/.complete"
  rm -rf "$root"
  mv "$root.new" "$root"
}

# place_package DIR GUEST: what a published package holds, and what runs inside.
place_package() {
  mkdir -p "$1/dist" "$1/test"
  cp -r install.sh hooks systemd package.json "$1/"
  cp dist/livecert.js "$1/dist/"
  cp -r test/demo "$1/test/"
  cp test/slow/debian/checks.sh "$1/"
  cp "$2" "$1/guest.sh"
}
