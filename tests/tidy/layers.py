#!/usr/bin/env python3
# tests/tidy/layers.py - a layer includes only what LAYERS allows; kernel headers stand in os alone; examples and bindings
# include only what is installed, because they are the proof that it suffices.
import os

import law

KERNEL = ("sys/", "linux/", "asm/", "asm-generic/", "netinet/", "net/", "arpa/", "fcntl.h", "poll.h", "mqueue.h",
          "unistd.h", "spawn.h", "sched.h", "dirent.h", "netdb.h", "semaphore.h", "ifaddrs.h")


def laws(text):
    allowed, kernel = {}, set()
    for line in text.split("\n"):
        words = line.split("#")[0].split()
        if words:
            if "+kernel" in words:
                kernel.add(words[0])
            allowed[words[0]] = set(words) - {"+kernel"}
    return allowed, kernel


def check(files):
    allowed, kernel = laws(files.get("LAYERS", ""))
    public = law.public_headers(files)
    findings = []
    for path, text in files.items():
        if not law.is_cpp(path):
            continue
        layer = law.layer_of(path)
        proof = path.startswith(("examples/", "bindings/"))
        umbrella = path.startswith("transom/") and (not layer or layer == "codec")
        for line, name, quoted in law.includes(law.code(text)):
            at = f"{path}:{line}: "
            other = law.layer_of(name)
            if proof and name.startswith(("transom/", "observe/", "measure/")) and name not in public:
                findings.append(at + f"{name} is not installed; use a public header, or make it public")
            if proof and quoted and not name.startswith("transom/") \
                    and os.path.normpath(os.path.dirname(path) + "/" + name) not in files:
                findings.append(at + f"{name} is neither installed nor beside the file")
            if layer in allowed and other in allowed and other not in allowed[layer]:
                findings.append(at + f"{layer} may not include {other}; move the common part to a layer below both, or "
                                "change LAYERS with the reason")
            if ((layer in allowed and layer not in kernel and not law.is_test(path)) or umbrella) and name.startswith(KERNEL):
                findings.append(at + f"<{name}> belongs into os; call a function of transom/os, or add one there")
    return findings


LAWS = "base\nos base +kernel\nsync base os\n"
law.obey(check, {
    "upwards": {"LAYERS": LAWS, "transom/os/a.cpp": '#include "transom/sync/b.hpp"\n'},
    "kernel outside os": {"LAYERS": LAWS, "transom/sync/a.cpp": "#include <sys/socket.h>\n"},
    "kernel in an umbrella": {"LAYERS": LAWS, "transom/os.hpp": "#include <poll.h>\n"},
    "private header in an example": {"LAYERS": LAWS, "transom/os/private_headers.txt": "syscall.hpp\n",
                                     "transom/os/syscall.hpp": "", "examples/a/main.cpp":
                                     "#include <transom/os/syscall.hpp>\n"},
}, {"LAYERS": LAWS, "transom/os/a.hpp": '#include <sys/socket.h>\n#include "transom/base/c.hpp"\n',
    "transom/sync/a_test.cpp": '#include <sys/wait.h>\n', "tools/main.cpp": "#include <sys/wait.h>\n",
    "examples/a/main.cpp": '#include <transom/os/a.hpp>\n// #include "transom/nowhere.hpp"\n'})
