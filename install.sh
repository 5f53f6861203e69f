#!/bin/sh
# Installs livecert, shows it at work, or removes it.
#
#   ./install.sh --demo      issue, serve and renew a certificate on this machine's
#                            loopback, in a temporary folder; nothing is left behind
#   sudo ./install.sh        the program, two Certbot hooks, and the service; where no
#                            systemd runs, a crontab that retries in its stead
#   sudo ./install.sh --uninstall [--purge]
#
# A file that somebody edited after its installation is never overwritten and
# never removed: the new text goes into FILE.new beside it, and the exit code
# is 3. Which text was installed is known from PREFIX/lib/livecert/manifest:
# one line `SHA-256  PATH` per file, as sha256sum prints it.
# DESTDIR is put before every path written, for packagers.
set -eu
umask 022

usage() {
  cat <<'TEXT'
usage: ./install.sh [--prefix DIR] [--certbot-dir DIR] [--node FILE]
                    [--no-service] [--no-timer] [--dry-run]
       ./install.sh --uninstall [--purge] [--prefix DIR] [--dry-run]
       ./install.sh --demo

  --prefix DIR       the program goes to DIR/lib/livecert and DIR/bin
                     (default /usr/local)
  --certbot-dir DIR  Certbot's directory (default /etc/letsencrypt); only
                     renewal-hooks/deploy and renewal-hooks/post are written
  --node FILE        the Node.js program to run livecert with (default: the
                     one in PATH)
  --no-service       a timer that takes up again what has failed, in place of
                     the service that also finds what no hook told
  --no-timer         neither of them
  --dry-run          only say what would be done
  --uninstall        remove what was installed; state is kept
  --purge            with --uninstall: remove the state as well
  --demo             issue, serve and renew a certificate on loopback

exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but a file that was
edited since its installation was left as it is
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/demo/setup.sh
. "$here/test/demo/setup.sh"

prefix=/usr/local
certbot_dir=/etc/letsencrypt
node=
action=install
service=yes
timer=yes
dry_run=no
purge=no
root=${DESTDIR:-}

wrong_usage() {
  printf 'install.sh: error: %s\n' "$1" >&2
  usage >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
  --prefix=* | --certbot-dir=* | --node=*)
    option=$1
    shift
    set -- "${option%%=*}" "${option#*=}" "$@"
    ;;
  esac
  case $1 in
  --prefix | --certbot-dir | --node)
    [ $# -ge 2 ] || wrong_usage "$1 needs a value"
    case $1 in
    --prefix) prefix=${2%/} ;;
    --certbot-dir) certbot_dir=${2%/} ;;
    --node) node=$2 ;;
    esac
    shift
    ;;
  --no-service) service=no ;;
  --no-timer) timer=no ;;
  --dry-run) dry_run=yes ;;
  --uninstall) action=uninstall ;;
  --purge) purge=yes ;;
  --demo) action=demo ;;
  -h | --help)
    usage
    exit 0
    ;;
  *) wrong_usage "unknown option $1" ;;
  esac
  shift
done
[ "$purge" = no ] || [ "$action" = uninstall ] ||
  wrong_usage "--purge goes with --uninstall"

[ "$action" != demo ] || exec sh "$here/test/demo/demo.sh"

library=$prefix/lib/livecert
program=$library/livecert.js
launcher=$prefix/bin/livecert
manifest=$root$library/manifest
units=/etc/systemd/system
crontabs=/etc/cron.d
edited=no

# Paths are written into scripts, units and a crontab, each with its own quotes.
check_path() {
  case $1 in
  /*) ;;
  *) fail "$1 is not an absolute path" ;;
  esac
  case $1 in
  *[!A-Za-z0-9/._+@:,=\ -]*)
    fail "$1: only letters, digits, blanks and / . _ + - @ : , = can be used here"
    ;;
  esac
}

# check_writable DIR: the nearest directory that exists must be ours to write.
check_writable() {
  directory=$1
  while [ ! -d "$directory" ]; do directory=$(dirname "$directory"); done
  [ -w "$directory" ] ||
    fail "$directory cannot be written" "run it as root: sudo $0"
}

check_node() {
  [ -n "$node" ] || node=$(command -v node) ||
    fail "there is no Node.js in PATH; livecert needs 20.19 or newer" \
      "apt-get install nodejs, or name yours: $0 --node FILE"
  check_path "$node"
  version=$("$node" --version 2>/dev/null) || :
  is_new_enough "$version" ||
    fail "$node is ${version:-no Node.js}; livecert needs 20.19 or newer" \
      "install a newer one and name it: $0 --node FILE"
  warn_of_others "$node"
}

# is_new_enough VERSION: as `node --version` prints it.
is_new_enough() {
  case $1 in
  v[0-9]*.[0-9]*.[0-9]*) ;;
  *) return 1 ;;
  esac
  major=${1#v}
  minor=${major#*.}
  major=${major%%.*}
  minor=${minor%%.*}
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

# warn_of_others FILE: whoever may write to it, to a link to it or to a directory
# above would run whatever they like as root with the next renewal.
warn_of_others() {
  [ "$(id -u)" -eq 0 ] || return 0
  for place in "$1" "$(readlink -f "$1")"; do
    while [ "$place" != / ]; do
      reason=$(changeable_by "$place")
      if [ -n "$reason" ]; then
        printf 'install.sh: warning: %s %s, who could so run anything as root\n' \
          "$place" "$reason" >&2
        printf 'install.sh: hint: use a Node.js that only root can change: %s --node FILE\n' \
          "$0" >&2
        return
      fi
      place=$(dirname "$place")
    done
  done
}

# In a sticky directory others cannot replace what is root's.
changeable_by() {
  if [ "$(stat -c %u "$1")" -ne 0 ]; then
    printf 'belongs to %s' "$(stat -c %U "$1")"
  elif [ ! -h "$1" ] && [ ! -k "$1" ]; then
    case $(stat -c %A "$1") in
    ????????w?) printf 'can be written by everybody' ;;
    ?????w????) printf 'can be written by the group %s' "$(stat -c %G "$1")" ;;
    esac
  fi
}

digest() {
  sha256sum <"$1" | cut -d ' ' -f 1
}

# Whether the file has a text that was installed.
is_ours() {
  [ -f "$root$1" ] && [ -f "$manifest" ] &&
    grep -qxF "$(digest "$root$1")  $1" "$manifest"
}

# report WHAT FILE
report() {
  [ "$dry_run" = no ] || printf 'would be '
  printf '%s: %s\n' "$1" "$root$2"
}

# fill TEMPLATE [MODE]: its text, with the paths in place of the @NAMES@, is
# what place writes next.
fill() {
  sed -e "s|@NODE@|$node|g" -e "s|@LIVECERT@|$program|g" \
    -e "s|@LAUNCHER@|$launcher|g" -e "s|@MODE@|${2:-}|g" "$1" >"$text"
}

# place FILE MODE
place() {
  if [ -f "$root$1" ] && cmp -s "$text" "$root$1"; then
    report unchanged "$1"
  elif [ ! -e "$root$1" ] && [ ! -L "$root$1" ]; then
    report installed "$1"
    write "$1" "$2"
  elif is_ours "$1"; then
    report upgraded "$1"
    write "$1" "$2"
  else
    edited=yes
    report "kept as edited, the new text is in $(basename "$1").new" "$1"
    # Not executable: Certbot would run it.
    write "$1.new" 0644
    return
  fi
  record "$1"
  discard "$1.new"
}

# A rename within the directory. Certbot passes over names that end in ~.
write() {
  [ "$dry_run" = no ] || return 0
  # First, so that the file counts as ours also where we are cut short.
  mkdir -p "$root$library"
  printf '%s  %s\n' "$(digest "$text")" "$1" >>"$manifest"
  record "$1"
  temporary=$root$(dirname "$1")/.livecert-install~
  mkdir -p "$root$(dirname "$1")"
  cp "$text" "$temporary"
  chmod "$2" "$temporary"
  mv -f "$temporary" "$root$1"
}

record() {
  printf '%s  %s\n' "$(digest "$text")" "$1" >>"$work/manifest"
}

# A file of ours that is no longer wanted.
discard() {
  is_ours "$1" || return 0
  report removed "$1"
  [ "$dry_run" = yes ] || rm -f "$root$1"
}

# The lines of this run, and the older ones on files that it did not write: what
# was edited, and what other options put there.
save_manifest() {
  [ "$dry_run" = no ] || return 0
  mkdir -p "$root$library"
  : >>"$manifest"
  awk '{ path = substr($0, 67) }
    NR == FNR { new[path] = 1; print; next }
    !(path in new)' "$work/manifest" "$manifest" | sort -u >"$manifest.new"
  mv -f "$manifest.new" "$manifest"
}

# Only the systemd that runs this very machine is told.
tell_systemd() {
  if [ "$dry_run" = no ] && [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl "$@"
  fi
}

place_program() {
  if [ "$dry_run" = no ]; then
    (cd "$here" && need_build)
  elif [ ! -f "$here/dist/livecert.js" ]; then
    report built "$program"
    return
  fi
  # Node.js would otherwise guess what kind of file it is.
  printf '{ "type": "commonjs" }\n' >"$text"
  place "$library/package.json" 0644
  cp "$here/dist/livecert.js" "$text"
  place "$program" 0644
  # A core would hold private keys; those variables are meant for other programs.
  printf "#!/bin/sh\nulimit -c 0\nunset NODE_OPTIONS NODE_PATH\nexec '%s' '%s' \"\$@\"\n" "$node" "$program" >"$text"
  place "$launcher" 0755
}

place_hooks() {
  fill "$here/hooks/livecert" --defer
  place "$certbot_dir/renewal-hooks/deploy/livecert" 0755
  fill "$here/hooks/livecert" --flush
  place "$certbot_dir/renewal-hooks/post/livecert" 0755
}

# What makes certificates live where no hook did: the service where systemd runs
# (DESTDIR's, for packagers), else what its init offers.
place_follow_up() {
  if [ ! -d "$root/run/systemd/system" ]; then
    place_crontab
  elif [ "$service" = yes ]; then
    place_service
  else
    place_timer
  fi
}

place_service() {
  remove_units livecert-retry.timer livecert-retry.service
  fill "$here/systemd/livecert.service"
  place "$units/livecert.service" 0644
  tell_systemd daemon-reload
  tell_systemd enable --quiet livecert.service
  # A restart, so that an upgrade runs from now on; what it was about is in its state.
  if tell_systemd restart livecert.service; then
    [ "$dry_run" = yes ] || [ -n "$root" ] ||
      printf 'running: livecert.service (systemctl status livecert)\n'
  else
    fail "livecert.service did not start" "journalctl -u livecert -n 20"
  fi
}

place_timer() {
  remove_units livecert.service
  for unit in livecert-retry.service livecert-retry.timer; do
    fill "$here/systemd/$unit"
    place "$units/$unit" 0644
  done
  tell_systemd daemon-reload
  tell_systemd enable --quiet --now livecert-retry.timer
}

place_crontab() {
  fill "$here/systemd/livecert-retry.cron"
  place "$crontabs/livecert-retry" 0644
  [ "$service" = no ] ||
    printf 'no systemd runs here: let your init keep this running: %s watch\n' \
      "$launcher"
}

# remove_units UNIT…: the first is what was enabled. An edited one is only disabled.
remove_units() {
  [ -e "$root$units/$1" ] || return 0
  tell_systemd disable --quiet --now "$1" || :
  for unit in "$@"; do discard "$units/$unit"; done
}

install() {
  check_path "$prefix"
  check_path "$certbot_dir"
  check_node
  if [ "$dry_run" = no ]; then
    check_writable "$root$prefix"
    check_writable "$root$certbot_dir"
    [ "$timer" = no ] || check_writable "$root/etc"
  fi
  place_program
  place_hooks
  [ "$timer" = no ] || place_follow_up
  save_manifest
  [ "$certbot_dir" = /etc/letsencrypt ] ||
    printf 'hint: livecert looks at /etc/letsencrypt until /etc/livecert/livecert.yaml says otherwise: certbot-dir: %s\n' \
      "$certbot_dir"
  [ "$dry_run" = yes ] || printf 'next: %s doctor\n' "$launcher"
}

uninstall() {
  if [ -f "$manifest" ]; then
    remove_units livecert.service
    remove_units livecert-retry.timer livecert-retry.service
    cut -c 67- "$manifest" | sort -u >"$work/paths"
    while IFS= read -r path; do
      if is_ours "$path"; then
        discard "$path"
      elif [ -e "$root$path" ] || [ -L "$root$path" ]; then
        edited=yes
        report "kept as edited" "$path"
      fi
    done <"$work/paths"
    tell_systemd daemon-reload
    if [ "$dry_run" = no ]; then
      rm -f "$manifest"
      rmdir "$root$library" 2>/dev/null || :
    fi
  else
    printf 'nothing is installed below %s\n' "$root$prefix"
  fi
  name_callers
  remove_state
}

# What people wrote themselves, and Certbot would go on to run.
name_callers() {
  for file in "$root$certbot_dir"/cli.ini "$root$certbot_dir"/renewal/*.conf; do
    name_caller "$file" '^[[:space:]]*[a-z_-]*hook[[:space:]]*=.*livecert'
  done
  for file in "$root$certbot_dir"/renewal-hooks/*/*; do
    case $file in
    *~) continue ;;
    esac
    [ ! -x "$file" ] || is_ours "${file#"$root"}" || name_caller "$file" '^[^#]*livecert'
  done
}

# name_caller FILE PATTERN
name_caller() {
  if [ -f "$1" ] && grep -q "$2" "$1"; then
    printf 'hint: Certbot still calls livecert by %s\n' "$1"
  fi
}

remove_state() {
  for directory in /var/lib/livecert /run/livecert; do
    [ -d "$root$directory" ] || continue
    if [ "$purge" = no ]; then
      printf 'kept: %s (--purge removes it)\n' "$root$directory"
    else
      report removed "$directory"
      [ "$dry_run" = yes ] || rm -rf "$root$directory"
    fi
  done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
text=$work/text
: >"$work/manifest"

case $action in
install) install ;;
uninstall) uninstall ;;
esac
[ "$edited" = no ] || exit 3
