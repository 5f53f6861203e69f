#!/bin/sh
# What `npm test` runs: sets up what is missing, builds, checks, tests.
# Arguments go to vitest. The results are also written as JSON to
# $LIVECERT_TEST_REPORT (default: dist/test-report.json).
set -eu

cd "$(dirname "$0")/.."
. test/demo/setup.sh

need_packages \
  nginx:nginx \
  /usr/lib/nginx/modules/ngx_stream_module.so:libnginx-mod-stream \
  /usr/lib/nginx/modules/ngx_http_lua_module.so:libnginx-mod-http-lua \
  certbot:certbot \
  /usr/lib/python3/dist-packages/certbot_nginx:python3-certbot-nginx \
  pebble:pebble \
  openssl:openssl \
  faketime:faketime \
  strace:strace \
  shellcheck:shellcheck \
  flock:util-linux \
  setpriv:util-linux \
  unshare:util-linux \
  logger:bsdutils \
  systemd-notify:systemd \
  ip:iproute2
need_modules

build

# All at once: each is one process that computes. The longest first.
checks=
check() {
  "$@" &
  checks="$checks $!"
}
check node_modules/.bin/eslint .
check npm run --silent typecheck
check node_modules/.bin/prettier --check --log-level warn .
git ls-files "*.sh" "hooks/*" .ci/run | xargs shellcheck
for running in $checks; do
  wait "$running" || refused=yes
done
[ "${refused:-no}" = no ] || fail "the checks before the tests found something"

exec node_modules/.bin/vitest run \
  --reporter=default --reporter=json \
  --outputFile.json="${LIVECERT_TEST_REPORT:-dist/test-report.json}" "$@"
