#!/usr/bin/env bash
# tests/cli/help_explains_each_command.sh - on stdout, with status 0, and every option has words.
source "$(dirname "$0")/room.sh"

"$transom" --help >help
for command in tour send recv pipe version; do
  grep -q "^  $command  *[A-Z]" help || fail "$command is not explained"
  "$transom" $command --help >one 2>err
  [ ! -s err ] || fail "$command --help speaks on stderr"
  grep -q 'Usage: transom '$command one || fail "$command --help does not say how it is used: $(cat one)"
done
for command in send recv pipe; do
  "$transom" $command --help >one
  grep -q '^Example: .*transom '$command one || fail "$command --help has no example"
done
"$transom" --version | grep -qE '^transom [0-9]+\.[0-9]+\.[0-9]+$'
"$transom" version | grep -q '^mechanisms: .*unix '
