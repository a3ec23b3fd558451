#!/usr/bin/env python3
# examples/run.py README PROGRAM - does what a README says, and compares what it says will come.
#
# A block ```console after a line "Terminal N" is typed there, any other in the one terminal there is. Lines that begin with
# "$ " are typed, the others are what must be printed; <words in angle brackets> stand for what differs from run to run. What
# has no terminal is done alone and in turn; terminals that follow one another are shells that run at once, as on a desk.
# Names in /tmp become names in a directory of this run's own, so any number of runs disturb nobody and leave nothing behind.
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LIMIT_S = 50


def scenes(text):
    """[{terminal: (commands, expected lines)}]: what is done at once, one after the other."""
    found, number, block, inside = [], None, None, False
    for line in text.split("\n"):
        heading = re.match(r"\W*Terminal (\d+)", line)
        if line.startswith("```"):
            inside = not inside
            block = None
            if inside and line[3:].strip() == "console":
                if number is None or not found or number in found[-1] or None in found[-1]:
                    found.append({})
                block = found[-1].setdefault(number, ([], []))
                number = None
        elif heading and not inside:
            number = int(heading.group(1))
        elif block is not None:
            block[0 if line.startswith("$ ") else 1].append(line.removeprefix("$ "))
    return found


def pattern(expected):
    parts = re.split(r"<[^<>\n]+>", "\n".join(expected))
    return ".+".join(re.escape(part) for part in parts)


def type_in(commands, room):
    """A shell that does them, and the file that it prints to."""
    printed = tempfile.TemporaryFile("w+", dir=room)
    script = "set -e\n" + "\n".join(commands).replace("/tmp/", room + "/")
    shell = subprocess.Popen(["bash", "-c", script], cwd=room, stdin=subprocess.DEVNULL, stdout=printed,
                             stderr=subprocess.STDOUT, start_new_session=True,
                             env={**os.environ, "TRANSOM_DIR": os.path.join(room, "records")})
    return shell, printed


def end(shell):
    try:
        os.killpg(shell.pid, signal.SIGKILL)  # and whatever it has left in the background
    except ProcessLookupError:
        pass
    shell.wait()


def play(scene, room):
    """Does one scene and returns what was not as it should be."""
    shells, findings = {}, []
    try:
        for number, (commands, _) in scene.items():
            shells[number] = type_in(commands, room)
        until = time.monotonic() + LIMIT_S
        while any(shell.poll() is None for shell, _ in shells.values()):
            if time.monotonic() > until or any(shell.poll() for shell, _ in shells.values()):
                break  # too late, or one has failed and the others wait for it
            time.sleep(0.01)
        for number, (shell, file) in shells.items():
            status = shell.poll()
            end(shell)
            file.seek(0)
            printed = file.read().rstrip("\n").replace(room + "/", "/tmp/")
            expected = scene[number][1]
            if status != 0 or not re.fullmatch(pattern(expected), printed):
                who = "it" if number is None else f"terminal {number}"
                how = "was still running" if status is None else f"ended with status {status}"
                findings.append("\n".join([f"{who} {how}; the README says", *expected, "and this came", printed]))
    finally:
        for shell, file in shells.values():
            end(shell)
            file.close()
    return findings


def main(readme, program):
    with open(readme, encoding="utf-8") as file:
        asked = scenes(file.read())
    if not asked:
        sys.exit(f"{readme}: nothing to type in it")
    room = tempfile.mkdtemp(prefix="transom-example-")
    try:
        os.symlink(os.path.abspath(program), os.path.join(room, os.path.basename(program)))
        for scene in asked:
            findings = play(scene, room)
            if findings:
                sys.exit("\n\n".join(findings))
    finally:
        shutil.rmtree(room, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # so that what was started is ended
main(*sys.argv[1:])
