#!/usr/bin/env python3
# tests/tidy/changelog.py - CHANGELOG.md has a place for what is not released yet and knows every version; commit subjects
# are `area: what is true now`, at most 72 characters. Commits are looked at from the upstream branch on, or HEAD alone.
import re
import subprocess

import law

SUBJECT = re.compile(r"[a-z0-9_.+/-]+(?:, [a-z0-9_.+/-]+)*: \S.*[^.\s]")


def git(*words):
    try:
        done = subprocess.run(["git", "-C", law.ROOT, *words], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def subjects():
    upstream = git("rev-parse", "--verify", "--quiet", "@{upstream}")
    reach = ["@{upstream}..HEAD"] if upstream else ["-1", "HEAD"]
    return git("log", "--no-merges", "--format=%s", *reach)


def check(files):
    findings = []
    text = files.get("CHANGELOG.md", "")
    headings = re.findall(r"^## (.+)$", text, re.M)
    if not headings or not re.match(r"\[?Unreleased\]?$", headings[0]):
        findings.append("CHANGELOG.md: the first section is '## Unreleased'; what you change goes there")
    for heading in headings[1:]:
        if not re.match(r"\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}$", heading):
            findings.append(f"CHANGELOG.md: '## {heading}' is not '## VERSION - YYYY-MM-DD'")
    for subject in files.get("git log", "").splitlines():
        if not SUBJECT.fullmatch(subject) and not subject.startswith("Revert "):
            findings.append(f"commit '{subject}': a subject is 'area: what is true now', without a full stop")
        elif len(subject) > 72:
            findings.append(f"commit '{subject}': {len(subject)} characters, 72 allowed; the body has room")
    return findings


def of_this_clone(files):
    return check({**files, "git log": files.get("git log", "\n".join(subjects()))})


GOOD = "# Changes\n\n## Unreleased\n\n## 0.1.0 - 2026-01-31\n"
law.obey(of_this_clone, {
    "no changelog": {"git log": ""},
    "no unreleased": {"CHANGELOG.md": "## 0.1.0 - 2026-01-31\n", "git log": ""},
    "undated": {"CHANGELOG.md": GOOD + "## 0.0.1\n", "git log": ""},
    "no area": {"CHANGELOG.md": GOOD, "git log": "Fix things"},
    "long": {"CHANGELOG.md": GOOD, "git log": "os: " + "x" * 80},
}, {"CHANGELOG.md": GOOD, "git log": "os, shm: report a torn header as protocol_error\nRevert \"x\""})
