# shellcheck shell=sh
# Functions that set up a checkout on a fresh Debian machine; sourced by
# install.sh, test/demo/demo.sh and test/run.sh, which run in the checkout's root.

fail() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  [ $# -lt 2 ] || printf '%s: hint: %s\n' "${0##*/}" "$2" >&2
  exit 1
}

# missing_packages PROGRAM:PACKAGE...
# Prints the packages whose program (or absolute path) is not on this machine.
missing_packages() {
  for pair in "$@"; do
    case $pair in
    /*) [ -e "${pair%%:*}" ] || printf '%s ' "${pair#*:}" ;;
    *) command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s ' "${pair#*:}" ;;
    esac
  done
}

# need_packages PROGRAM:PACKAGE...
# Installs what is missing where that can be done, else says how.
need_packages() {
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  hint="apt-get install --no-install-recommends $missing"
  [ "$(id -u)" -eq 0 ] || fail "programs are missing" "sudo $hint"
  command -v apt-get >/dev/null || fail "programs are missing: $missing"
  printf 'installing %s\n' "$missing"
  # Suites may run side by side, and apt waits for nobody who reads its lists.
  # shellcheck disable=SC2086 # one word per package
  (
    flock 8
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
      --no-install-recommends $missing >/dev/null
  ) 8</var/lib/dpkg
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || fail "still missing after the installation: $missing"
}

# Whether node_modules holds what package-lock.json asks for.
modules_are_current() {
  [ -f node_modules/.package-lock.json ] || return 1
  node -e '
    const packages = (file) => JSON.parse(fs.readFileSync(file, "utf8")).packages;
    const wanted = packages("package-lock.json");
    const present = packages("node_modules/.package-lock.json");
    const current = Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === "" || optional || present[path]?.version === version,
    );
    process.exit(current ? 0 : 1);
  '
}

need_modules() {
  modules_are_current || npm ci --no-progress --loglevel=error
}

# Whether dist/livecert.js is younger than everything it is made of. In a
# published package there is nothing to make it of.
build_is_current() {
  [ -f dist/livecert.js ] || return 1
  [ -d src ] || return 0
  [ -z "$(find src package.json package-lock.json esbuild.config.ts \
    -newer dist/livecert.js)" ]
}

# Leaves nothing in the machine's temporary directory.
build() {
  TSX_DISABLE_CACHE=1 npm run --silent build
}

need_build() {
  build_is_current && return 0
  [ -d src ] || fail "dist/livecert.js is missing and there are no sources"
  command -v npm >/dev/null ||
    fail "npm is missing: it builds the program" "apt-get install npm"
  need_modules
  build
}
