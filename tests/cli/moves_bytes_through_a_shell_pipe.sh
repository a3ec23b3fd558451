#!/usr/bin/env bash
# tests/cli/moves_bytes_through_a_shell_pipe.sh - fd:1 and fd:0 are the two ends of the shell's own pipe.
source "$(dirname "$0")/room.sh"

head -c 20000000 /dev/urandom >big
: >nothing
printf x >one
for sent in big nothing one; do
  "$transom" send fd:1 <"$sent" | "$transom" recv fd:0 >got
  cmp "$sent" got
  "$transom" send 'fd:1?framing=raw' "$sent" | cmp "$sent" -
  "$transom" recv 'fd:0?framing=raw' <"$sent" | cmp "$sent" -
done
