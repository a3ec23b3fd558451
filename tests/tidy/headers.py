#!/usr/bin/env python3
# tests/tidy/headers.py - public headers lean on the standard library and each other alone; every file says what it is.
# (That each public header compiles by itself is the target all_verify_interface_header_sets.)
import re

import law


def check(files):
    findings = []
    public = law.public_headers(files)
    for path, text in files.items():
        if law.is_cpp(path) and not path.startswith("tests/compile_fail/"):
            first = text.split("\n", 1)[0]
            if not re.match(rf"(//|/\*) {re.escape(path)} - \S", first):
                findings.append(f"{path}:1: the first line is '// {path} - what it is for'")
        if path.endswith(".hpp") and not re.search(r"^#pragma once$", text, re.M):
            findings.append(f"{path}: a header has #pragma once")
        if path not in public or path == "transom/asio.hpp":
            continue
        for line, name, quoted in law.includes(law.code(text)):
            at = f"{path}:{line}: "
            if name.startswith("transom/"):
                if name in files and name not in public:
                    findings.append(at + f"{name} is private; a public header may not need it: move what is needed "
                                    "into a public one, or the use into the source")
            elif quoted:
                findings.append(at + f'"{name}": include from the root, "transom/..."')
            elif "/" in name or name.endswith(".h"):
                findings.append(at + f"<{name}> in a public header; put the constants there as ours and static_assert "
                                "them in the source")
    return findings


law.obey(check, {
    "kernel header": {"transom/os/a.hpp": "// transom/os/a.hpp - a\n#pragma once\n#include <poll.h>\n"},
    "private leak": {"transom/os/a.hpp": '// transom/os/a.hpp - a\n#pragma once\n#include "transom/os/b.hpp"\n',
                     "transom/os/b.hpp": "// transom/os/b.hpp - b\n#pragma once\n",
                     "transom/os/private_headers.txt": "b.hpp\n"},
    "no opening": {"transom/os/a.cpp": "int a;\n"},
    "no guard": {"transom/os/a.hpp": "// transom/os/a.hpp - a\n"},
}, {"transom/os/a.hpp": '// transom/os/a.hpp - a\n#pragma once\n#include <vector>\n#include "transom/base/b.hpp"\n',
    "transom/os/a.cpp": "// transom/os/a.cpp - a\n#include <poll.h>\n"})
