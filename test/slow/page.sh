#!/bin/bash
# The watcher's page in Debian's Chromium: how it looks, and that it runs nothing
# but its own script. Screenshots stay in dist/screenshots.
set -eu
cd "$(dirname "$0")/../.."
. test/demo/setup.sh

need_packages chromium:chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core
need_modules

exec node_modules/.bin/vitest run --config test/slow/page/vitest.config.ts
