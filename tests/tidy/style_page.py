#!/usr/bin/env python3
# tests/tidy/style_page.py - the C++ blocks of docs/STYLE.md compile together, so the page cannot drift from the language.
#
# A block that opens with '// path - purpose' becomes that file; they are compiled in their order as one program.
import os
import re
import subprocess
import tempfile

import law


def check(files):
    blocks = re.findall(r"^```cpp\n(.*?)^```", files.get("docs/STYLE.md", ""), re.M | re.S)
    if not blocks:
        return ["docs/STYLE.md: shows no C++; the house style is explained by example"]
    with tempfile.TemporaryDirectory() as folder:
        program = ""
        for block in blocks:
            named = re.match(r"// (\S+\.[ch]pp) - ", block)
            if not named:
                program += block
                continue
            path = os.path.join(folder, named.group(1))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(block)
            program += f'#include "{named.group(1)}"\n'
        main = os.path.join(folder, "page.cpp")
        with open(main, "w", encoding="utf-8") as f:
            f.write(program)
        ran = subprocess.run([os.environ.get("CXX") or "g++", "-std=c++23", "-Wall", "-Wextra", "-fsyntax-only",
                              "-I", folder, "-I", law.ROOT, main], capture_output=True, text=True, check=False)
    if ran.returncode != 0 or ran.stderr:
        return ["docs/STYLE.md: its blocks do not compile together:\n" + ran.stderr[:2000]]
    return []


law.obey(check, {
    "no block": {"docs/STYLE.md": "words"},
    "broken": {"docs/STYLE.md": "```cpp\n// transom/a.hpp - a\nstruct x { int y }\n```\n"},
    "warning": {"docs/STYLE.md": "```cpp\ninline int f(int unused) { return 1; }\n```\n"},
}, {"docs/STYLE.md": "```cpp\n// transom/a.hpp - a\n#pragma once\nstruct x { int y; };\n```\n```cpp\ninline x make() "
    "{ return {1}; }\n```\n"})
