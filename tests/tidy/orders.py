#!/usr/bin/env python3
# tests/tidy/orders.py - every memory order above relaxed is a named edge with two ends.
#
# Looked at: files of transom/{sync,shm,meter,transport} that use transom/sync/atomic.hpp. What belongs together is looked
# at together: x.hpp, x.cpp and x_part.cpp, and whatever file the opening's "Ordering:" line names. Each order carries a
# label in a comment on its line, alone on the line above, or where the statement goes on below; an E has a release and an
# acquire end; an F is a fence that names a partner which names it back; a K stands at a kill_fence; each label is
# explained in an opening, and none is explained and unused. A label is not a proof: it says where to look for one.
import os
import re

import law

RELEASE = {"release", "acq_rel", "seq_cst"}
ACQUIRE = {"acquire", "acq_rel", "seq_cst", "consume"}
ORDER = re.compile(r"[(,]\s*(?:std::memory_order_|std::memory_order::|sync::|transom::sync::)?"
                   r"(acquire|release|acq_rel|seq_cst|consume)\s*(?=[),])")
FENCE = re.compile(r"\batomic_thread_fence\s*\(|\b(?:full|light|heavy)_fence\s*\(\s*\)\s*;")
SHARED = re.compile(r"\bsync::(?:acquire|release|acq_rel|seq_cst|full_fence|kill_fence)\b")
KILL = re.compile(r"\bkill_fence\s*\(\s*\)\s*;")
LABEL = re.compile(r"\b[EFK]\d+\b")


def units(files):
    """Lists of paths that explain and use one set of labels."""
    looked_at = sorted(
        path for path, text in files.items()
        if law.is_cpp(path) and law.layer_of(path) in ("sync", "shm", "meter", "transport")
        and path not in ("transom/sync/atomic.hpp", "transom/sync/heavy_fence.hpp") and not law.is_test(path)
        and ("transom/sync/atomic.hpp" in text or re.search(r"^Ordering: .*transom/", law.opening(text), re.M)
             or SHARED.search(law.code(text))))
    stems = {os.path.splitext(p)[0] for p in files if law.is_cpp(p)}
    chief = {}
    for path in looked_at:
        stem = os.path.splitext(path)[0]
        named = re.search(r"^Ordering: .*?(transom/\w+/\w+)\.[ch]pp", law.opening(files[path]), re.M)
        while "_" in os.path.basename(stem) and stem.rpartition("_")[0] in stems:
            stem = stem.rpartition("_")[0]
        chief[path] = named.group(1) if named else stem
    found = {}
    for path in looked_at:
        found.setdefault(chief[path], []).append(path)
    return list(found.values())


def labels_at(lines, bare, index):
    here = law.comment_of(lines[index])
    if not LABEL.search(here) and index > 0 and lines[index - 1].strip().startswith("//"):
        here = lines[index - 1]
    for below in range(index + 1, min(index + 4, len(lines))):
        if LABEL.search(here) or bare[below - 1].rstrip().endswith((";", "{", "}")):
            break
        here = law.comment_of(lines[below])
    return LABEL.findall(here)


def check(files):
    findings = []
    for paths in units(files):
        ends, fences, kills = {}, {}, set()
        explained = set()
        for path in paths:
            head = law.opening(files[path])
            explained |= set(re.findall(r"^\s*([EFK]\d+)\b", head, re.M)) | set(LABEL.findall(head))
            lines, bare = files[path].split("\n"), law.code(files[path]).split("\n")
            for index, line in enumerate(bare):
                at = f"{path}:{index + 1}: "
                orders, fence, kill = ORDER.findall(line), FENCE.search(line), KILL.search(line)
                if not (orders or kill or fence):
                    continue
                labels = labels_at(lines, bare, index)
                if fence:
                    mine = [name for name in labels if name[0] == "F"]
                    if not mine:
                        findings.append(at + "a fence without a label; write // F1 pairs with F2, and draw both columns "
                                        "in the opening")
                    else:
                        fences[mine[0]] = (at, mine[1:])
                elif kill:
                    mine = [name for name in labels if name[0] == "K"]
                    if not mine:
                        findings.append(at + "an order against death without a label; write // K1 and explain it in the "
                                        "opening")
                    kills |= set(mine)
                elif not [name for name in labels if name[0] in "EF"]:
                    findings.append(at + f"{orders[0]} without a label; name the edge (// E1) and explain its two ends "
                                    "in the opening, or use relaxed")
                else:
                    for name in labels:
                        if name[0] in "EF":
                            ends.setdefault(name, [at, set()])[1].update(orders)
        stem = paths[0]
        for name, (at, orders) in ends.items():
            if name[0] == "E" and not orders & RELEASE:
                findings.append(at + f"{name} has no release end; an edge orders nothing with one end")
            if name[0] == "E" and not orders & ACQUIRE:
                findings.append(at + f"{name} has no acquire end; an edge orders nothing with one end")
        for name, (at, partners) in fences.items():
            if not any(p in fences and name in fences[p][1] for p in partners):
                findings.append(at + f"{name} names no partner that names it back; a lone fence orders nothing")
        used = set(ends) | set(fences) | kills
        for name in sorted(used - explained):
            findings.append(f"{stem}: {name} is used and not explained in the opening")
        for name in sorted(explained - used):
            findings.append(f"{stem}: {name} is explained in the opening and stands nowhere in the code")
    return findings


GOOD = {"transom/sync/slot.hpp": """// transom/sync/slot.hpp - hands one value over.
//
//   E1  publish   writes before the flag -> reads after it
//   E2  reclaim   the reader's reads -> the next write
//   K1  the count is stored before the flag
//     sleeping = 1 ; F1      publish ; F2      (paired)
#include "transom/sync/atomic.hpp"
void put(slot& s) { s.count.store(1, relaxed); kill_fence();  // K1
  s.full.store(1, sync::release); }  // E1
bool got(slot& s) { return s.full.load(acquire); }  // E1
void free_slot(slot& s) { s.full.store(0, std::memory_order_release); }  // E2
bool room(slot& s) {
  if (!s.full.load(sync::acquire))
    return true;  // E2
}
void bell() {
  full_fence();  // F2 pairs with F1
}
void nap() {
  // F1 pairs with F2
  std::atomic_thread_fence(seq_cst);
}
void leave(holder& h) { h.release(); }
"""}


def mutant(old, new):
    text = GOOD["transom/sync/slot.hpp"]
    assert text.count(old) == 1, old
    return {"transom/sync/slot.hpp": text.replace(old, new)}


law.obey(check, {
    "weak publish": mutant("s.full.store(1, sync::release)", "s.full.store(1, sync::relaxed)"),
    "weak look": mutant("return s.full.load(acquire)", "return s.full.load(relaxed)"),
    "weak reclaim": mutant("(0, std::memory_order_release)", "(0, std::memory_order_relaxed)"),
    "weak room": mutant("!s.full.load(sync::acquire)", "!s.full.load(sync::relaxed)"),
    "no fence at the producer": mutant("  full_fence();  // F2 pairs with F1\n", ""),
    "no fence at the consumer": mutant("  // F1 pairs with F2\n  std::atomic_thread_fence(seq_cst);\n", ""),
    "no kill fence": mutant(" kill_fence();  // K1", ""),
    "no label": mutant("_release); }  // E2", "_release); }"),
    "unexplained": mutant("//   E2  reclaim   the reader's reads -> the next write\n", ""),
}, GOOD)
