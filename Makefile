PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

# Compiled modules are kept, whatever the environment says: a command loads thousands, and the tests start many commands.
unexport PYTHONDONTWRITEBYTECODE

PIP := $(BIN)/python -m pip install --quiet --no-compile
# The release whose small CPU build pip may find; any other: make install TORCH=torch
TORCH ?= torch>=2.13,<2.14

.PHONY: install demo app docs test test-fast test-slow test-all check wheel licences figures clean

install: .venv/installed

# Each step adds to the one before: a demo waits for no dashboard, a dashboard for no tests.
.venv/base: pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) --upgrade pip
	$(PIP) --editable .
	touch $@

# By the package's name, so that pip leaves what is installed as it is: something may run from it.
.venv/demo: .venv/base
	$(PIP) "$(TORCH)"
	$(PIP) "rt-twin[learned]"
	touch $@

.venv/app: .venv/demo
	$(PIP) --editable ".[app]"
	touch $@

.venv/installed: .venv/app
	$(PIP) --editable ".[train,cluster,calibrate,pacs,docs,test]"
	touch $@

# The patient needs no network: he is made while torch is fetched.
runs/demo-patient.twin: | .venv/base
	$(BIN)/rt-twin phantom $@

demo: .venv/base
	$(MAKE) --jobs=2 .venv/demo runs/demo-patient.twin
	$(BIN)/rt-twin demo runs
	@echo "the dashboard: make app"

app: .venv/app
	$(BIN)/rt-twin app runs

test: install
	$(PYTEST) -m "not slow"

# What one runs while working: no Chromium, no training.
test-fast: install
	$(PYTEST) -m "not slow and not long"

# Few files, of which one is most of the work.
test-slow: install
	$(PYTEST) --dist worksteal -m slow

test-all: test test-slow

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pylint twin models simulators scenarios dashboards
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml twin models simulators scenarios dashboards
	$(BIN)/python tests/audit.py

# The site, with warnings as errors; its tutorials run.
docs: install
	$(BIN)/python docs/site/pages.py build/site
	$(BIN)/zensical build --config-file mkdocs.yml --clean --strict

# The wheel alone, and with each extra alone, in fresh environments.
wheel: install
	TORCH="$(TORCH)" PYTHON="$(PYTHON)" $(BIN)/python tests/wheel.py

# What the dependencies ask of those who use them.
licences: install
	$(BIN)/python docs/licences.py

figures: install
	$(BIN)/python docs/figures.py
	$(BIN)/python docs/concepts_figures.py

clean:
	rm -rf .venv runs build *.egg-info
