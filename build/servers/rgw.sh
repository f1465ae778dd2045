#!/usr/bin/env bash
# A Ceph RADOS Gateway (S3) on 127.0.0.1 for tests, samples and the demo: one monitor, one OSD, one gateway, no manager, no cephx.
#   rgw.sh up|down|kill|status|env|wipe [-d DIR] [-p PORT] [-s memstore|bluestore]
#   rgw.sh bucket NAME [-d DIR]      makes a bucket; no harm when it is there
#   rgw.sh quota BYTES|off [-d DIR]  what all buckets together may hold: beyond it writing is answered 403 QuotaExceeded
# PORT is the S3 port, PORT+1 the monitor's, PORT+2..PORT+6 the OSD's; 0 looks for seven free ones. `up` and `down` may be repeated.
# `up` and `env` print S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY and S3_REGION. Processes are known by their pid files in DIR/run alone.
# One copy of everything and no authentication between the daemons: never use it for data that matters.
set -euo pipefail
umask 077
usage() { sed -n 2,8p "$0" | cut -c3-; exit 2; }
cmd=${1:-}; shift || true
bucket= quota=
if [ "$cmd" = bucket ]; then bucket=${1:?the name of the bucket}; shift; fi
if [ "$cmd" = quota ]; then quota=${1:?bytes, or off}; shift; fi
DIR=${RGW_DIR:-${TMPDIR:-/tmp}/piperoll-rgw}; PORT=${RGW_PORT:-7480}; STORE=${RGW_STORE:-bluestore}
while getopts d:p:s: option; do
  case $option in d) DIR=$OPTARG ;; p) PORT=$OPTARG ;; s) STORE=$OPTARG ;; *) usage ;; esac
done
AK=${RGW_ACCESS_KEY:-piperollaccess000001}; SK=${RGW_SECRET_KEY:-piperollsecret00000000000000000000000001}
SIZE_GB=${RGW_SIZE_GB:-20}; MEM_GB=${RGW_MEM_GB:-4}
# A folder that exists keeps the settings it was made with.
# shellcheck source=/dev/null
if [ -f "$DIR/env" ]; then . "$DIR/env"; fi
DIR=$(realpath -m "$DIR"); CONF=$DIR/ceph.conf
FSID=11111111-2222-4333-8444-555555555555
OSD_UUID=99999999-2222-4333-8444-555555555555
log() { echo "[rgw $(date +%T.%3N)] $*" >&2; }

need_packages() {
  local binary missing=
  for binary in radosgw ceph-mon ceph-osd ceph monmaptool radosgw-admin curl; do
    command -v $binary >/dev/null || missing="$missing $binary"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    log "missing:$missing; install the packages ceph-mon ceph-osd ceph-common radosgw curl and run this again"
    exit 3
  fi
  log "installing ceph-mon ceph-osd ceph-common radosgw curl"
  # The packages would start daemons of their own.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; made=1; fi
  export DEBIAN_FRONTEND=noninteractive
  local apt="apt-get -o DPkg::Lock::Timeout=300 -y -qq --no-install-recommends install" ok=
  if $apt ceph-mon ceph-osd ceph-common radosgw curl >/dev/null 2>&1; then ok=1
  elif apt-get update -qq >/dev/null 2>&1 && $apt ceph-mon ceph-osd ceph-common radosgw curl >/dev/null; then ok=1; fi
  [ -z $made ] || rm -f $policy
  [ -n "$ok" ] || { log "the packages could not be installed"; exit 3; }
}

# alive PIDFILE COMMAND: the process exists, is COMMAND, and was started with our configuration
alive() {
  local pid
  pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) && [ -n "$pid" ] &&
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$CONF" && [ "$(cat "/proc/$pid/comm")" = "$2" ]
}
wait_for() { # SECONDS COMMAND...
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || { log "gave up waiting for: $*"; return 1; }; sleep 0.1; done
}
ceph_() { timeout 30 ceph -c "$CONF" --connect-timeout 10 "$@" 2>>"$DIR/log/cli.log"; }
osd_up() { ceph_ osd stat | grep -q '1 up'; }
http() { curl -s --noproxy '*' -o /dev/null -w '%{http_code}' --max-time 5 "http://127.0.0.1:$PORT/" | grep -q 200; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_port() {
  [ "$PORT" = 0 ] || return 0
  local base offset free
  for _ in $(seq 50); do
    base=$((20000 + RANDOM % 12000)) free=1
    for offset in 0 1 2 3 4 5 6; do if taken $((base + offset)); then free=; break; fi; done
    if [ -n "$free" ]; then PORT=$base; return 0; fi
  done
  log "found no seven free ports in a row; name one with -p"; exit 1
}

write_conf() {
  mkdir -p "$DIR"/{run,log,mon,osd,rgw}
  printf '%s=%s\n' PORT "$PORT" STORE "$STORE" AK "$AK" SK "$SK" SIZE_GB "$SIZE_GB" MEM_GB "$MEM_GB" >"$DIR/env"
  cat >"$CONF" <<E
[global]
fsid = $FSID
mon host = v2:127.0.0.1:$((PORT + 1))
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = $((PORT + 2))
ms bind port max = $((PORT + 6))
client mount timeout = 30
auth cluster required = none
auth service required = none
auth client required = none
run dir = $DIR/run
pid file = $DIR/run/\$type.pid
admin socket = $DIR/run/\$name.\$pid.asok
log file = $DIR/log/\$name.log
keyring = $DIR/keyring
crash dir = $DIR/log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon allow pool delete = true
osd crush chooseleaf type = 0
mon max pg per osd = 1000
debug ms = 0
debug rgw = 0
debug bluestore = 0
debug rocksdb = 0
[mon]
mon data = $DIR/mon
mon cluster log file = $DIR/log/cluster.log
paxos propose interval = 0.05
paxos min wait = 0.01
mon data avail warn = 2
mon data avail crit = 1
mon warn on pool no redundancy = false
[osd]
osd data = $DIR/osd
osd journal size = 100
osd objectstore = $STORE
osd fast shutdown = false
osd class update on start = false
osd crush initial weight = 1
memstore device bytes = $((MEM_GB << 30))
bluestore block size = $((SIZE_GB << 30))
bluestore block path =
bluestore fsck on mount = false
bluestore cache autotune = false
bluestore cache size = 268435456
osd memory target = 1073741824
osd max object name len = 256
osd max object namespace len = 64
[client.rgw]
ms mon client mode = crc
ms client mode = crc
rgw data = $DIR/rgw
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw enable apis = s3, admin
rgw thread pool size = 64
rgw rados pool pg num min = 4
rgw enable usage log = false
rgw enable ops log = false
rgw lc debug interval = ${RGW_LC_DEBUG_INTERVAL:--1}
E
}

up() {
  need_packages
  if alive mon ceph-mon && alive osd ceph-osd && alive client radosgw && http; then log "already up"; show; return; fi
  choose_port
  write_conf
  if [ ! -e "$DIR/mon/.done" ]; then
    rm -rf "$DIR/mon"; mkdir -p "$DIR/mon"
    monmaptool --create --clobber --fsid $FSID --addv a "[v2:127.0.0.1:$((PORT + 1))]" "$DIR/monmap" >/dev/null
    ceph-mon -c "$CONF" --mkfs -i a --monmap "$DIR/monmap" >>"$DIR/log/mon-mkfs.log" 2>&1
    touch "$DIR/mon/.done"
  fi
  alive mon ceph-mon || { ceph-mon -c "$CONF" -i a >>"$DIR/log/mon-start.log" 2>&1; log "monitor started"; }
  if [ ! -e "$DIR/osd/.done" ]; then
    rm -rf "$DIR/osd"; mkdir -p "$DIR/osd"
    ceph-osd -c "$CONF" -i 0 --mkfs --osd-uuid $OSD_UUID >>"$DIR/log/osd-mkfs.log" 2>&1
    wait_for 60 ceph_ osd new $OSD_UUID 0
    touch "$DIR/osd/.done"
  fi
  alive osd ceph-osd || { ceph-osd -c "$CONF" -i 0 >>"$DIR/log/osd-start.log" 2>&1; log "OSD started"; }
  wait_for 60 osd_up
  if [ ! -e "$DIR/rgw/.user" ]; then
    local admin="radosgw-admin -c $CONF -n client.rgw"
    timeout 120 $admin user create --uid=piperoll --display-name=piperoll --access-key="$AK" --secret="$SK" \
      >"$DIR/log/user.json" 2>>"$DIR/log/cli.log" ||
      timeout 60 $admin user info --uid=piperoll >"$DIR/log/user.json" 2>>"$DIR/log/cli.log"
    touch "$DIR/rgw/.user"
  fi
  alive client radosgw || { timeout 60 radosgw -c "$CONF" -n client.rgw >>"$DIR/log/rgw-start.log" 2>&1; log "gateway started"; }
  wait_for 60 http || { tail -20 "$DIR"/log/client.rgw.log >&2; exit 1; }
  log "S3 is ready on port $PORT"
  show
}

show() { printf '%s\n' "S3_ENDPOINT=http://127.0.0.1:$PORT" "S3_ACCESS_KEY=$AK" "S3_SECRET_KEY=$SK" "S3_REGION=default"; }

make_bucket() {
  local status
  # The gateway signs the payload's hash too, which curl leaves out by itself.
  status=$(curl -s --noproxy '*' -o /dev/null -w '%{http_code}' --max-time 30 -X PUT -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
    --aws-sigv4 aws:amz:default:s3 --user "$AK:$SK" "http://127.0.0.1:$PORT/$bucket")
  case $status in 200 | 409) ;; *) log "making the bucket $bucket was answered $status"; exit 1 ;; esac
}

set_quota() {
  local admin="timeout 60 radosgw-admin -c $CONF -n client.rgw quota" scope="--quota-scope=user --uid=piperoll"
  if [ "$quota" = off ]; then $admin disable $scope >/dev/null 2>>"$DIR/log/cli.log"; return; fi
  $admin set $scope --max-size="$quota" >/dev/null 2>>"$DIR/log/cli.log"
  $admin enable $scope >/dev/null 2>>"$DIR/log/cli.log"
}

# stop SIGNAL: the gateway first, the monitor last; whoever does not end within 20 seconds is killed
stop() {
  local daemon name pid
  for daemon in client:radosgw osd:ceph-osd mon:ceph-mon; do
    name=${daemon%%:*}
    if alive "$name" "${daemon##*:}"; then
      pid=$(cat "$DIR/run/$name.pid"); kill -"$1" "$pid" 2>/dev/null || true
      for _ in $(seq 200); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
      if [ -d "/proc/$pid" ]; then log "kill -9 $pid (${daemon##*:})"; kill -9 "$pid" 2>/dev/null || true; sleep 0.2; fi
    fi
    rm -f "$DIR/run/$name.pid"
  done
}

status() {
  local daemon name pid bad=0
  for daemon in mon:ceph-mon osd:ceph-osd client:radosgw; do
    name=${daemon%%:*}
    if alive "$name" "${daemon##*:}"; then
      pid=$(cat "$DIR/run/$name.pid")
      printf '%-9s pid %-7s %s MiB resident\n' "${daemon##*:}" "$pid" "$(($(awk '/VmRSS/{print $2}' "/proc/$pid/status") / 1024))"
    else
      printf '%-9s down\n' "${daemon##*:}"; bad=1
    fi
  done
  if http; then echo "http      127.0.0.1:$PORT answers"; else echo "http      no answer"; bad=1; fi
  return $bad
}

case $cmd in
  up) up ;;
  down) stop TERM ;;
  kill) stop KILL ;;
  status) status ;;
  env) show ;;
  bucket) make_bucket ;;
  quota) set_quota ;;
  wipe) stop TERM; if [ -f "$CONF" ] && grep -q $FSID "$CONF"; then rm -rf "$DIR"; fi ;;
  *) usage ;;
esac
