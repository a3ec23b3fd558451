#!/usr/bin/env bash
# tests/cli/length_framing_is_four_bytes_big_endian.sh - what another program has to write, and gets to read.
source "$(dirname "$0")/room.sh"

printf '\0\0\0\3abc\0\0\0\0\0\0\0\2de' | "$transom" recv --framing length --delimit fd:0 >got
printf 'abc\n\nde\n' | cmp - got

printf 'abc' | "$transom" send --framing length fd:1 >sent
printf '\0\0\0\3abc' | cmp - sent
printf 'abcde' >file
"$transom" send 'fd:1?framing=length' --size 2 file >sent
printf '\0\0\0\2ab\0\0\0\2cd\0\0\0\1e' | cmp - sent

# A stream that ends inside a message is not one that ended in good order.
printf '\0\0\0\3ab' >torn
fails_with 1 'fd:0' bash -c "'$transom' recv fd:0?framing=length <torn"
[ ! -s out ] || fail "half a message was delivered"
