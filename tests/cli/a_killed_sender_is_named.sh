#!/usr/bin/env bash
# tests/cli/a_killed_sender_is_named.sh - recv says who died and ends with 1; what had arrived whole is on stdout.
source "$(dirname "$0")/room.sh"

for scheme in unix unix+stream unix+dgram fifo posix-mq shm posix-shm sysv-shm; do
  case $scheme in
    posix-mq | posix-shm) url=$scheme:///transom-cli-$$ ;;
    sysv-shm) url="sysv-shm://$room/key?id=3" && touch key ;;
    shm) url=shm://transom-cli-$$ ;;
    *) url=$scheme://$room/channel ;;
  esac
  mkfifo words
  : >got
  "$transom" recv "$url" >got 2>err &
  receiver=$!
  exec {speech}<>words
  "$transom" send "$url" <words &
  sender=$!
  printf 'last words' >words
  until_true test -s got
  kill -KILL "$sender"
  status=0
  wait "$receiver" || status=$?
  exec {speech}>&-
  rm words
  [ "$status" = 1 ] || fail "$scheme: status $status: $(cat err)"
  grep -q "pid $sender died" err || fail "$scheme: it does not name pid $sender: $(cat err)"
  [ "$(cat got)" = 'last words' ] || fail "$scheme: lost what had been sent"
  nothing_left
done
