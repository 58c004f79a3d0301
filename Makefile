# Everything that a person or a CI job runs; each target first makes sure of what it needs (tools/setup.sh).
#
#   make demo      the whole path on a namespace of its own: declare, plan, apply, drift, repair, destroy (root)
#   make test      all tests, on the real kernel in network namespaces of their own (root)
#   make vm        the tests that need another kernel's devices, in a virtual machine (root)
#   make lint      ruff, mypy, the import contracts
#   make bench     measures against ip -batch and ifupdown2; writes docs/benchmarks.md (root)
#   make schema    writes schemas/ from the models
#   make docs      writes the generated pages under docs/
#   make outputs   runs the commands of all pages, and writes what they print now into them (root)
#   make format    formats the code
#   make clean     removes what the above made in this tree
#
# PYTHON=python3.13 chooses the interpreter; PYTEST_ARGS="tests/engine -k undo" chooses tests.

SHELL := /bin/bash
export PYTHON
# Where a user's PATH may not lead: ip, nft and their like.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
# Tests start netctl by the thousand: compiled once, it starts in a quarter of the time.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# More than there are cores: half of the time a test waits, for the kernel most of all.
WORKERS ?= $(shell expr $$(nproc) + 2)
PYTEST_ARGS ?=
SETUP := @tools/setup.sh

.PHONY: help demo test vm lint bench schema docs outputs format clean require-root
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

require-root:
	@[ "$$(id -u)" = 0 ] || { echo "This makes network namespaces, which only root may: sudo make $(MAKECMDGOALS)" >&2; exit 1; }

demo: require-root
	$(SETUP) python demo
	@$(BIN)/python tools/demo.py

test: require-root
	$(SETUP) python system
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup --reruns 1 $(PYTEST_ARGS)

vm: require-root
	$(SETUP) python system vm
	@$(BIN)/python tools/vm.py $(CURDIR)/$(BIN)/pytest --timeout 600 tests/vm

lint:
	$(SETUP) python
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: require-root
	$(SETUP) python system bench
	@$(BIN)/python -m benchmarks

schema:
	$(SETUP) python
	@for name in stack plan test trace; do \
	    $(BIN)/netctl schema $$name > schemas/$$name.schema.json.new || exit; \
	    mv schemas/$$name.schema.json.new schemas/$$name.schema.json; \
	done

docs:
	$(SETUP) python
	@$(BIN)/python -c 'from pathlib import Path; from netctl.stack import reference; reference.write(Path("docs"))'

outputs: require-root
	$(SETUP) python system
	@$(BIN)/python -m tests.docs.refresh

format:
	$(SETUP) python
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
