#!/usr/bin/env python3
# tests/tidy/dead_files.py - no file that nobody includes, builds, runs or links to.
import fnmatch
import os
import re

import law

UMBRELLA = re.compile(r"transom/(?:codec/)?[^/]+\.(?:hpp|h)$")


def built(path, files):
    """Is this source named, or matched by a pattern, in the CMakeLists.txt beside or above it?"""
    folder = os.path.dirname(path)
    while True:
        rules = files.get((folder + "/" if folder else "") + "CMakeLists.txt")
        if rules is not None:
            below = os.path.relpath(path, folder or ".")
            for word in re.findall(r"[^\s()\"]+", rules):
                word = re.sub(r"\$\{\w+\}", "*", word)
                if fnmatch.fnmatch(below, word.removeprefix("*/")) or \
                        ("/" in below and fnmatch.fnmatch(os.path.basename(below), os.path.basename(word))):
                    return True
        if not folder:
            return False
        folder = os.path.dirname(folder)


def check(files):
    findings = []
    layers = {line.split()[0] for line in files.get("LAYERS", "").split("\n") if re.match(r"[a-z]", line)}
    included, words = set(), {}
    for path, text in files.items():
        if law.is_cpp(path):
            for _, name, _ in law.includes(text):
                included |= {name, os.path.normpath(os.path.dirname(path) + "/" + name)}
        words[path] = text
    for path in files:
        name = os.path.basename(path)
        others = lambda ending: (t for p, t in words.items() if p != path and p.endswith(ending))
        if path.endswith((".hpp", ".h")) and not UMBRELLA.match(path) and path not in included:
            findings.append(f"{path}: nobody includes it; include it where it is used, or delete it")
        elif path.endswith(".cpp") and not (path.startswith("transom/") and law.layer_of(path) in layers) \
                and not path.startswith("cmake/") and not built(path, files):
            findings.append(f"{path}: no CMakeLists.txt builds it; name it there, or delete it")
        elif path.endswith((".sh", ".py")) and path.startswith("tests/") and not built(path, files) \
                and not any(name in t or os.path.splitext(name)[0] in re.findall(r"import (\w+)", t)
                            for t in others(("Makefile", ".sh", ".py", ".txt"))):
            findings.append(f"{path}: nothing runs it; register it as a test, or delete it")
        elif path.startswith("docs/") and path.endswith(".md") and not any(name in t for t in others((".md", ".hpp", ".cpp"))):
            findings.append(f"{path}: no page and no source names it; link it from README.md or a page above it")
    return findings


law.obey(check, {
    "header": {"LAYERS": "os base\n", "transom/os/a.hpp": ""},
    "source": {"LAYERS": "os base\n", "tools/CMakeLists.txt": "add_executable(x main.cpp)", "tools/other.cpp": ""},
    "script": {"tests/cli/CMakeLists.txt": "add_test(NAME a COMMAND a.sh)", "tests/cli/b.sh": ""},
    "page": {"docs/lost.md": "", "README.md": "nothing"},
}, {"LAYERS": "os base\n", "transom/os/a.hpp": "", "transom/os/a.cpp": '#include "transom/os/a.hpp"', "transom/os.hpp": "",
    "tools/CMakeLists.txt": "file(GLOB s ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)", "tools/other.cpp": "",
    "tests/cli/CMakeLists.txt": "foreach(n a)\nadd_test(NAME ${n} COMMAND ${n}.sh)", "tests/cli/a.sh": "",
    "docs/x.md": "", "README.md": "[x](docs/x.md)"})
