#!/usr/bin/env python3
# tests/model/run.py quick|full [--json FILE] [--only NAME] - Spin over the protocols of the lane and over its mutants.
#
# Every model must be without error, and every mutant (mutants.py) must be found, with the verdict its table expects: a
# control that is not found fails the run, like an error. Prints model, states, seconds, verdict.
#   quick   small sizes, for every run of CI      full   the sizes of a release: minutes, at most 6 GB
#   --only  one model or one mutant               --json writes transom.proof/1
# Needs spin and a C compiler. Everything made is below build/model. Called by tests/model/prove.sh (make prove-model).
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import mutants

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "model")
# What each model is run with. The first list is quick; full runs both.
SIZES = {
    "lane_spsc": (["", mutants.LAPS, mutants.GROWING],
                  ["-DHOLDS=2 -DFIRST=3 -DSECOND=1 -DRECEIVERS=2", "-DFIRST=2 -DSECOND=1 -DRECEIVERS=3 -DINLINES=true "
                   "-DARENAS=true -DGROWINGS=true", "-DFIRST=3 -DSECOND=2 -DRECEIVERS=3 " + mutants.GROWING]),
    "wait": (["", "-DFENCE=true", "-DLOUD=true -DPUBLISH0=0 -DPUBLISH1=1 -DSUCCESSOR=0 -DKILL_RINGER=true"],
             ["-DBY_FD=true", "-DPUBLISH0=1 -DPUBLISH1=1 -DSUCCESSOR=1", "-DSLEEPERS=2 -DKILL_RINGER=true",
              "-DPUBLISH0=2 -DPUBLISH1=1 -DSUCCESSOR=0 -DBY_FD=true"]),
    "participants": (["-DRECEIVERS=1", "-DSWEEPS=0"],
                     ["", "-DCLAIMERS=3 -DRECEIVERS=1 -DSWEEPS=0", "-DLIVES=2 -DRECEIVERS=1"]),
    "birth": (["-DKILLED=1", "-DSENDER=false", "-DREMOVER=true -DSENDER=false -DKILLED=1"], ["", "-DKEEP=false"]),
    "directory": (["", "-DUSERS=2 -DKILLED=2"], ["-DKILLED=3", "-DUSERS=4"]),
    "merge": (["-DKILLS=0", "-DKILLS=1"], ["-DKILLS=2", "-DSENDERS=3 -DKILLS=0"]),
    "semaphore": (["", "-DCOUNT=1 -DHOLDERS=1 -DTAKERS=2", "-DCOUNT=1 -DHOLDERS=2 -DTAKERS=0 -DROUNDS=2", "-DCOUNT=2 -DHOLDERS=2 -DTAKERS=1",
                   mutants.GIVING, mutants.GIVING_UP],
                  ["-DCOUNT=1 -DHOLDERS=3 -DTAKERS=0"]),
    "mutex": (["", "-DKILL=false -DROUNDS=2", "-DUSERS=2 -DROUNDS=2"], ["-DROUNDS=2"]),
    "rwlock": (["-DKILLS=1", "-DKILLS=0 -DROUNDS=2 -DWRITERS=1"], ["", "-DKILLS=1 -DROUNDS=2"]),
    "barrier": (["", "-DKILL=false -DIMPATIENT=true", "-DRESETTER=true -DKILL=false"],
                ["-DIMPATIENT=true", "-DN=3 -DMEMBERS=3 -DROUNDS=1 -DKILL=false"]),
}
MEMORY_MB = {"quick": 1500, "full": 5500}


class model_error(Exception):
    pass


def text_of(model, edits=()):
    with open(os.path.join(HERE, model + ".pml"), encoding="utf-8") as f:
        text = f.read()
    for old, new in edits:
        if text.count(old) != 1:
            raise model_error(f"{model}.pml has {text.count(old)} places like {old!r}, one is needed")
        text = text.replace(old, new)
    return text


def check(model, sizes, edits, memory_mb, seconds, optimize):
    """(states, what pan found or '', seconds). Raises model_error if it could not look at all of it."""
    began = time.monotonic()
    os.makedirs(BUILD, exist_ok=True)
    room = tempfile.mkdtemp(prefix=model + "-", dir=BUILD)
    try:
        with open(os.path.join(room, model + ".pml"), "w", encoding="utf-8") as f:
            f.write(text_of(model, edits))
        made = subprocess.run(["spin", "-a", *sizes.split(), model + ".pml"], cwd=room, capture_output=True, text=True)
        if made.returncode != 0 or not os.path.exists(os.path.join(room, "pan.c")):
            raise model_error("spin: " + (made.stdout + made.stderr).strip())
        compiled = subprocess.run([os.environ.get("CC", "cc"), optimize, "-w", "-DCOLLAPSE", "-DSAFETY", "-DNOFAIR",
                                   f"-DMEMLIM={memory_mb}", "-o", "pan", "pan.c"], cwd=room, capture_output=True, text=True)
        if compiled.returncode != 0:
            raise model_error("cc: " + compiled.stderr.strip())
        try:
            done = subprocess.run(["./pan", "-m1000000", "-n"], cwd=room, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise model_error(f"not finished after {seconds} s") from None
        said = done.stdout + done.stderr
        states = re.search(r"(\d+(?:\.\d+e\+\d+)?) states, stored", said)
        found = re.search(r"pan:1: (.*?) \(at depth", said)
        if states is None or (found is None and ("errors: 0" not in said or "reached -" in said or "too small" in said)):
            raise model_error("pan did not see all of it: " + said.strip()[:400])
        return int(float(states.group(1))), found.group(1) if found else "", time.monotonic() - began
    finally:
        shutil.rmtree(room, ignore_errors=True)


def jobs(mode, only):
    for model, (quick, more) in SIZES.items():
        for sizes in quick + (more if mode == "full" else []):
            if only in (None, model):
                yield "model", model, model, sizes, (), ""
    for name, (model, sizes, edits, verdict) in mutants.MUTANTS.items():
        if only in (None, model, name):
            yield "mutant", name, model, sizes, edits, verdict


def main():
    parser = argparse.ArgumentParser(description="Spin over the protocols of the lane and over their mutants.")
    parser.add_argument("mode", choices=("quick", "full"))
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--only", metavar="NAME")
    options = parser.parse_args()
    if shutil.which("spin") is None:
        sys.exit("spin is missing: apt-get install spin")
    began = time.monotonic()
    work = list(jobs(options.mode, options.only))
    if not work:
        sys.exit(f"no model and no mutant is called {options.only}")
    # Large state spaces one at a time: the memory is theirs. The small ones share the cores.
    at_once = {"quick": 2, "full": 1}[options.mode]
    seconds = {"quick": 300, "full": 3600}[options.mode]

    def one(job):
        kind, _, model, sizes, edits, _ = job
        try:
            # A mutant falls early, a small model ends early: compiling them well takes longer than running them.
            return check(model, sizes, edits, MEMORY_MB[options.mode], seconds, "-O2" if kind == "model" and options.mode == "full" else "-O0")
        except model_error as e:
            return 0, "failed: " + str(e), 0.0

    rows, controls, bad = [], [], []
    models, small = [w for w in work if w[0] == "model"], [w for w in work if w[0] == "mutant"]
    for part, width in ((models, at_once), (small, 2)):
        with concurrent.futures.ThreadPoolExecutor(width) as pool:
            for job, (states, found, took) in zip(part, pool.map(one, part)):
                kind, name, model, sizes, _, expected = job
                if kind == "model":
                    verdict, wrong = found or "no error", bool(found)
                    rows.append({"model": model, "sizes": sizes, "states": states, "errors": int(wrong)})
                    label = f"{name} {sizes}".strip()
                else:
                    hit = bool(found) and expected in found
                    verdict, wrong = (f"found: {found}" if hit else f"NOT FOUND ({found or 'no error'})"), not hit
                    controls.append({"name": name, "model": model, "found": hit, "states": states})
                    label = f"  mutant {name}"
                if wrong:
                    bad.append(label.strip())
                print(f"{label:<66} {states:>11,} states {took:7.1f} s  {verdict}", flush=True)
    killed = sum(c["found"] for c in controls)
    took = time.monotonic() - began
    verdict = "passed" if not bad else "failed"
    print(f"{len(rows)} runs of {len({r['model'] for r in rows})} models, {sum(r['states'] for r in rows):,} states, "
          f"{sum(r['errors'] for r in rows)} errors; mutants killed {killed} of {len(controls)}; {took:.0f} s: {verdict}")
    for name in bad:
        print("  " + name)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump({"schema": "transom.proof/1", "proof": "model", "mode": options.mode, "rows": rows, "controls": controls,
                       "seconds": round(took, 1), "verdict": verdict}, f, indent=2)
            f.write("\n")
    sys.exit(1 if bad else 0)


main()
