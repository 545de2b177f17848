# The commands of this house. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SOURCES := core/src devices/src vault/src checker/src approver/src online/src
TYPED := $(SOURCES) tests/support tests/house tools demo
BIN := .venv/bin

# Suites of the programs that stand without a network, and of what they share: they pass without one. Two folders in
# them need the loopback: those of the gate, which is online, and of the approval device's line to the platform.
OFFLINE := core/tests devices/tests vault/tests checker/tests approver/tests
LOOPBACK := checker/tests/gate approver/tests/link
ONLINE := $(LOOPBACK) online/tests tests
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup
TEST_OFFLINE := $(BIN)/python tools/no_network.py $(PYTEST) $(OFFLINE) $(LOOPBACK:%=--ignore=%)
TEST_ONLINE := $(PYTEST) $(ONLINE)

.PHONY: help setup demo test test-offline test-online check lint fmt-check types contracts locks fmt bench clean

help: ## Print this list
	@printf 'Strongroom. Start with: make demo\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14 | sed 's/^/  make /'

setup: ## Install everything that is needed (quick when it is there)
	@tools/setup

demo: setup ## Run the main job on real nodes and a real token, then attack it; results in build/demo
	@.venvs/platform/bin/python -m demo

test: setup ## Run all tests, both halves even if the first fails
	@status=0; $(TEST_OFFLINE) || status=$$?; $(TEST_ONLINE) || status=$$?; exit $$status

test-offline: setup ## Run terminal, station, approver: no interfaces, no sockets
	@$(TEST_OFFLINE)

test-online: setup ## Run the other tests
	@$(TEST_ONLINE)

check: lint fmt-check types contracts locks ## Run linter, format check, types, import contracts, locks

lint: setup ## Look for mistakes with ruff
	@$(BIN)/ruff check .

fmt-check: setup ## Show what is not formatted, and change nothing
	@$(BIN)/ruff format --check .

types: setup ## Check types with mypy, strict
	@$(BIN)/mypy $(TYPED)

contracts: setup ## Check who imports whom (.importlinter)
	@$(BIN)/lint-imports --no-cache

locks: setup ## Check that uv.lock says what the pyproject files ask for
	@.tools/uv/bin/uv lock --check --quiet

fmt: setup ## Format the code
	@$(BIN)/ruff format .

bench: setup ## Run the benchmarks
	@shopt -s nullglob; for file in benchmarks/bench_*.py; do echo "$$file"; $(BIN)/python "$$file"; done

clean: ## Remove what was built or cached; `make setup` brings it back
	@rm -rf build .venv .venvs .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find core devices vault checker approver online tests demo tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
