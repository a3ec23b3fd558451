# What there is to do here. Every target forwards to a CMake preset (CMakePresets.json) or to a script a person can read.
PREFIX ?= /usr/local
DESTDIR ?=
# Seconds per fuzz target for `make fuzz`, and for the kill loop of `make prove-kill`.
SECONDS_EACH ?= 600
KILL_SECONDS ?= 60
# The programs of the API contract, if they lie beside this checkout.
ACCEPTANCE ?= ../shared/acceptance
export ACCEPTANCE

.PHONY: help setup run test ci bench install format tidy lint fuzz prove prove-quick prove-kill coverage clean
help:
	@echo "make run         install what is missing, build, and move a file through every mechanism (transom tour)"
	@echo "make test        build and run the tests"
	@echo "make ci          everything CI runs: both compilers, the sanitizers, the laws, an installed tree"
	@echo "make bench       the benchmarks: the goals beside bare limits and other libraries, and what each layer costs"
	@echo "make install     into PREFIX (now $(PREFIX)), below DESTDIR if that is set"
	@echo "make format      put all sources into the house's format"
	@echo "make tidy        the cheap laws (tests/tidy) and the format, without building"
	@echo "make lint        clang-tidy over the library"
	@echo "make fuzz        fuzz each parser for SECONDS_EACH ($(SECONDS_EACH)) seconds"
	@echo "make prove       every proof in its full form, in the order of trust (hours); make prove-quick: minutes"
	@echo "make prove-NAME  one of them in full: step, pairs, stop, ... (tests/prove.sh)"
	@echo "make prove-kill  kill processes at random for KILL_SECONDS ($(KILL_SECONDS)) seconds and account for every message"
	@echo "make coverage    which lines the tests reach"
	@echo "make setup       only install what the above need"
	@echo "make clean       remove build/"

setup:
	@cmake/packages.sh ci

build/%/build.ninja: CMakePresets.json
	cmake --preset $*

run:
	@cmake/packages.sh run
	@$(MAKE) --no-print-directory build/release/build.ninja
	cmake --build --preset release
	build/release/bin/transom tour

test:
	@cmake/packages.sh test
	@$(MAKE) --no-print-directory build/dev/build.ninja
	cmake --build --preset dev
	ctest --preset dev -j2 --output-on-failure

ci:
	@cmake/packages.sh ci
	@tests/ci.sh

bench:
	@cmake/packages.sh bench
	@$(MAKE) --no-print-directory build/bench/build.ninja
	cmake --build --preset bench
	bench/run.sh build/bench

install:
	@cmake/packages.sh run
	cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	cmake --build --preset release
	DESTDIR=$(DESTDIR) cmake --install build/release

format:
	@cmake/packages.sh ci
	git ls-files -co --exclude-standard '*.cpp' '*.hpp' '*.h' | xargs -r clang-format-19 -i

tidy:
	@tests/ci.sh laws format

lint:
	@cmake/packages.sh ci
	@tests/ci.sh clang clang-tidy

fuzz:
	@cmake/packages.sh ci
	@$(MAKE) --no-print-directory build/fuzz/build.ninja
	cmake --build --preset fuzz
	tests/fuzz/run.sh $(SECONDS_EACH)

prove prove-quick:
	@cmake/packages.sh ci
	tests/prove.sh $(if $(filter prove,$@),full,quick)

prove-kill:
	@cmake/packages.sh test
	@$(MAKE) --no-print-directory build/dev/build.ninja
	cmake --build --preset dev
	TRANSOM_SOAK_SECONDS=$(KILL_SECONDS) ctest --preset dev -L soak -V --no-tests=error

prove-%:
	@cmake/packages.sh ci
	tests/prove.sh full $*

coverage:
	@cmake/packages.sh coverage
	@$(MAKE) --no-print-directory build/coverage/build.ninja
	cmake --build --preset coverage
	ctest --preset coverage
	gcovr --root . --object-directory build/coverage --filter transom/ --exclude '.*_test.cpp' --print-summary

clean:
	rm -rf build
