#!/usr/bin/env python3
"""What must not compile does not, and the message says why.

Each *.cpp here begins with "// expect: words && words": the compiler must fail and print them all. A preamble of the
same header alone must compile, so that a broken header does not look like success.

    run.py --compiler g++ --include PATH_OF_THE_REPOSITORY
"""
import argparse
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def compile_source(compiler, include, source):
    command = [*compiler.split(), "-std=c++23", "-fsyntax-only", "-I", include, "-x", "c++", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--include", default=str(HERE.parent.parent))
    parser.add_argument("cases", nargs="*", help="names without .cpp; default: all")
    options = parser.parse_args()

    control = compile_source(options.compiler, options.include, '#include "transom/channel/codec.hpp"\n')
    if control.returncode != 0:
        sys.exit("the header alone does not compile:\n" + control.stderr)

    failures = 0
    for case in sorted(HERE.glob("*.cpp")):
        if options.cases and case.stem not in options.cases:
            continue
        source = case.read_text()
        expected = source.splitlines()[0].removeprefix("// expect: ").split(" && ")
        done = compile_source(options.compiler, options.include, source)
        missing = [words for words in expected if words not in done.stderr]
        if done.returncode == 0:
            print(f"FAIL {case.stem}: it compiles")
        elif missing:
            print(f"FAIL {case.stem}: the compiler does not say {missing}\n{done.stderr}")
        else:
            print(f"ok   {case.stem}")
            continue
        failures += 1
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
