#!/bin/bash
# The built program on every supported release of Node.js: a part of the test
# suite, run by that very Node.js, with the machine's Nginx and OpenSSL. The
# programs are kept in ${LIVECERT_TEST_CACHE:-/var/cache/livecert-test}; without a
# place to keep them they are fetched anew. Arguments: the test files to run in the
# place of those that depend on what Node.js is; `npm run platforms` runs all.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh
. test/slow/debian/node.sh

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
temporary=
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
  temporary=$(mktemp -d)
  cache=$temporary
fi
trap '[ -z "$temporary" ] || rm -rf "$temporary"' EXIT

near_nodejs="
  test/e2e/hook.test.ts
  test/integration/code-cache.test.ts
  test/integration/process.test.ts
  test/integration/store.test.ts
  test/integration/tls-examine.test.ts
  test/integration/tls-probe.test.ts
"
# What does no I/O is run on the newest; npm test itself runs on an older one.
files_for() {
  case $1 in
    26) echo "test/unit $near_nodejs" ;;
    *) echo "test/unit/certificate $near_nodejs" ;;
  esac
}

failed=
for release in $releases; do
  fetch_node "$release"
  node=$cache/node-$release/bin
  echo "Node.js $("$node/node" --version)"
  [ "$("$node/node" dist/livecert.js --version)" = "$(node dist/livecert.js --version)" ] ||
    fail "livecert does not start on Node.js $release"
  files=$*
  [ -n "$files" ] || files=$(files_for "$release")
  # shellcheck disable=SC2086
  PATH=$node:$PATH node_modules/.bin/vitest run --reporter=dot $files </dev/null ||
    failed="$failed $release"
done
[ -z "$failed" ] || fail "tests failed on Node.js$failed"
