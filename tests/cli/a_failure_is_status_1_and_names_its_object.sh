#!/usr/bin/env bash
# tests/cli/a_failure_is_status_1_and_names_its_object.sh - what was attempted, on what, and why it failed.
source "$(dirname "$0")/room.sh"

for scheme in unix unix+stream unix+dgram fifo; do
  fails_with 1 "transom send: open .*:///dev/shm/.*/nobody.*: no peer" "$transom" send "$scheme://$room/nobody?connect_timeout=100ms"
  fails_with 1 "$room/missing/x.*[Nn]o such (file or )?directory" "$transom" recv "$scheme://$room/missing/x"
  echo precious >file
  fails_with 1 "$room/file" "$transom" recv "$scheme://$room/file"
  fails_with 1 "$room/file" "$transom" send "$scheme://$room/file?connect_timeout=100ms"
  [ "$(cat file)" = precious ] || fail "$scheme destroyed a file that is none of its own"
done
fails_with 1 "posix-mq:///transom-cli-$$" "$transom" send "posix-mq:///transom-cli-$$?connect_timeout=100ms"
touch key
fails_with 1 "sysv-mq://$room/key" "$transom" send "sysv-mq://$room/key?id=1&connect_timeout=100ms"

"$transom" recv "unix://$room/taken" &
owner=$!
until_true listens "$room/taken"
fails_with 1 "$room/taken.*in use" "$transom" recv "unix://$room/taken"
"$transom" send "unix://$room/taken" </dev/null
wait "$owner"

"$transom" recv tcp://127.0.0.1:0 2>heard &
owner=$!
at=$(heard_at heard)
fails_with 1 "$at.*in use" "$transom" recv "$at"
"$transom" send "$at" </dev/null
wait "$owner"
fails_with 1 "$at" "$transom" send "$at?connect_timeout=100ms"

fails_with 1 "open absent: No such file" "$transom" send fd:1?framing=raw absent
fails_with 1 "fd:77" "$transom" recv fd:77
fails_with 1 "not part of this release" "$transom" recv file:///x

# Root may do everything, so ask as somebody else.
if [ "$(id -u)" = 0 ] && cp "$transom" ./program && chmod 711 . && setpriv --reuid=65534 --regid=65534 --clear-groups ./program version >/dev/null; then
  mkdir -m 700 others && chown 65534 others
  mkfifo -m 600 private
  TRANSOM_DIR=$room/others fails_with 1 "$room/private.*[Pp]ermission" \
    setpriv --reuid=65534 --regid=65534 --clear-groups ./program send "fifo://$room/private?framing=raw&connect_timeout=100ms"
fi
