# make help says what there is. Every target sets up what it needs: .venv, and dancenet in it.

# Name another Python with: make PYTHON=/path/to/python3.12 demo
PYTHON ?=
# More flags for the command, for example: make demo ARGS="--seed 3"
ARGS ?=

BIN := .venv/bin
# Test processes, each with a TensorFlow of its own; a file's tests stay together.
WORKERS := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
SYSTEM_LIBRARIES := libgl1 libglib2.0-0
# Drives the studio's page in the tests.
BROWSER := chromium

# Where it is set every process would compile TensorFlow anew: 18 s of processor time in place of 6.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint docs bench soak model install
.DEFAULT_GOAL := help

help:
	@echo "make demo    a first dance by the built-in dancer, in out/demo/ (about ten minutes)"
	@echo "make test    every test that belongs to each change"
	@echo "make lint    ruff and mypy"
	@echo "make docs    docs/cli.md and docs/studio-protocol.md from the program itself"
	@echo "make bench   the measurements behind the numbers of the README, as JSON lines"
	@echo "make soak    longer checks"
	@echo "make model   train and pack the built-in dancer's model that comes with dancenet (half an hour)"
	@echo "make install only the set-up: .venv with dancenet and what its development needs"

demo: .venv/.installed
	$(BIN)/dancenet demo $(ARGS)

test: .venv/.installed .venv/.browser
	$(BIN)/python -m pytest -m "not soak" $(WORKERS) $(ARGS)

soak: .venv/.installed .venv/.browser
	$(BIN)/python -m pytest -m soak $(ARGS)

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.installed
	$(BIN)/python docs/build_cli.py
	$(BIN)/python docs/build_protocol.py

bench: .venv/.installed
	$(BIN)/python benchmarks $(ARGS)

model: .venv/.installed
	$(BIN)/dancenet demo --out out/model --minutes 10 $(ARGS)
	$(BIN)/python tools/pack_built_in_dancer.py out/model/run

install: .venv/.installed

.venv/.installed: setup.cfg pyproject.toml | .venv/bin/python
	@# what is imported is compiled when it is: all of it takes a minute, and most of it never is;
	@# the most of that here, for whoever lets no Python write what it compiles
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@if ! $(BIN)/python -c 'import cv2' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $(SYSTEM_LIBRARIES); \
	  fi; \
	  $(BIN)/python -c 'import cv2' || { \
	    echo "OpenCV needs system libraries; on Debian or Ubuntu: sudo apt-get install $(SYSTEM_LIBRARIES)" >&2; \
	    exit 1; }; \
	fi
	@$(BIN)/python -c 'from dancenet.console import load_tensorflow; load_tensorflow()'
	@touch $@

# Without it the tests of the page are skipped, and say so; that is no failure.
.venv/.browser: | .venv/.installed
	@if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y -qq --no-install-recommends $(BROWSER); } || true; \
	  fi; \
	fi
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then touch $@; else \
	  echo "no Chromium: tests of the studio's page are skipped;" \
	    "on Debian or Ubuntu: sudo apt-get install $(BROWSER)" >&2; \
	fi

.venv/bin/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    $$python -m venv .venv && exit 0; \
	    rm -rf .venv; \
	    echo "$$python made no virtual environment; on Debian or Ubuntu: sudo apt-get install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "dancenet needs Python 3.11, 3.12 or 3.13; found: $$(python3 --version 2>&1)." >&2; \
	echo "Install one of them, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	exit 1
