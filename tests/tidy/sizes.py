#!/usr/bin/env python3
# tests/tidy/sizes.py - a file is one room: headers of 150 lines, sources of 300, test programs of 450.
#
# What was larger when the law came is recorded in sizes.json; such a number may fall and never rises.
#   sizes.py --tighten        writes down what has shrunk
#   sizes.py --accept FILE... records files that are right as they are; the reviewer sees it in the difference
import json
import os
import sys

import law

RECORD = "tests/tidy/sizes.json"


def limit(path):
    if law.is_test(path):
        return 450
    return 150 if path.endswith((".hpp", ".h")) else 300


def sizes(files):
    return {p: t.count("\n") for p, t in files.items() if law.is_cpp(p)}


def check(files):
    recorded = json.loads(files.get(RECORD, "{}"))
    findings = []
    for path, lines in sizes(files).items():
        allowed = max(limit(path), recorded.get(path, 0))
        if lines > allowed:
            findings.append(f"{path}: {lines} lines, {allowed} allowed; split it by theme, each part with its own "
                            "opening")
    return findings


def rewrite(accepted):
    files = law.tree()
    now, recorded = sizes(files), json.loads(files.get(RECORD, "{}"))
    kept = {p: min(n, now[p]) for p, n in recorded.items() if p in now and now[p] > limit(p)}
    kept.update({p: now[p] for p in accepted if now[p] > limit(p)})
    with open(os.path.join(law.ROOT, RECORD), "w", encoding="utf-8") as f:
        f.write(json.dumps(kept, indent=2, sort_keys=True) + "\n")


if sys.argv[1:2] == ["--tighten"]:
    rewrite([])
elif sys.argv[1:2] == ["--accept"]:
    rewrite(sys.argv[2:])
else:
    law.obey(check, {
        "long header": {"transom/os/a.hpp": "\n" * 151},
        "long source": {"tools/a.cpp": "\n" * 301},
        "grown": {"transom/os/a.hpp": "\n" * 201, RECORD: '{"transom/os/a.hpp": 200}'},
    }, {"transom/os/a.hpp": "\n" * 200, RECORD: '{"transom/os/a.hpp": 200}', "transom/os/a_test.cpp": "\n" * 450})
