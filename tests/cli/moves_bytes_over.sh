#!/usr/bin/env bash
# tests/cli/moves_bytes_over.sh SCHEME - what goes into `transom send` comes out of `transom recv`: 20 MB, nothing, one byte.
source "$(dirname "$0")/room.sh"

case $1 in
  unix | unix+stream | unix+dgram | fifo) url=$1://$room/channel ;;
  posix-mq | posix-shm) url=$1:///transom-cli-$$ ;;
  sysv-mq | sysv-shm) url="$1://$room/key?id=7" && touch key ;;
  shm) url=shm://transom-cli-$$ ;;
  tcp | udp) url=$1://127.0.0.1:0 ;;
  *) fail "no URL for $1" ;;
esac
head -c 20000000 /dev/urandom >big
: >nothing
printf x >one

for sent in big nothing one; do
  : >heard
  "$transom" recv "$url" >got 2>heard &
  receiver=$!
  target=$url
  case $1 in tcp | udp) target=$(heard_at heard) ;; esac
  # shellcheck disable=SC2002 # a pipe is the point: stdin is not a file
  cat "$sent" | "$transom" send "$target"
  wait "$receiver"
  cmp "$sent" got
  nothing_left
done
