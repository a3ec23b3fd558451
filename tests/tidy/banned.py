#!/usr/bin/env python3
# tests/tidy/banned.py - what this project does not write, and what it writes instead.
import re

import law


def in_library(path):
    return path.startswith("transom/") and not law.is_test(path)


def anywhere(path):
    return not path.startswith("tests/tidy/")


# name: (where, pattern, instead)
BANNED = {
    "volatile": (anywhere, r"(?<!asm )\bvolatile\b", "an order of sync::atomic; volatile orders nothing between threads"),
    "sleep": (law.is_test, r"\b(?:usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until)\s*\(|(?<![\w.>])sleep\s*\(",
              "a wait for the event itself, under the watchdog; a sleep is a flake or a slow suite"),
    "system": (anywhere, r"(?<![\w:.>])(?:std::|::)?(?:system|popen)\s*\(",
               "transom::command; system() and popen() hand a string to a shell"),
    "errno": (lambda p: in_library(p) and law.layer_of(p) != "os", r"\berrno\b",
              "a function of transom/os, which returns a result"),
    "interference size": (anywhere, r"\bhardware_(?:de|con)structive_interference_size\b",
                          "alignas(64): a shared format does not depend on who compiled it"),
    "glibc process-shared": (lambda p: anywhere(p) and p not in ("tests/step/controls_locks.cpp", "bench/sync_bench.cpp"),
                             r"\bpthread_\w+_setpshared\b|\bPTHREAD_PROCESS_SHARED\b|\bsetrobust\b",
                             "transom::sync; glibc's process-shared objects hang or corrupt when a holder dies"),
    "consume": (anywhere, r"\bmemory_order(?:_|::)consume\b", "acquire"),
    "output": (lambda p: in_library(p) and p != "transom/base/ensure.cpp",
               r"\bstd::(?:cout|cerr|clog)\b|(?<![\w])(?:std::)?(?:printf|puts|perror)\s*\(",
               "a result; the library does not print"),
}
SHELL_SLEEP = re.compile(r"^[^#]*(?:^|[;&|(\s])sleep\s+[\d.]", re.M)
ATOMIC = re.compile(r"(?:\.|->)\s*(load|store|exchange|fetch_\w+|compare_exchange_\w+|test_and_set|wait)\s*\(")
WITH_ORDER = {"load": 1, "store": 2, "exchange": 2, "compare_exchange_weak": 3, "compare_exchange_strong": 3,
              "test_and_set": 1}


def arguments(text, start):
    """How many arguments the call whose '(' ends at `start` has."""
    depth, count, empty = 1, 1, True
    for c in text[start:]:
        depth += c in "([{"
        depth -= c in ")]}"
        if depth == 0:
            break
        count += c == "," and depth == 1
        empty = empty and c.isspace()
    return 0 if empty else count


def default_orders(path, text):
    if not in_library(path) or not re.search(r"#\s*include\s*(<atomic>|\"transom/sync/atomic\.hpp\")", text):
        return
    for call in ATOMIC.finditer(text):
        name = call.group(1)
        wanted = WITH_ORDER.get(name, 2 if name.startswith("fetch_") else 0)
        if wanted and arguments(text, call.end()) < wanted:
            yield f"{path}:{law.line_of(text, call.start())}: {name} without an order; name the weakest that is right"


def is_declaration(text, offset):
    before = re.search(r"([\w>&*]+)\s+$", text[max(0, offset - 40):offset])
    return bool(before) and before.group(1) not in ("return", "else", "do", "co_return")


def check(files):
    findings = []
    for path, text in files.items():
        if path.endswith(".sh") and law.is_test(path):
            for hit in SHELL_SLEEP.finditer(text):
                findings.append(f"{path}:{law.line_of(text, hit.end())}: sleep: use " + BANNED["sleep"][2])
        if not law.is_cpp(path):
            continue
        bare = law.code(text)
        findings += default_orders(path, bare)
        for name, (where, pattern, instead) in BANNED.items():
            if where(path):
                for hit in re.finditer(pattern, bare):
                    if not is_declaration(bare, hit.start()):
                        findings.append(f"{path}:{law.line_of(bare, hit.start())}: {name}: use {instead}")
    return findings


ATOMICS = "#include <atomic>\n"
law.obey(check, {
    "volatile": {"transom/os/a.cpp": "int f() { volatile int x = 0; }"},
    "usleep": {"transom/os/a_test.cpp": "int f() { usleep(3); }"},
    "sleep_for": {"tests/soak/a.cpp": "int f() { std::this_thread::sleep_for(1s); }"},
    "shell sleep": {"tests/cli/a.sh": "#!/bin/sh\ntrue; sleep 0.1\n"},
    "system": {"tools/a.cpp": "int f() { std::system(x); }"},
    "returned system": {"tools/a.cpp": "int f() { return system(x); }"},
    "errno": {"transom/channel/a.cpp": "int f() { return errno; }"},
    "interference size": {"transom/shm/a.hpp": "alignas(std::hardware_destructive_interference_size) int x;"},
    "pshared": {"transom/sync/a.cpp": "int f() { pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED); }"},
    "output": {"transom/os/a.cpp": "int f() { std::cerr << 1; }"},
    "default load": {"transom/os/a.cpp": ATOMICS + "int f() { return x.load(); }"},
    "default store": {"transom/os/a.cpp": ATOMICS + "int f() { x.store(std::max(1, 2)); }"},
    "default add": {"transom/os/a.cpp": ATOMICS + "int f() { x->fetch_add(1); }"},
    "default exchange": {"transom/os/a.cpp": ATOMICS + "int f() { x.compare_exchange_weak(a, b); }"},
}, {"transom/os/a.cpp": ATOMICS + 'int f() { x.load(relaxed); x.store(g(1, 2), relaxed); '
    'return error::system(errno, "x"); } // volatile usleep(1)\nstatic error system(int number); asm volatile("pause");',
    "tools/b.cpp": "auto v = errno; child.system(1);", "tests/cli/a.sh": "# sleep 1 would be wrong\n"})
