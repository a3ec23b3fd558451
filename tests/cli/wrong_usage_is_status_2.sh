#!/usr/bin/env bash
# tests/cli/wrong_usage_is_status_2.sh - and the message names what was wrong and what is known instead.
source "$(dirname "$0")/room.sh"

for command in send recv; do
  fails_with 2 'unknown scheme "unyx".*known schemes: .*unix .*tcp' "$transom" $command unyx:///tmp/x
  fails_with 2 'unknown key "capazity".*capacity max_message' "$transom" $command unix:///tmp/x?capazity=3
  fails_with 2 'max_message: a size such as 512' "$transom" $command unix:///tmp/x?max_message=huge
  fails_with 2 'path must be absolute' "$transom" $command unix://tmp/x
  fails_with 2 'URL is required' "$transom" $command
  fails_with 2 'framing' "$transom" $command unix:///tmp/x --framing xml
  fails_with 2 'bogus' "$transom" $command unix:///tmp/x --bogus
done
fails_with 2 'unknown scheme' "$transom" pipe fd:0?framing=raw nowhere:x
fails_with 2 'TO is required' "$transom" pipe fd:0
fails_with 2 'a size such as' "$transom" send unix:///tmp/x --size many
fails_with 2 'carrier-pigeon' "$transom" tour --via pipe,carrier-pigeon
fails_with 2 'id=N' "$transom" recv sysv-mq:///tmp/x
fails_with 2 'subcommand' "$transom"
fails_with 2 'dance' "$transom" dance
