#!/bin/bash
# Publishing at full length: a reader and an attacker during 1,000 publications,
# and a kill at each system call that changes a name. What `npm test` does in
# short. Needs root.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh

[ "$(id -u)" -eq 0 ] || fail "this needs root"
need_build

LIVECERT_TEST_PUBLICATIONS=1000 LIVECERT_TEST_KILLS=1 \
  npx vitest run test/e2e/publish-attack.test.ts
