#!/bin/sh
# livecert at work, on this machine's loopback and in a temporary folder:
# Pebble (an ACME server for tests) issues a certificate, Nginx serves it, Certbot
# renews it with livecert as its hook, and a client sees the new one. Nothing is
# left behind: not by an error, nor by Ctrl-C.
set -eu

cd "$(dirname "$0")/../.."
. test/demo/setup.sh

need_packages nginx:nginx certbot:certbot pebble:pebble openssl:openssl \
  curl:curl flock:util-linux setpriv:util-linux
need_build

folder=
pebble=
nginx=
clean_up() {
  for pid in $nginx $pebble; do stop "$pid"; done
  [ -z "$folder" ] || rm -rf "$folder"
}
# stop PID: waits until it is gone, so that nothing writes into the folder.
stop() {
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.05
  done
  kill -KILL "$1" 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
folder=$(mktemp -d)
# Nginx's workers run as another user.
chmod 755 "$folder"
# Certbot leaves a folder there when it is interrupted early.
TMPDIR=$folder
export TMPDIR

name=demo.example.test
title() { printf '\n%s\n' "$1"; }

# Free ports, as the kernel gives them.
ports=$(node -e '
  const servers = Array.from({ length: 5 }, () =>
    net.createServer().listen(0, "127.0.0.1"));
  Promise.all(servers.map((server) => events.once(server, "listening"))).then(() => {
    console.log(servers.map((server) => server.address().port).join(" "));
    servers.forEach((server) => server.close());
  });
')
# shellcheck disable=SC2086 # one word per port
set -- $ports
acme=127.0.0.1:$1 management=127.0.0.1:$2 http=$3 tls=$4 site=127.0.0.1:$5

start_pebble() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -keyout "$folder/api-key.pem" -out "$folder/api.pem" -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2>/dev/null
  cat >"$folder/pebble.json" <<TEXT
{ "pebble": {
    "listenAddress": "$acme", "managementListenAddress": "$management",
    "certificate": "$folder/api.pem", "privateKey": "$folder/api-key.pem",
    "httpPort": $http, "tlsPort": $tls, "ocspResponderURL": "",
    "externalAccountBindingRequired": false,
    "certificateValidityPeriod": 7776000 } }
TEXT
  # Challenges always succeed: no name is looked up.
  PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 \
    setpriv --pdeathsig TERM pebble -config "$folder/pebble.json" \
    >"$folder/pebble.log" 2>&1 </dev/null &
  pebble=$!
  for _ in $(seq 200); do
    fetch "https://$acme/dir" && fetch "https://$management/roots/0" && break
    sleep 0.05
  done
  fetch "https://$management/roots/0" || fail "Pebble does not answer"
  cp "$folder/answer" "$folder/root.pem"
}

fetch() {
  curl --silent --fail --noproxy '*' --cacert "$folder/api.pem" \
    --output "$folder/answer" "$1"
}

start_nginx() {
  mkdir "$folder/tmp"
  cat >"$folder/nginx.conf" <<TEXT
pid $folder/nginx.pid;
error_log $folder/error.log notice;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path $folder/tmp/body;
  proxy_temp_path $folder/tmp/proxy;
  fastcgi_temp_path $folder/tmp/fastcgi;
  uwsgi_temp_path $folder/tmp/uwsgi;
  scgi_temp_path $folder/tmp/scgi;
  server {
    listen $site ssl;
    server_name $name;
    ssl_certificate     $folder/letsencrypt/live/$name/fullchain.pem;
    ssl_certificate_key $folder/letsencrypt/live/$name/privkey.pem;
    return 200 "hello\n";
  }
}
TEXT
  # A child, so that it ends with us whatever happens.
  setpriv --pdeathsig TERM nginx -e "$folder/error.log" -p "$folder" \
    -c "$folder/nginx.conf" -g 'daemon off;' </dev/null &
  nginx=$!
  for _ in $(seq 200); do
    [ -z "$(served)" ] || return 0
    sleep 0.05
  done
  fail "Nginx does not serve: $(cat "$folder/error.log")"
}

certbot_here() {
  REQUESTS_CA_BUNDLE=$folder/api.pem certbot "$@" --non-interactive \
    --config-dir "$folder/letsencrypt" --work-dir "$folder/work" \
    --logs-dir "$folder/log"
}

# The certificate that a client is handed, as openssl s_client sees it.
served() {
  openssl s_client -connect "$site" -servername "$name" </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256 2>/dev/null | sed 's/.*=//'
}

on_disk() {
  openssl x509 -in "$folder/letsencrypt/live/$name/fullchain.pem" -noout \
    -fingerprint -sha256 | sed 's/.*=//'
}

livecert() {
  node dist/livecert.js "$@"
}

reloads() {
  grep -c ': reconfiguring$' "$folder/error.log" || :
}

title "1. Certbot has a certificate for $name issued (by Pebble, on loopback)"
start_pebble
certbot_here certonly --quiet --agree-tos --register-unsafely-without-email \
  --server "https://$acme/dir" --manual --preferred-challenges http \
  --manual-auth-hook /bin/true -d "$name"

title "2. Nginx serves it; a client sees the fingerprint"
start_nginx
before=$(served)
printf '   %s\n' "$before"

title "3. Certbot renews it; its deploy hook is: livecert hook"
LIVECERT_CERTBOT_DIR=$folder/letsencrypt
LIVECERT_STATE_DIR=$folder/state
LIVECERT_RUN_DIR=$folder/run
LIVECERT_NGINX_BIN=$(command -v nginx)
LIVECERT_NGINX_PREFIX=$folder
LIVECERT_NGINX_CONF=$folder/nginx.conf
LIVECERT_ROOTS=$folder/root.pem
LIVECERT_LOG_LEVEL=warn
export LIVECERT_CERTBOT_DIR LIVECERT_STATE_DIR LIVECERT_RUN_DIR LIVECERT_ROOTS \
  LIVECERT_NGINX_BIN LIVECERT_NGINX_PREFIX LIVECERT_NGINX_CONF LIVECERT_LOG_LEVEL
certbot_here renew --force-renewal --no-random-sleep-on-renew \
  --deploy-hook "$(command -v node) '$PWD/dist/livecert.js' hook"

title "4. The client sees the new one"
after=$(served)
printf '   before   %s\n   after    %s\n   on disk  %s\n   reloads  %s\n' \
  "$before" "$after" "$(on_disk)" "$(reloads)"

title "5. livecert status"
livecert status
title "6. Once more: livecert deploy finds nothing to do"
livecert deploy

if [ "$before" = "$after" ] || [ "$after" != "$(on_disk)" ] ||
  [ "$(reloads)" != 1 ]; then
  fail "the demo did not end as it should: see above"
fi
title "The new certificate is live; everything the demo made is removed."
