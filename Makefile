# One command each, on a machine with Python >= 3.11, git and make. Where uv is missing, it is put into .tools/.
PYTHON ?= python3
ARGS ?=
UV = @uv="$$($(PYTHON) hooks/find_uv.py)" && "$$uv"
export UV_PYTHON_DOWNLOADS = never

.PHONY: help demo test check docs guide contract bench format
.DEFAULT_GOAL := help

help:  ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo:  ## Make a service, serve it, ask it a few things, stop (ARGS="--keep DIR" keeps the project)
	$(UV) run --quiet --frozen --no-dev python -u hooks/demo.py $(ARGS)

test: check docs  ## Everything that a change must pass (ARGS="-m 'not heavy'" for the fast part)
	$(UV) run --frozen pytest -n 4 $(ARGS)

check:  ## Lint, format and types of this repository
	$(UV) run --frozen ruff check
	$(UV) run --frozen ruff format --check
	$(UV) run --frozen mypy

format:  ## Put the code in order
	$(UV) run --frozen ruff check --fix
	$(UV) run --frozen ruff format

docs:  ## Build the guide into docs/_build; a dead link fails
	$(UV) run --frozen sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html

guide:  ## Write again what the guide shows of generated projects (trees, tables)
	$(UV) run --frozen python -W ignore docs/guide.py

contract:  ## Write again the contract of the template's sample resource (openapi.json)
	@uv="$$($(PYTHON) hooks/find_uv.py)" && CASEHARD_WRITE=1 "$$uv" run --frozen pytest -q tests/test_skeleton.py -k contract

bench:  ## What a copy costs, beside an empty template; what the layer costs, beside bare FastAPI (needs wrk)
	$(UV) run --frozen python tests/benchmarks/bench_copy.py
	$(UV) run --frozen python tests/benchmarks/bench_requests.py
