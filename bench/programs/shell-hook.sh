#!/bin/sh
# What a careful administrator writes by hand as a deploy hook: verifies, tests,
# reloads, and looks until the new certificate is served. One good look proves
# nothing: for 100 ms Nginx's old workers go on accepting beside the new ones.
# ROOT: a file with the trusted root; ADDRESS: where Nginx listens; LOOKS: how
# many good ones in a row will do.
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
good=0
while
  if [ "$(served)" = "$expected" ]; then good=$((good + 1)); else good=0; fi
  [ "$good" -lt "$LOOKS" ]
do
  sleep 0.1
done
