#!/bin/bash
# Metrics and alerts with Debian's Prometheus: promtool on the rules, on what the
# watcher tells and on the textfile; a Prometheus that scrapes a watcher and raises
# an alert; and the watcher under a load of requests.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh

need_packages prometheus:prometheus promtool:prometheus nginx:nginx openssl:openssl
need_build

promtool check rules monitoring/livecert.rules.yml
(cd monitoring && promtool test rules livecert.rules.test.yml)

exec node_modules/.bin/vitest run --config test/slow/monitoring/vitest.config.ts
