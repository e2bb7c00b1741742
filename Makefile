# Two commands for a newcomer: `make demo` and `make test`. Both make .venv first if need be.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-quickstart test-faults lint docs clean

help:
	@echo "make demo   install, mine drawn faces, print the summary and the path of the report"
	@echo "make test   install, run the test suite, but for the whole quickstart"
	@echo "make test-quickstart   run the whole quickstart, check what it finds"
	@echo "make test-faults  kill runs at random moments, fill their disks"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make docs   build the documentation into site/"
	@echo "make clean  remove .venv and what was built"

$(VENV)/.demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --editable ".[demo]"
	@touch $@

PLUGINS := $(wildcard plugins/*/pyproject.toml)

$(VENV)/.test: $(VENV)/.demo $(PLUGINS)
	$(PIP_INSTALL) --editable ".[demo,test,lint,docs]" $(addprefix --editable ,$(dir $(PLUGINS)))
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/diffmine run recipes/quickstart.toml

# A process a core, each with one thread; a file's tests stay together, as they share what they have run.
test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --durations 25

test-quickstart: $(VENV)/.test
	$(BIN)/python -m pytest -m quickstart tests/test_quickstart.py

# DIFFMINE_KILLS says how many kills of each kind, DIFFMINE_SEED at which moments.
test-faults: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults -n auto

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.test
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site dist build
