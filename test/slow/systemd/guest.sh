#!/bin/bash
# Inside the booted machine of systemd.sh.
set -eu
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
name=site.test
live=/etc/letsencrypt/live/$name

show_logs() {
  tail -n 20 /root/certbot.log || :
  journalctl -u livecert -n 40 --no-pager -o cat || :
  systemctl status livecert nginx --no-pager -n 0 || :
}
# shellcheck source=test/slow/debian/checks.sh
. "$(dirname "$0")/checks.sh"

site_is_live() { is_live "$name" "$live/fullchain.pem"; }
home_is_live() { is_live home.test /home/admin/tls/cert.pem; }
main_pid() { systemctl show --value --property=MainPID livecert; }
generations() { grep -c 'start worker processes$' /srv/logs/error.log; }
is_active() { [ "$(systemctl is-active livecert)" = active ]; }

# Nginx: ports 80 and 443, logs and pid file where no sandbox of ours reaches,
# keys below /home, a private /tmp with a listener in it.
mkdir -p /srv/logs /srv/nginx /home/admin/tls
new_home_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj /CN=home.test -addext subjectAltName=DNS:home.test \
    -keyout /home/admin/tls/new.key -out /home/admin/tls/new.pem 2>/dev/null
  mv /home/admin/tls/new.key /home/admin/tls/key.pem
  mv /home/admin/tls/new.pem /home/admin/tls/cert.pem
}
new_home_certificate
touch /srv/logs/access.log /srv/logs/error.log
chown www-data:adm /srv/logs/*.log
chmod 0640 /srv/logs/*.log
cat >/etc/nginx/nginx.conf <<'CONF'
user www-data;
worker_processes 2;
pid /srv/nginx/nginx.pid;
error_log /srv/logs/error.log notice;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 256; }
http {
  access_log /srv/logs/access.log;
  include /etc/nginx/sites-enabled/*;
}
CONF
rm -f /etc/nginx/sites-enabled/default
printf 'server { listen 80 default_server; root /var/www/html; }\n' >/etc/nginx/sites-enabled/http
mkdir -p /etc/systemd/system/nginx.service.d /etc/systemd/system/certbot.service.d
printf '[Service]\nPIDFile=/srv/nginx/nginx.pid\nPrivateTmp=yes\n' \
  >/etc/systemd/system/nginx.service.d/test.conf

start_authority systemd-run --quiet --unit=pebble
cat >/etc/systemd/system/certbot.service.d/test.conf <<'CONF'
[Service]
Environment=REQUESTS_CA_BUNDLE=/root/pebble/cert.pem
ExecStart=
ExecStart=/usr/bin/certbot -q renew --force-renewal --no-random-sleep-on-renew
CONF
systemctl daemon-reload
systemctl restart nginx
eventually 20 "the test authority answers" authority_answers
issue "$name"
cat >/etc/nginx/sites-enabled/tls <<CONF
server {
  listen 443 ssl;
  listen unix:/tmp/tls.sock ssl;
  server_name $name;
  ssl_certificate $live/fullchain.pem;
  ssl_certificate_key $live/privkey.pem;
  access_log /srv/logs/site.log;
}
server {
  listen 443 ssl;
  server_name home.test;
  ssl_certificate /home/admin/tls/cert.pem;
  ssl_certificate_key /home/admin/tls/key.pem;
}
CONF
systemctl reload nginx
eventually 10 "Nginx serves both certificates" site_is_live

/root/livecert/install.sh >/root/install.log 2>&1 ||
  { cat /root/install.log; failed "install.sh installs the service"; }
grep -q 'livecert.service' /root/install.log || failed "install.sh says what it did"
is_active || failed "the service is active after install.sh"
[ "$(systemctl is-enabled livecert)" = enabled ] || failed "the service is enabled"
[ ! -e /etc/systemd/system/livecert-retry.timer ] || failed "no timer beside the service"
check "install.sh installs and starts the service"

exposure=$(systemd-analyze security --no-pager livecert.service |
  sed -n 's/.*Overall exposure level for livecert.service: \([0-9.]*\).*/\1/p')
awk -v exposure="$exposure" 'BEGIN { exit !(exposure != "" && exposure <= 3.0) }' ||
  { systemd-analyze security --no-pager livecert.service; failed "exposure $exposure is at most 3.0"; }
check "systemd-analyze security: exposure $exposure"
systemd-analyze verify /etc/systemd/system/livecert.service 2>&1 | grep -i livecert &&
  failed "systemd-analyze verify finds nothing"

eventually 20 "the status line tells what it looks after" \
  sh -c 'systemctl show --value --property=StatusText livecert | grep -q "looking after 2 certificates"'
livecert status >/root/status.log || { cat /root/status.log; failed "livecert status: all live"; }
grep -q 'watcher' /root/status.log || { cat /root/status.log; failed "livecert status tells of the watcher"; }
livecert status --json | grep -q '"unix:/tmp/tls.sock' || failed "the listener in the private /tmp is known"
livecert status --json | tr -d '\n ' | grep -q '"address":"unix:/tmp/tls.sock"[^}]*"verdict":"live"' ||
  failed "the listener in the private /tmp is seen live"
check "livecert status shows the watcher, and the listener in Nginx's private /tmp as live"

rm /etc/letsencrypt/renewal-hooks/deploy/livecert /etc/letsencrypt/renewal-hooks/post/livecert
before=$(served "$name")
reloads=$(generations)
systemctl start certbot.service || failed "certbot.service renews"
[ "$(on_disk "$live/fullchain.pem")" != "$before" ] || failed "certbot.service renewed"
eventually 30 "a renewal by certbot.service without a hook goes live by itself" site_is_live
[ "$(generations)" -eq $((reloads + 1)) ] || failed "one reload was made for it"
check "one reload was made for it"
eventually 10 "the journal says so" \
  sh -c 'journalctl -u livecert -o cat --no-pager | grep -q "certificates went live"'

new_home_certificate
eventually 30 "a certificate below /home that is no lineage goes live" home_is_live
[ "$(stat -c '%U %a' /srv/logs/error.log)" = "www-data 640" ] || failed "the log is still 0640 www-data"
check "logs are still 0640 www-data"

renew() { certbot renew -q --force-renewal --no-random-sleep-on-renew; }

pid=$(main_pid)
systemctl reload livecert || failed "systemctl reload"
eventually 10 "systemctl reload: looked everything through" \
  sh -c 'journalctl -u livecert -o cat --no-pager | grep -q "asked to look everything through"'
eventually 10 "active after a reload" is_active
[ "$(main_pid)" = "$pid" ] || failed "the same process goes on after a reload"

answers_well() {
  node -e 'fetch("http://127.0.0.1:9427/healthz").then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))'
}
mkdir -p /etc/livecert
printf 'http: 127.0.0.1:9427\n' >/etc/livecert/livecert.yaml
systemctl reload livecert || failed "systemctl reload with another configuration"
eventually 20 "systemctl reload: an edited configuration is taken up" \
  answers_well
printf 'htp: off\n' >/etc/livecert/livecert.yaml
systemctl reload livecert && failed "systemctl reload fails with a mistake in the configuration"
journalctl -u livecert -o cat --no-pager | grep -q 'did you mean http' ||
  failed "the journal tells the mistake"
answers_well || failed "the service goes on with what it has"
is_active || failed "active after a reload that failed"
check "a mistake in the configuration makes systemctl reload fail, and the service goes on"
rm -r /etc/livecert
systemctl reload livecert || failed "systemctl reload without a configuration"
answers_no_more() { ! answers_well; }
eventually 20 "systemctl reload: and back again" answers_no_more
[ "$(main_pid)" = "$pid" ] || failed "the same process goes on after three reloads"

# A run under way: it waits for the lock, which somebody else holds.
hold_lock() {
  exec 9>>/run/livecert/lock
  flock -x 9
}
release_lock() { exec 9>&-; }
holds_flock() {
  local process
  for process in "$@"; do
    ! grep -qsx flock "/proc/$process/comm" || return 0
  done
  return 1
}

# The watcher's child does the work, and a child of that one waits for the lock.
waits_for_lock() {
  local child workers=() children=()
  read -r -a workers <"/proc/$pid/task/$pid/children" || :
  for child in "${workers[@]}"; do
    read -r -a children <"/proc/$child/task/$child/children" 2>/dev/null || :
    ! holds_flock "${children[@]}" || return 0
  done
  return 1
}
hold_lock
renew
eventually 20 "a run is under way" waits_for_lock
began=$(date +%s%N)
systemctl stop livecert
took=$((($(date +%s%N) - began) / 1000000))
[ "$took" -lt 5000 ] || failed "stopped within 5 s in the middle of a run ($took ms)"
[ "$(systemctl show --value --property=Result livecert)" = success ] || failed "a clean stop"
check "stopped cleanly in the middle of a run after $took ms"
release_lock
[ "$(served "$name")" != "$(on_disk "$live/fullchain.pem")" ] || failed "not live while it was stopped"
systemctl start livecert
eventually 20 "what was renewed while it was stopped goes live at its start" site_is_live

hold_lock
renew
pid=$(main_pid)
eventually 20 "a run is under way" waits_for_lock
timeout 20 systemctl restart livecert || failed "systemctl restart in the middle of a run"
release_lock
eventually 40 "live after a restart in the middle of a run" site_is_live

for round in 1 2 3 4 5; do
  renew &
  renewal=$!
  sleep "$(awk -v round=$round 'BEGIN { print 1.5 + round * 0.4 }')"
  kill -9 "$(main_pid)" 2>/dev/null || :
  wait $renewal || :
  eventually 40 "kill -9 ($round): started again by systemd, and live" site_is_live
  eventually 40 "active" is_active
done

printf 'nonsense;\n' >/etc/nginx/sites-enabled/broken
renew
eventually 30 "a broken configuration is told with priority err" \
  sh -c 'journalctl -p err -u livecert -o cat --no-pager | grep -q config-invalid'
journalctl -p warning -u livecert -o cat --no-pager | grep -q '"msg":"watching"' &&
  failed "journalctl -p warning shows only what matters"
check "journalctl -p warning shows only what matters"
rm /etc/nginx/sites-enabled/broken
eventually 90 "live once the configuration is mended" site_is_live

mkdir -p /etc/systemd/system/livecert.service.d
printf '[Service]\nWatchdogSec=3\nTimeoutAbortSec=2\n' >/etc/systemd/system/livecert.service.d/test.conf
systemctl daemon-reload
systemctl restart livecert
sleep 5
is_active || failed "the watchdog is fed"
[ "$(systemctl show --value --property=NRestarts livecert)" = 0 ] || failed "the watchdog is fed"
check "the watchdog is fed"
pid=$(main_pid)
kill -STOP "$pid"
eventually 30 "a service that hangs is ended by the watchdog and started again" \
  sh -c "[ \"\$(systemctl show --value --property=MainPID livecert)\" != $pid ] && systemctl is-active livecert"
rm -r /etc/systemd/system/livecert.service.d
systemctl daemon-reload

pid=$(main_pid)
entries=$(livecert history -n 1000 --json | grep -c '"run"')
printf '\n// the next release\n' >>/root/livecert/dist/livecert.js
/root/livecert/install.sh >/root/install.log 2>&1 || { cat /root/install.log; failed "an upgrade"; }
grep -q '^upgraded: .*livecert.js' /root/install.log || failed "install.sh says that it upgraded"
is_active || failed "active after an upgrade"
[ "$(main_pid)" != "$pid" ] || failed "the new release runs"
[ "$(livecert history -n 1000 --json | grep -c '"run"')" -ge "$entries" ] || failed "the state was kept"
check "upgraded in place, and the state was kept"
certbot renew -q --force-renewal --no-random-sleep-on-renew
eventually 30 "hook and service at once: live" site_is_live

/root/livecert/install.sh --uninstall >/root/install.log 2>&1 || { cat /root/install.log; failed "uninstall"; }
systemctl is-active --quiet livecert && failed "the service has ended"
left=$(find /etc /usr /lib /var/lib /opt -xdev -name '*livecert*' \
  ! -path '/etc/systemd/system/*livecert-test*' ! -path '/var/lib/dpkg/*' | sort)
[ "$left" = /var/lib/livecert ] || failed "left behind: $left"
check "uninstalled, and nothing but the state is left"
echo 'all checks passed'
