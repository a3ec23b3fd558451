#!/usr/bin/env python3
# tests/tidy/clang_tidy.py BUILD [--seconds N] - clang-tidy over the library and the command, in bounded time.
#
# What HEAD's last commit or the working tree touches comes first, then the rest from a place that HEAD's hash chooses, so that
# every file has its turn; when the time is up no further file is begun and those not reached are counted. Any finding fails. The checks stand in .clang-tidy.
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDERS = ("transom/", "observe/", "measure/", "tools/")


def changed():
    lines = ""
    for words in (["diff", "--name-only", "HEAD~1"], ["ls-files", "-o", "--exclude-standard"]):
        lines += subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout
    return set(lines.split())


def turn(files):
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout
    first = int(head.strip() or "0", 16) % max(len(files), 1)
    return files[first:] + files[:first]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build")
    arguments.add_argument("--seconds", type=float, default=300)
    options = arguments.parse_args()
    with open(os.path.join(options.build, "compile_commands.json"), encoding="utf-8") as f:
        files = {os.path.relpath(entry["file"], ROOT) for entry in json.load(f)}
    files = [f for f in files if f.startswith(FOLDERS) and not f.endswith(("_test.cpp", "testing.cpp"))]
    touched = changed()
    files = turn(sorted(files))
    files.sort(key=lambda f: f not in touched)
    until = time.monotonic() + options.seconds

    def look(path):
        if time.monotonic() > until:
            return path, None
        ran = subprocess.run(["clang-tidy-19", "-p", options.build, "--quiet", path], cwd=ROOT, capture_output=True,
                             text=True, check=False)
        return path, (ran.returncode, ran.stdout)

    guilty, unseen = 0, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for path, answer in pool.map(look, files):
            if answer is None:
                unseen.append(path)
            elif answer[0] != 0 or answer[1].strip():
                guilty += 1
                print(answer[1])
    print(f"clang-tidy: {len(files) - len(unseen)} files looked at, {guilty} with findings, {len(unseen)} not reached")
    sys.exit(1 if guilty else 0)


main()
