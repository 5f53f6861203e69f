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
# Roots that a machine adds for its own ends are read at every start of Node.js,
# of which there are thousands here.
unset NODE_EXTRA_CA_CERTS
build_is_current || build

exec node --import tsx test/proof/proof.ts "$@"
