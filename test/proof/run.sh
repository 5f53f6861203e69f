#!/bin/sh
# What `npm run proof` runs: sets up what is missing, builds, puts each promise to
# the test. Arguments: see test/proof/proof.ts.
set -eu

cd "$(dirname "$0")/../.."
. test/demo/setup.sh

need_packages \
  nginx:nginx \
  /usr/lib/nginx/modules/ngx_stream_module.so:libnginx-mod-stream \
  openssl:openssl \
  faketime:faketime \
  python3:python3 \
  flock:util-linux \
  setpriv:util-linux
need_modules
build_is_current || build

exec node --import tsx test/proof/proof.ts "$@"
