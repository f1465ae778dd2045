#!/usr/bin/env bash
# A PostgreSQL on 127.0.0.1 for tests, samples and the demo. As root it runs as the user postgres, who must be able to reach DIR.
#   pg.sh up|down|kill|status|env|wipe|database NAME|standby PRIMARY|promote [-d DIR] [-p PORT]
# PORT 0 looks for a free one. `up` and `down` may be repeated; `up` and `env` print a connection string. `kill` is a crash. `standby` makes and
# starts one that follows the server of another DIR, whose commits wait for it from then on; `promote` makes a standby take over.
# Anybody on this machine may connect: never use it for data that matters.
set -euo pipefail
usage() { sed -n 2,6p "$0" | cut -c3-; exit 2; }
cmd=${1:-}; shift || true
name=; if [ "$cmd" = database ] || [ "$cmd" = standby ]; then name=${1:-}; shift || true; fi
DIR=${PG_DIR:-${TMPDIR:-/tmp}/piperoll-pg}; PORT=${PG_PORT:-0}
while getopts d:p: option; do
  case $option in d) DIR=$OPTARG ;; p) PORT=$OPTARG ;; *) usage ;; esac
done
DIR=$(realpath -m "$DIR")
log() { echo "[pg $(date +%T.%3N)] $*" >&2; }

# Debian keeps the server's programs out of the path, a folder for each version.
bin() { local found; found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1); [ -x "$found/initdb" ] && echo "$found"; }
need_packages() {
  [ -z "$(bin)" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    log "PostgreSQL is missing; install the package postgresql and run this again"; exit 3
  fi
  log "installing postgresql"
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; made=1; fi
  export DEBIAN_FRONTEND=noninteractive
  local apt="apt-get -o DPkg::Lock::Timeout=300 -y -qq --no-install-recommends install" ok=
  if $apt postgresql >/dev/null 2>&1; then ok=1
  elif apt-get update -qq >/dev/null 2>&1 && $apt postgresql >/dev/null; then ok=1; fi
  [ -z $made ] || rm -f $policy
  [ -n "$ok" ] || { log "the package could not be installed"; exit 3; }
}
as_user() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp "$@"; else "$@"; fi
}
control() { as_user "$(bin)/pg_ctl" -s -w -D "$DIR/data" "$@"; }
running() { [ -f "$DIR/data/PG_VERSION" ] && control status >/dev/null 2>&1; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
show() { echo "Host=127.0.0.1;Port=$(cat "$DIR/port");Username=postgres;Database=postgres"; }

up() {
  need_packages
  if running; then show; return; fi
  mkdir -p "$DIR"
  if [ "$(id -u)" = 0 ]; then chown postgres: "$DIR"; fi
  if [ "$PORT" = 0 ] && [ -f "$DIR/port" ]; then PORT=$(cat "$DIR/port"); fi
  while [ "$PORT" = 0 ] || { [ ! -f "$DIR/port" ] && taken "$PORT"; }; do PORT=$((20000 + RANDOM % 12000)); done
  echo "$PORT" >"$DIR/port"
  # -N: no sync while the cluster is made; the server itself syncs as ever.
  [ -f "$DIR/data/PG_VERSION" ] || as_user "$(bin)/initdb" -D "$DIR/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 -N >/dev/null
  control -t 60 -l "$DIR/log" -o "-p $PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories='$DIR'" start >&2 ||
    { tail -5 "$DIR/log" >&2; exit 1; }
  show
}

standby() {
  local primary=$name/port query="ALTER SYSTEM SET synchronous_standby_names = '*'"
  if [ "$(id -u)" = 0 ]; then mkdir -p "$DIR"; chown postgres: "$DIR"; fi
  as_user "$(bin)/pg_basebackup" -h 127.0.0.1 -p "$(cat "$primary")" -U postgres -D "$DIR/data" -R -X stream -c fast
  up
  # Only now, so that the copy waits for nobody when it takes over.
  as_user "$(bin)/psql" -q -h 127.0.0.1 -p "$(cat "$primary")" -U postgres -c "$query" -c "SELECT pg_reload_conf()" postgres >/dev/null
}

# A crash: the postmaster and all its children at once, as when the machine loses power but for what the kernel holds.
crash() {
  local pid child
  pid=$(head -1 "$DIR/data/postmaster.pid" 2>/dev/null) || return 0
  kill -STOP "$pid" 2>/dev/null || return 0
  for child in $(ps -o pid= --ppid "$pid"); do kill -9 "$child" 2>/dev/null || true; done
  kill -9 "$pid" 2>/dev/null || true
  for _ in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.05; done
  rm -f "$DIR/data/postmaster.pid"
}

case $cmd in
  up) up ;;
  down) if running; then control -m fast stop; fi ;;
  standby) standby ;;
  promote) control promote ;;
  kill) crash ;;
  status) if running; then echo "up, port $(cat "$DIR/port")"; else echo down; exit 1; fi ;;
  env) show ;;
  database) as_user "$(bin)/createdb" -h 127.0.0.1 -p "$(cat "$DIR/port")" -U postgres "$name" ;;
  wipe) if running; then control -m immediate stop; fi; if [ -f "$DIR/data/PG_VERSION" ]; then rm -rf "$DIR"; fi ;;
  *) usage ;;
esac
