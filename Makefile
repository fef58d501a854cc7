# Two commands do everything on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check check-style check-types bench format screenshots clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(READY): pyproject.toml compat/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Holdfast needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Say: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Holdfast into $(VENV) (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[server,otel,yaml]' -e ./compat --group dev
	@touch $(READY)

setup: $(READY) ## Make .venv with everything in it

demo: $(READY) ## Start the server, run a supervised agent, print where its record is (ONCE=1: exit by itself)
	@$(BIN)/holdfast demo $(if $(ONCE),--once)

test: $(READY) ## The whole test suite, from nothing
	@# The browser's driver keeps an event loop running in its process: no place for tests with loops of their own.
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m browser $(ARGS) || test $$? -eq 5  # 5: ARGS name no such test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not browser' $(ARGS)

check: $(READY) ## Format, lint, types, import contracts, fast tests (some minutes)
	@$(MAKE) --no-print-directory -j 2 check-style check-types
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m 'not slow and not browser and not data'

check-style: # beside check-types: each keeps one core busy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check-types:
	@$(BIN)/basedpyright --level error

format: $(READY) ## Format and mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## Measure against the named peers and print the table
	@$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(READY) ## Make the pictures of the docs (REAL=folder: of every page over real runs, into that folder)
	@$(BIN)/python docs/make_screenshots.py $(REAL)

clean: ## Remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
