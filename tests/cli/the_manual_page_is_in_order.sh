#!/usr/bin/env bash
# tests/cli/the_manual_page_is_in_order.sh - it renders without a warning, and names every command and option.
source "$(dirname "$0")/room.sh"

LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings -l "${SOURCE:?must name the source tree}/docs/man/transom.1" >page 2>warnings
[ ! -s warnings ] || fail "$(cat warnings)"
for command in tour send recv pipe version; do
  grep -q "transom $command" page || fail "the command $command is missing"
  "$transom" $command --help >help
  for option in $(grep -oE -- '--[a-z][a-z-]+' help | sort -u); do
    grep -qE -- "$option([^a-z-]|$)" page || fail "$command $option is missing"
  done
done
"$transom" version >version
for scheme in $(sed -n 's/^mechanisms: //p' version); do
  grep -qF "$scheme:" page || fail "$scheme: is missing"
done
