# The project's front door. `make` alone says what there is.
#
# Needs GNU make, bash and Python 3.11 or newer with its venv module; everything else goes into .venv.
# Nothing is fetched twice: pip keeps its own cache, and a stamp in .venv says when setup is up to date.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint system-tools machine nightly bench clean

PYTHON ?= python3
BIN := .venv/bin

# The case that `make demo` shows. Reading it makes Numba compile what few captures need, once all that most need is.
EXAMPLE := examples/openstack-missing-fin/01_broken_php60_vm examples/openstack-missing-fin/00_facts_broken
WARM_UP := $(BIN)/python -m lastseen.cli.warm && $(BIN)/lastseen diagnose --json $(EXAMPLE) && $(BIN)/lastseen connections --json tests/data/warm_up.pcapng

# Packages whose branches are covered to the last one (docs: CONTRIBUTING.md); the others are reported.
FULLY_COVERED := tables matching contrasts faults diagnosis
FULL_COVERAGE := 100

# Tests that build networks or look at all processes of the machine: one after the other, as they would see each other.
NETWORKS := tests/hosts tests/lab tests/live tests/remedies

PYTEST_ARGS ?=
BENCH ?= bench/run.py

# program:package (Debian and Ubuntu), each used by some tests only.
SYSTEM_TOOLS := tshark:tshark tcpdump:tcpdump strace:strace nft:nftables ip:iproute2 ethtool:ethtool conntrack:conntrack \
  php:php-cli curl:curl ovs-vswitchd:openvswitch-switch ovn-northd:ovn-central ovn-controller:ovn-host \
  ssh:openssh-client sshd:openssh-server unshare:util-linux ulogd:ulogd2

# The stamp's name holds the folder and the Python version, as a venv works in one place, with one Python.
STAMP := .venv/.set-up-$(shell { pwd; $(PYTHON) -V || true; } 2>/dev/null | cksum | cut -d ' ' -f 1)

empty :=
comma := ,
space := $(empty) $(empty)

help:
	@echo "make setup   .venv with lastseen in it ($(BIN)/lastseen), kernels compiled"
	echo "make demo    setup, then the diagnosis of $(EXAMPLE)"
	echo "make test    setup, then everything CI checks; as root it also installs the tools the lab tests need"
	echo "make machine setup, then the case study on a real kernel in QEMU (docs/lab-kernel.md): minutes, 800 MB"
	echo "make nightly setup, then every scene of the lab twice, with the same verdict (root)"
	echo "make lint    setup, then ruff, mypy and import-linter only"
	echo "make bench   setup, then speed and memory against other tools"
	echo "make clean   removes .venv, caches and build output"

setup: $(STAMP)
	@:

$(STAMP): pyproject.toml constraints.txt
	@apt='apt-get install python3 python3-venv'
	command -v $(PYTHON) >/dev/null || {
	  echo "setup: $(PYTHON) was not found; install Python 3.11 or newer, e.g. $$apt" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	  echo "setup: $(PYTHON) is $$($(PYTHON) -V 2>&1), 3.11 or newer is needed; install one and name it, e.g. make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || {
	  echo "setup: $(PYTHON) has no venv module; install it, e.g. apt-get install python3-venv" >&2; exit 1; }
	echo "setup 1/3: a virtual environment in .venv ($$($(PYTHON) -V))"
	rm -f .venv/.set-up-*
	$(PYTHON) -m venv --clear .venv
	echo "setup 2/3: lastseen and its tools (a minute or two, about 150 MB the first time)"
	# Both variables: newer pip reads the second for what packages are built with, older pip the first.
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
	  $(BIN)/python -m pip install -qq --editable '.[dev]'
	echo "setup 3/3: compiling the kernels (half a minute, once)"
	$(BIN)/python -m compileall -q src # also where PYTHONDONTWRITEBYTECODE is set: 0.1 s of every start
	{ $(WARM_UP); } >/dev/null 2>.venv/warm-up.log || {
	  echo "setup: the kernels were not compiled, so the first command will (see .venv/warm-up.log)" >&2; }
	touch $@
	echo "setup: done, run $(BIN)/lastseen --help"

demo: setup
	@echo "\$$ lastseen diagnose $(EXAMPLE)"
	$(BIN)/lastseen diagnose $(EXAMPLE)

# What is missing is installed when that is possible, else named in one line each with what is skipped without it.
system-tools:
	@export PATH="$$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive
	missing() { for tool in $(SYSTEM_TOOLS); do command -v "$${tool%%:*}" >/dev/null || echo "$$tool"; done; }
	packages=$$(missing | cut -d : -f 2)
	if [ -n "$$packages" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo "test: installing" $$packages
	  log=$$(mktemp)
	  if command -v debconf-set-selections >/dev/null; then
	    echo 'wireshark-common wireshark-common/install-setuid boolean false' | debconf-set-selections
	  fi
	  fetch() { apt-get install --yes --no-install-recommends $$packages >>"$$log" 2>&1; }
	  fetch || { apt-get update >>"$$log" 2>&1 && fetch; } || { tail -n 3 "$$log" >&2; }
	  rm -f "$$log"
	fi
	for tool in $$(missing); do
	  echo "test: $${tool%%:*} is missing (apt-get install $${tool##*:}): tests that need it are skipped"
	done
	[ "$$(id -u)" = 0 ] || echo "test: not root: lab tests, which build network namespaces, are skipped"
	[ -z "$${LASTSEEN_REQUIRE_LAB:-}" ] || [ -z "$$(missing)" ] || {
	  echo "test: LASTSEEN_REQUIRE_LAB is set and nothing may be skipped" >&2; exit 1; }

lint: setup
	@echo "test: ruff check";  $(BIN)/ruff check --quiet
	echo "test: ruff format"; $(BIN)/ruff format --check --quiet || {
	  $(BIN)/ruff format --check || true; echo "test: run $(BIN)/ruff format" >&2; exit 1; }
	echo "test: mypy";         $(BIN)/mypy --no-error-summary
	echo "test: import-linter"; $(BIN)/lint-imports >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

# Two runs side by side, as most of what builds networks is waiting: beside it the kernels' tests in plain Python, so that
# branch coverage sees inside them (there NumPy warns of the wrapping integers that compiled code has, too); and
# everything else. Of the first the output is shown at its end.
test: setup system-tools lint
	@export PATH="$(CURDIR)/$(BIN):$$PATH:/usr/sbin:/sbin"
	rm -f .coverage .coverage.*
	tests() { # NAME ARGUMENT...: pytest with coverage of its own; that no test is chosen is no failure
	  COVERAGE_FILE=.coverage.$$1 $(BIN)/python -m pytest -p no:cacheprovider --cov --cov-report= "$${@:2}" $(PYTEST_ARGS) || [ $$? = 5 ]; }
	echo "test: networks, beside the kernels not compiled and everything else"
	{ tests networks $(NETWORKS) && NUMBA_DISABLE_JIT=1 tests kernels -m kernel \
	  -W "ignore:overflow encountered:RuntimeWarning"; } >.venv/networks.log 2>&1 & networks=$$!
	trap 'kill $$networks 2>/dev/null || true' EXIT
	status=0; tests others $(NETWORKS:%=--ignore=%) || status=$$?
	wait $$networks || status=$$?
	cat .venv/networks.log
	[ $$status = 0 ] || exit $$status
	$(BIN)/coverage combine --quiet
	echo "test: coverage in all, branches included: $$($(BIN)/coverage report --format=total) %"
	full="$(subst $(space),$(comma),$(FULLY_COVERED:%=src/lastseen/%/*))"
	$(BIN)/coverage report --include="$$full" --fail-under=$(FULL_COVERAGE) >.venv/coverage.log || {
	  cat .venv/coverage.log; echo "test: below $(FULL_COVERAGE) % branch coverage in $(FULLY_COVERED)" >&2; exit 1; }

machine: setup
	@export PATH="$(CURDIR)/$(BIN):$$PATH:/usr/sbin:/sbin"
	$(BIN)/python -m pytest -m machine -o faulthandler_timeout=0 $(PYTEST_ARGS) tests/lab

# The whole lab twice in a row: a scene whose verdict changes is a broken scene.
nightly: setup system-tools
	@export PATH="$(CURDIR)/$(BIN):$$PATH:/usr/sbin:/sbin"
	$(BIN)/python -m pytest -p no:cacheprovider --again 1 -o faulthandler_timeout=0 $(PYTEST_ARGS) tests/lab

bench: setup
	@$(BIN)/python $(BENCH)

clean:
	@rm -rf .venv build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
