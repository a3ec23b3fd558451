#!/usr/bin/env bash
# tests/cli/an_interrupted_receiver_removes_its_name.sh - Ctrl-C and SIGTERM: status 1, "interrupted", nothing left behind.
source "$(dirname "$0")/room.sh"
set -m # jobs of their own process groups do not ignore SIGINT

for scheme in unix unix+stream unix+dgram fifo; do
  for signal in INT TERM; do
    "$transom" recv "$scheme://$room/channel" 2>err &
    receiver=$!
    until_true test -e "$room/channel"
    kill -"$signal" "$receiver"
    status=0
    wait "$receiver" || status=$?
    [ "$status" = 1 ] || fail "$scheme, SIG$signal: status $status"
    grep -q 'interrupted' err || fail "$scheme, SIG$signal: $(cat err)"
    nothing_left
  done
done

# A sender that is interrupted while it waits for input ends its channel in good order.
mkfifo words
exec {speech}<>words
"$transom" recv "unix://$room/channel" >got 2>err &
receiver=$!
"$transom" send "unix://$room/channel" <words 2>said &
sender=$!
printf 'half a file' >words
until_true test -s got
kill -INT "$sender"
status=0
wait "$sender" || status=$?
[ "$status" = 1 ] || fail "interrupted sender: status $status"
grep -q interrupted said
exec {speech}>&-
rm words
wait "$receiver" || fail "the receiver was told of a death: $(cat err)"
nothing_left
