#!/bin/sh
# What `npm run bench` runs: sets up what is missing, builds, measures.
# Arguments are the rows to measure (see bench/bench.ts); none: all of them.
set -eu

cd "$(dirname "$0")/.."
. test/demo/setup.sh

need_packages \
  nginx:nginx \
  certbot:certbot \
  pebble:pebble \
  openssl:openssl \
  bash:bash \
  flock:util-linux \
  setpriv:util-linux \
  chrt:util-linux
need_modules
build

exec node --import tsx bench/bench.ts "$@"
