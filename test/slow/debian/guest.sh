#!/bin/bash
# Inside a root file system of debian.sh: no systemd runs, so install.sh puts a
# crontab where the service would be, and Nginx is started by hand.
set -eu
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
name=site.test
live=/etc/letsencrypt/live/$name
log=/var/log/nginx/error.log

show_logs() {
  for log in doctor status deploy install certbot; do tail -n 30 "/root/$log.log" 2>/dev/null || :; done
}
# shellcheck source=test/slow/debian/checks.sh
. "$(dirname "$0")/checks.sh"
reloads() { grep -c ': reconfiguring$' "$log" || :; }

echo "$(nginx -v 2>&1), $(certbot --version), $(openssl version | cut -d ' ' -f 1-2), Node.js $(/opt/node/bin/node --version)"

in_background() { "$@" >/root/pebble.log 2>&1 & }
start_authority in_background
eventually 30 "the test authority answers" authority_answers
mkdir -p /var/www/html
issue "$name"
check "Certbot issues a certificate"

# Beside the lineage a certificate that somebody else looks after.
mkdir /etc/nginx/tls
new_pair() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj /CN=own.test -addext subjectAltName=DNS:own.test \
    -keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
}
new_pair /etc/nginx/tls
sed -i "s|error_log .*|error_log $log notice;|" /etc/nginx/nginx.conf
grep -q "error_log $log notice" /etc/nginx/nginx.conf || failed "Debian's nginx.conf names its error log"
rm -f /etc/nginx/sites-enabled/default
cat >/etc/nginx/sites-enabled/tls <<CONF
server {
  listen 443 ssl;
  listen [::1]:443 ssl;
  server_name $name;
  ssl_certificate $live/fullchain.pem;
  ssl_certificate_key $live/privkey.pem;
}
server {
  listen 443 ssl;
  server_name own.test;
  ssl_certificate tls/cert.pem;
  ssl_certificate_key tls/key.pem;
}
CONF
nginx
eventually 20 "Nginx serves it" is_live "$name" "$live/fullchain.pem"

/srv/livecert/install.sh --node /opt/node/bin/node >/root/install.log 2>&1 ||
  failed "install.sh installs hooks and program"
[ -x /etc/letsencrypt/renewal-hooks/deploy/livecert ] || failed "the hook is installed"
[ -e /etc/cron.d/livecert-retry ] || failed "where no systemd runs, a crontab retries"
livecert status >/root/status.log || failed "livecert status: all live"
check "installed; livecert status finds all live"

before=$(reloads)
certbot renew -q --force-renewal --no-random-sleep-on-renew >/root/certbot.log 2>&1 ||
  failed "certbot renew"
is_live "$name" "$live/fullchain.pem" || failed "live when certbot renew ends"
[ "$(reloads)" -eq $((before + 1)) ] || failed "by one reload"
check "a renewal through renewal-hooks is live when certbot renew ends, by one reload"

certbot renew -q --force-renewal --no-random-sleep-on-renew --no-directory-hooks \
  --deploy-hook 'livecert hook' >/root/certbot.log 2>&1 || failed "certbot renew"
is_live "$name" "$live/fullchain.pem" || failed "live by a deploy hook"
check "and by --deploy-hook"

# Certbot has remembered it.
sed -i /renew_hook/d "/etc/letsencrypt/renewal/$name.conf"
certbot renew -q --force-renewal --no-random-sleep-on-renew --no-directory-hooks \
  >/root/certbot.log 2>&1 || failed "certbot renew"
is_live "$name" "$live/fullchain.pem" && failed "nobody has reloaded"
livecert status >/root/status.log && failed "livecert status tells of it"
grep -q stale /root/status.log || failed "livecert status tells of it"
livecert deploy "$name" >/root/deploy.log || failed "livecert deploy"
is_live "$name" "$live/fullchain.pem" || failed "live by hand"
check "without a hook it is told as stale, and livecert deploy makes it live"

# Keys of other types: nginx -t accepts them, and every handshake fails.
before=$(reloads)
cp -a /etc/letsencrypt /root/sound
openssl genpkey -algorithm rsa -out "$(readlink -f "$live/privkey.pem")" 2>/dev/null
code=0
livecert deploy "$name" >/root/deploy.log || code=$?
[ "$code" -eq 3 ] || failed "a key of another certificate is rejected ($code)"
[ "$(reloads)" -eq "$before" ] || failed "without a reload"
rm -rf /etc/letsencrypt
mv /root/sound /etc/letsencrypt
livecert deploy >/root/deploy.log || failed "all live again"
check "a key of another certificate is rejected, Nginx untouched"

# From 1.27.4 on, Nginx keeps an object over a reload whose file has the inode and the
# second of its last change that it had before.
mkdir /root/new
new_pair /root/new
for file in key cert; do
  touch -r "/etc/nginx/tls/$file.pem" "/root/new/$file.pem"
  cat "/root/new/$file.pem" >"/etc/nginx/tls/$file.pem"
  touch -r "/root/new/$file.pem" "/etc/nginx/tls/$file.pem"
done
code=0
livecert deploy >/root/deploy.log 2>&1 || code=$?
if [ "$code" -eq 6 ]; then
  is_live own.test /etc/nginx/tls/cert.pem && failed "stale, it says"
  remedy=$(sed -n 's/^  hint: \(touch [^,]*\), then .*/\1/p' /root/deploy.log)
  [ "$remedy" = "touch /etc/nginx/tls/cert.pem /etc/nginx/tls/key.pem" ] ||
    failed "it says what helps"
  $remedy
  livecert deploy --force >/root/deploy.log 2>&1 || failed "live after the remedy"
  check "what Nginx keeps over a reload is told as stale, with a remedy that works"
elif [ "$code" -ne 0 ]; then
  failed "overwritten in place ($code)"
fi
is_live own.test /etc/nginx/tls/cert.pem || failed "live where it was overwritten in place"
check "a certificate that is no lineage, overwritten in place, is live"

# No cron runs here, and that is all that is wrong.
livecert doctor >/root/doctor.log 2>&1 || :
problems=$(sed -n 's/^  problem *\([a-z-]*\):.*/\1/p' /root/doctor.log)
[ "$problems" = schedule ] || failed "livecert doctor finds what is wrong, and nothing else ($problems)"
check "livecert doctor finds what is wrong, and nothing else"
/srv/livecert/install.sh --uninstall --purge >/root/install.log 2>&1 || failed "uninstall"
left=$(find /etc /usr /var/lib /run -xdev -name '*livecert*' ! -path '/var/lib/dpkg/*')
[ -z "$left" ] || failed "left behind: $left"
check "uninstalled, and nothing is left"
nginx -s quit
echo 'all checks passed'
