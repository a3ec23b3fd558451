#!/usr/bin/env bash
# tests/cli/speaks_lines_with_other_programs.sh - framing=line: one message is one line, also the last without a newline.
source "$(dirname "$0")/room.sh"

"$transom" recv "unix+stream://$room/s?framing=line" --json >got 2>said &
receiver=$!
until_true listens "$room/s"
printf 'pear\napple\n\nfig' | nc -N -U "$room/s"
wait "$receiver"
printf 'pear\napple\n\nfig\n' | cmp - got
grep -q '"messages":4' said

mkfifo pipe
sort <pipe >sorted &
printf 'pear\napple\nfig' | "$transom" send "fifo://$room/pipe?framing=line"
wait $!
printf 'apple\nfig\npear\n' | cmp - sorted
rm -f pipe

# Lines over a native channel: --text makes each line one message, here in a stream of both directions.
"$transom" recv --text "unix://$room/t" >got &
printf 'one\ntwo\n' | "$transom" send --text "unix://$room/t" --json | grep -q '"messages":2'
wait %+
printf 'one\ntwo\n' | cmp - got

printf 'b\na\n' | "$transom" send 'fd:1?framing=line' | sort | "$transom" recv 'fd:0?framing=line' >got
printf 'a\nb\n' | cmp - got
nothing_left
