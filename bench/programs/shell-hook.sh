#!/bin/sh
# What a careful administrator writes by hand as a deploy hook: verifies, tests,
# reloads, and looks until the new certificate is served.
# ROOT: a file with the trusted root; ADDRESS: where Nginx listens.
set -eu

fingerprint() { openssl x509 -noout -fingerprint -sha256; }
served() {
  openssl s_client -connect "$ADDRESS" -servername "$RENEWED_DOMAINS" \
    </dev/null 2>/dev/null | fingerprint
}

openssl verify -CAfile "$ROOT" -untrusted "$RENEWED_LINEAGE/chain.pem" \
  "$RENEWED_LINEAGE/cert.pem" >/dev/null
nginx -t -q
nginx -s reload
expected=$(fingerprint <"$RENEWED_LINEAGE/cert.pem")
until [ "$(served)" = "$expected" ]; do sleep 0.1; done
