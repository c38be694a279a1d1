# Ridgeline's commands. Bare `make` prints them.
PYTHON ?= python3
PIP_ARGS ?=

BIN := .venv/bin
INPUTS := pyproject.toml constraints.txt
MARKUP := app/dashboard/templates app/dashboard/static/favicon.svg
STATIC := app/dashboard/static/*.js app/dashboard/static/*.css
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run test check fix breaks slow bench bench-quality lock clean

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo '  Set PYTHON to choose an interpreter, PIP_ARGS to pass options to pip.'

setup: .venv/.dev ## install everything into .venv, tools included
	@echo "Ready: make run, or make test."

run: .venv/.run ## train on the Kaggle houses, write submission.csv, serve until Ctrl-C
	@exec $(BIN)/ridgeline up --train house_ensemble --submission submission.csv

test: check ## all checks, then all tests but the slow ones
	$(call step,tests,280,$(BIN)/pytest -m "not slow and not timed" -n 2 --dist worksteal)
	$(call step,timed tests,45,$(BIN)/pytest -m timed)

check: .venv/.dev ## format, lint, types and import contracts; templates, scripts and styles
	$(call step,format,2,$(BIN)/ruff format --check --quiet .)
	$(call step,lint,2,$(BIN)/ruff check --quiet .)
	$(call step,types,25,$(BIN)/mypy)
	$(call step,imports,5,$(BIN)/lint-imports --no-logo --no-cache)
	$(call step,templates,1,$(BIN)/djangofmt --check $(MARKUP) && $(BIN)/djangofmt check $(MARKUP))
	$(call step,scripts and styles,3,$(BIN)/oxfmt --check $(STATIC) && $(lint_static))

fix: .venv/.dev ## format, and mend what ruff can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	@$(BIN)/djangofmt $(MARKUP) && $(BIN)/oxfmt $(STATIC)

breaks: .venv/.dev ## break every key line: each check of the chapter must turn red
	$(call step,breaks,900,$(BIN)/pytest -m slow tests/broken --timeout 600 -n 2 --dist worksteal)

slow: .venv/.dev ## the tests that take minutes
	$(call step,slow tests,1800,$(BIN)/pytest -m slow --timeout 1200 -n 2 --dist worksteal)

bench: .venv/.dev ## measure; the numbers in the README come from here
	@exec $(BIN)/python -m benchmarks

bench-quality: .venv/.quality ## house prices beside XGBoost, CatBoost and RealMLP; an hour, and it goes on where it was
	@exec .venv/quality/bin/python -m benchmarks quality

lock: ## resolve pyproject.toml afresh and write constraints.txt
	$(checked_python)
	@$(PYTHON) -m venv --clear .venv/lock
	@.venv/lock/bin/pip install $(PIP_ARGS) '.[dev]'
	@{ grep '^#' constraints.txt; .venv/lock/bin/pip freeze \
	  | grep -viE '^(ridgeline|nvidia-|cuda-|triton)' | sed 's/+[a-z0-9.]*$$//' | LC_ALL=C sort -f; } > .venv/lock/pins
	@cp .venv/lock/pins constraints.txt && rm -rf .venv/lock build *.egg-info

clean: ## remove .venv and every cache; the data in var/ stays
	@rm -rf .venv build dist htmlcov *.egg-info .coverage* .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache .schemathesis
	@find app ml tests alembic benchmarks -name __pycache__ -prune -exec rm -rf {} +

.venv/.run: $(INPUTS)
	$(call install,.)
	@touch $@

.venv/.dev: $(INPUTS)
	$(call install,'.[dev]')
	@touch $@ .venv/.run

.venv/.quality: $(INPUTS) benchmarks/peers.txt
	$(checked_python)
	@$(PYTHON) -m venv .venv/quality
	@.venv/quality/bin/python -m pip install --disable-pip-version-check --log .venv/pip.log $(PIP_ARGS) \
	  -c constraints.txt -e . -r benchmarks/peers.txt || { $(say_why); exit 1; }
	@touch $@

# $(call step,NAME,BUDGET IN SECONDS,COMMAND): run it and say how long it took
define step
@printf '\n== $(1)\n'; start=$$(date +%s); $(3) || { echo "== $(1) failed: see above."; exit 1; }; \
	printf '== $(1): %d s (budget $(2) s)\n' $$(( $$(date +%s) - start ))
endef

# Biome's only wheel is one for Linux on x86-64; whoever works elsewhere still has both formatters.
define lint_static
if [ -x $(BIN)/biome ]; then $(BIN)/biome lint --error-on-warnings; \
	else echo "Biome has no wheel for this machine: scripts and styles were formatted, not linted; CI lints them."; fi
endef

# $(call install,WHAT): a .venv that works, and pip with the pins
define install
$(checked_python)
@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || { \
	  echo "Python could not make .venv: see above. On Debian and Ubuntu: apt install python3-venv."; exit 1; }
@$(BIN)/python -m pip install --disable-pip-version-check --log .venv/pip.log $(PIP_ARGS) \
	  -c constraints.txt -e $(1) || { $(say_why); exit 1; }
endef

define checked_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>/dev/null || echo missing); \
	  echo "Ridgeline needs Python 3.11 or later; $(PYTHON) is $$found." \
	  "Install a newer one and name it, e.g.: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; exit 1; }
endef

define say_why
if grep -qsE 'No space left|Errno 28' .venv/pip.log || [ "$$(df -Pk . | awk 'NR == 2 { print $$4 }')" -lt 200000 ]; \
	then echo "The disk is full: .venv needs about 2 GB (8 GB with CUDA). Make room, then run make again."; \
	elif grep -qsE 'Connection|Retrying|timed out|No matching distribution' .venv/pip.log; \
	then echo "No package registry answered in full: see above. Check the network or pip's index (pip config list), then run make again."; \
	else echo "pip failed: see above; all it said is in .venv/pip.log. Mend that, then run make again."; fi
endef
