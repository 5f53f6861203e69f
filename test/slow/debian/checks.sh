# shellcheck shell=bash
# What the scripts inside a Debian root file system share; sourced by them. They have
# a function show_logs, which tells more of a failure.

check() { printf 'ok: %s\n' "$1"; }
failed() {
  printf 'FAILED: %s\n' "$1"
  show_logs
  exit 1
}
# eventually SECONDS WHAT COMMAND…
eventually() {
  limit=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$limit" ] || failed "$what"
    sleep 0.2
  done
  check "$what"
}

on_disk() { openssl x509 -in "$1" -noout -fingerprint -sha256; }
served() {
  openssl s_client -connect 127.0.0.1:443 -servername "$1" </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256
}
# is_live SERVERNAME FILE
is_live() { [ "$(served "$1")" = "$(on_disk "$2")" ]; }

# start_authority COMMAND…: an authority for tests, which looks at nobody's challenge.
# The command starts its arguments in the background.
start_authority() {
  mkdir /root/pebble
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout /root/pebble/key.pem -out /root/pebble/cert.pem 2>/dev/null
  cat >/root/pebble/pebble.json <<'JSON'
{ "pebble": { "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "/root/pebble/cert.pem", "privateKey": "/root/pebble/key.pem",
  "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "" } }
JSON
  "$@" env PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 \
    pebble -config /root/pebble/pebble.json
  export REQUESTS_CA_BUNDLE=/root/pebble/cert.pem
}

authority_answers() {
  openssl s_client -connect 127.0.0.1:14000 -CAfile /root/pebble/cert.pem
}

# issue NAME: its first certificate, by way of the web server.
issue() {
  certbot certonly -n --agree-tos --register-unsafely-without-email --webroot \
    -w /var/www/html -d "$1" --server https://127.0.0.1:14000/dir \
    >/root/certbot.log 2>&1 || failed "Certbot issues a certificate"
}
