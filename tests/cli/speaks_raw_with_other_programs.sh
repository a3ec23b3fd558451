#!/usr/bin/env bash
# tests/cli/speaks_raw_with_other_programs.sh - with framing=raw the other end may be cat, nc or socat, in both directions.
source "$(dirname "$0")/room.sh"
head -c 1000000 /dev/urandom >sent

# receives URL COMMAND... - COMMAND feeds URL, once somebody listens there; TARGET is what a sender is told.
receives() {
  local url=$1
  shift
  : >heard
  "$transom" recv "$url" >got 2>heard &
  local receiver=$!
  "$@"
  wait "$receiver"
  cmp sent got
}

mkfifo pipe # found, not made: it stays
receives "fifo://$room/pipe?framing=raw" dd if=sent of=pipe status=none
[ -p pipe ]
rm pipe

by_nc() { until_true listens "$room/s" && nc -N -U "$room/s" <sent; }
receives "unix+stream://$room/s?framing=raw" by_nc
by_socat() { socat -u "FILE:sent" "UNIX-CONNECT:$room/s,retry=1000,interval=0.01"; }
receives "unix+stream://$room/s?framing=raw" by_socat
port() { heard_at heard | sed 's/.*:\([0-9]*\)?.*/\1/'; }
nothing_left
by_nc_over_tcp() { nc -N 127.0.0.1 "$(port)" <sent; }
receives "tcp://127.0.0.1:0?framing=raw" by_nc_over_tcp

# And the other way round: they listen, `transom send` connects. It waits for them, so nobody else has to.
mkfifo pipe
cat pipe >got &
"$transom" send "fifo://$room/pipe?framing=raw" sent
wait $!
cmp sent got
rm pipe

nc -N -l -U "$room/s" >got </dev/null &
"$transom" send "unix+stream://$room/s?framing=raw" sent
wait $!
cmp sent got
rm s

socat -u "UNIX-LISTEN:$room/s" "OPEN:got,creat,trunc" &
"$transom" send "unix+stream://$room/s" --framing raw sent
wait $!
cmp sent got
nothing_left

# socat picks the port and says which.
socat -u -d -d TCP-LISTEN:0,bind=127.0.0.1 "OPEN:got,creat,trunc" 2>socat.log &
until_true grep -q 'listening on' socat.log
there=$(sed -n 's/.*listening on .*127.0.0.1:\([0-9]*\).*/\1/p' socat.log)
"$transom" send "tcp://127.0.0.1:$there?framing=raw" sent
wait $!
cmp sent got
