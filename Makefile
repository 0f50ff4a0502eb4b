# `make reproduce` and `make test` set everything up and run; see README.md.
ifndef PYTHON
PYTHON := $(shell for python in python3.12 python3.13 python3.14 python3; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$python && break; done)
endif
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
READY := $(VENV)/.ready

.PHONY: help setup reproduce test baseline test-mutation test-slow test-browser strip browser lint tables docs calibrate stories scales bench bench-engine bench-short bench-guard lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

setup: $(READY)  ## make the virtual environment .venv, once

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.12 or newer was found; install one (Debian: apt install python3 python3-venv; or pyenv install 3.12), or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "error: PYTHON=$(PYTHON) is not a command; name a Python 3.12 or newer: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { echo "error: PYTHON=$(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.12 or newer is needed: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

reproduce: setup  ## simulate the history and print it beside the record
	$(BIN)/mutualaid reproduce

test: setup lint  ## the quick suite: style, types, layers, tests
	$(BIN)/python -m pytest

$(VENV)/.ready-slow: $(READY) tests/requirements-slow.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-slow.txt
	@touch $@

baseline: setup  ## write the baseline of whole histories anew and print what moved
	$(BIN)/python tests/baseline/baseline.py

test-mutation: setup .venv-mutation/.ready  ## are one-line bugs in agents/ and model/ noticed? (an hour; the same command resumes)
	.venv-mutation/bin/python tests/mutation/mutate.py

.venv-mutation/.ready: tests/mutation/requirements.txt
	$(PYTHON) -m venv --clear .venv-mutation
	.venv-mutation/bin/python -m pip install --quiet --disable-pip-version-check -r tests/mutation/requirements.txt
	@touch $@

test-slow: setup $(VENV)/.ready-slow  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-browser: setup browser  ## the page and the report in a real browser; screenshots go to out/browser
	$(BIN)/python -m pytest -m browser

strip: setup browser  ## four frames of the page, for the README, into docs/page.png
	$(BIN)/python tests/browser/strip.py

browser:
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get install --yes --quiet chromium chromium-driver >/dev/null 2>&1 || true; fi; fi
	@for needed in chromium chromedriver; do command -v $$needed >/dev/null || { \
	  echo "error: $$needed is missing; install it (Debian: apt install chromium chromium-driver)"; exit 1; }; done

lint: setup  ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

tables: setup  ## write the generated tables of docs/
	$(BIN)/python -m experiments.documentation

docs: tables  ## build the site of the documentation into out/docs; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs out/docs

calibrate: setup  ## fit the parameters to the record to the end of 2020, from nothing (an hour on two cores)
	$(BIN)/mutualaid calibrate --recover 20

stories: setup  ## fit rival stories of the collapse and the contested history (an hour and a half on two cores)
	$(BIN)/mutualaid stories
	$(BIN)/mutualaid contested

scales: setup  ## does scale change the answer? into docs/scales.md (ten minutes)
	$(BIN)/python -m benchmarks.scales

bench: setup $(BENCH_VENV)/.ready  ## speed and memory, ours and others', into benchmarks/README.md (half an hour or more)
	$(BIN)/python -m benchmarks.bench

bench-engine: setup  ## what the sweep engine costs beside a bare loop on every core, in one run
	$(BIN)/python -m benchmarks.engine

bench-short: setup  ## a whole history beside commit 02989e2, pairs in turn, in one run (ten minutes)
	$(BIN)/python -m benchmarks.short

bench-guard: setup  ## the crowd and a settlement against a NumPy pass, in one run: did they become slower?
	$(BIN)/python -m benchmarks.guard

$(BENCH_VENV)/.ready: benchmarks/requirements.txt
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	@touch $@

lock:  ## pin every dependency with hashes (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.12 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.lock

clean:  ## remove everything that a command can make again
	rm -rf $(VENV) $(BENCH_VENV) .venv-mutation out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
