# tests/tidy/law.py - what the laws have in common: the tree as text, code without comments, and proof that a law can fail.
#
# A law is a function from a tree (path -> text) to findings, each one sentence that says what to do instead. `obey` first
# runs it on small trees that must be found guilty, then on one that must not, and only then on the repository: a law that
# cannot fail is not a law.
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
TEXT = (".cpp", ".hpp", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".in", ".json", ".yml", ".bash", ".1", ".3", ".7")
NAMED = ("LAYERS", "LICENSE", "Makefile", "CMakeLists.txt")


def tree(root=ROOT):
    """Every text file that is, or would be, in the repository."""
    try:
        listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], check=True,
                                capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = []
        for folder, below, names in os.walk(root):
            below[:] = [d for d in below if d not in (".git", "build", "__pycache__")]
            listed += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    files = {}
    for path in sorted(set(listed)):
        if path.endswith(TEXT) or os.path.basename(path) in NAMED or path.startswith(".ci/"):
            try:
                with open(os.path.join(root, path), encoding="utf-8") as f:
                    files[path] = f.read()
            except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
                pass  # deleted but not yet committed, a submodule, or not text after all
    return files


_NOISE = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![\w])\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.S)


def code(text):
    """C++ without comments and literals; every line keeps its number and includes keep their names."""
    def blank(match):
        found = match.group()
        if found.startswith('"') and re.search(r"#\s*include\s*$", text[max(0, match.start() - 20):match.start()]):
            return found
        return ('""' if found[0] in '"R' else " ") + "\n" * found.count("\n")
    return _NOISE.sub(blank, text)


def comment_of(line):
    """The // comment of one line, or ''."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
    return bare[bare.index("//"):] if "//" in bare else ""


def opening(text):
    """The comment a file begins with."""
    lines = []
    for line in text.split("\n"):
        if not line.startswith(("//", "#")) or line.startswith(("#pragma", "#include")):
            break
        lines.append(line.lstrip("/#! "))
    return "\n".join(lines)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def is_cpp(path):
    return path.endswith((".cpp", ".hpp", ".h"))


def is_test(path):
    """Beside the code or in tests/: free to use what the library may not."""
    return path.startswith("tests/") or path.endswith(("_test.cpp", "testing.hpp", "testing.cpp"))


def layer_of(path):
    """'os' for transom/os/pipe.cpp, 'observe' for observe/model.cpp, '' outside the layers."""
    parts = path.split("/")
    if parts[0] == "transom" and len(parts) == 3:
        return parts[1]
    return parts[0] if parts[0] in ("observe", "measure") else ""


def private_headers(files):
    """Headers that are not installed."""
    hidden = {path for path in files if path.endswith("testing.hpp")}
    for path, text in files.items():
        if path.endswith("/private_headers.txt"):
            hidden |= {os.path.dirname(path) + "/" + name for name in text.split()}
    return hidden


def public_headers(files):
    return {p for p in files if p.startswith("transom/") and p.endswith((".hpp", ".h"))} - private_headers(files)


def includes(text):
    """(line, name, quoted) of each include."""
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(2), found.group(1) == '"'


def obey(check, guilty, innocent):
    """Controls, then the repository. `guilty`: name -> tree that must have a finding; `innocent`: a tree without one."""
    for name, files in guilty.items():
        if not check(files):
            sys.exit(f"the law is blind: its control '{name}' was not found guilty")
    wrong = check(innocent)
    if wrong:
        sys.exit("the law is unjust: its innocent control was found guilty\n" + "\n".join(wrong))
    findings = check(tree())
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(f"{len(findings)} finding(s)")
    print(f"obeyed; {len(guilty)} controls caught")
