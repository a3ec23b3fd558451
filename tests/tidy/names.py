#!/usr/bin/env python3
# tests/tidy/names.py - nothing in the project names somebody's machine: no path into a home directory or a checkout.
import re

import law

HOMES = "|".join(["home/[a-z_]", "root/[a-z.]", "Users/[A-Za-z]", "mnt/[a-z]", "workspace/", "workspaces/"])
PATTERN = re.compile(r"(?<![\w.$}:/-])/(?:" + HOMES + ")")


def check(files):
    findings = []
    for path, text in files.items():
        if path == "tests/tidy/names.py":
            continue
        for hit in PATTERN.finditer(text):
            findings.append(f"{path}:{law.line_of(text, hit.start())}: '{text[hit.start():hit.start() + 30].split()[0]}' "
                            "exists on one machine only; use a path relative to the project, or /tmp and /srv in examples")
    return findings


law.obey(check, {
    "home": {"docs/a.md": "see /home/alice/notes"},
    "root": {"tests/a.sh": "cat /root/.bashrc"},
}, {"docs/a.md": "unix:///tmp/x and /srv/data and $HOME/x and a/home/page"})
