#!/usr/bin/env bash
# tests/cli/pipe_joins_two_channels.sh - what arrives at the first goes to the second, the end too; and a death is told.
source "$(dirname "$0")/room.sh"
head -c 3000000 /dev/urandom >sent

"$transom" recv "unix://$room/out" >got &
receiver=$!
"$transom" pipe "unix://$room/in" "unix://$room/out" --json >tally &
joint=$!
"$transom" send "unix://$room/in" sent
wait "$joint"
wait "$receiver"
cmp sent got
python3 -c 'import json; d = json.load(open("tally")); assert d["schema"] == "transom.pipe/1" and d["bytes"] == 3000000, d'

# From one mechanism to another, and from and to programs that know nothing of us.
mkfifo pipe
sort <pipe >sorted &
sorter=$!
printf '3\n1\n2\n' | "$transom" pipe 'fd:0?framing=line' "fifo://$room/pipe?framing=line"
wait "$sorter"
printf '1\n2\n3\n' | cmp - sorted
rm pipe

# Nobody at the far end: the sentence names it.
fails_with 1 "unix://$room/nobody" "$transom" pipe fd:0?framing=raw "unix://$room/nobody?connect_timeout=50ms"
nothing_left
