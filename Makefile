PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: install demo app test test-fast test-slow test-all check licences figures clean

install: .venv/installed

# Older pips do not know licence expressions; torch comes first so that its CPU build is the one kept.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "torch>=2.13,<2.14"
	$(BIN)/python -m pip install --quiet --editable ".[app,learned,cluster,calibrate,pacs,test]"
	touch $@

demo: install
	@mkdir -p runs
	@test -e runs/demo-patient.twin || $(BIN)/rt-twin phantom runs/demo-patient.twin --seed 7
	$(BIN)/rt-twin compare runs/demo-patient.twin --plan 60/30 --plan 55/20 --plan 60/15 --days 365 --out runs/demo

app: install
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

# What the dependencies ask of those who use them.
licences: install
	$(BIN)/python docs/licences.py

figures: install
	$(BIN)/python docs/figures.py

clean:
	rm -rf .venv runs build *.egg-info
