# What a person does with this house. `make` alone lists it; ARGS="..." is handed on to the tool.
# A bare machine needs Python 3.11 or newer and make; PYTHON=/path/to/python chooses another one.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
# More than the two cores of a small machine: a test waits for a database, a process or a browser half of its time.
WORKERS ?= 4
PIP = .venv/bin/python -m pip --disable-pip-version-check --no-input
BIN = .venv/bin
SHELL = /bin/sh
# Where a day ends while the tests run, and the days that calendars get wrong: begun so long before midnight that some
# tests come before it and some after. One process for each, and all at once: to start takes as long as to test.
EDGES = 2026-11-26_23:59:45 2028-02-28_23:59:45 2028-02-29_23:59:45 2027-12-31_23:59:45
DATED = tests/gateway/cli tests/sandbox_operator tests/gateway/money/test_close_day.py
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test dates quick check bench fix diagrams golden screenshots clean

help: ## list these words
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

run: .venv/.local-installed ## start everything on this machine, with illustrative data, and say where to go
	@exec $(BIN)/ramu run $(ARGS)

test: .venv/.dev-installed ## run every test; starts its own servers
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS); result=$$?; $(say_if_no_browser); exit $$result

dates: .venv/.dev-installed ## run what reads the day of this machine at its edges: midnight, 29 February, 31 December, 1 January
	@command -v faketime >/dev/null || { echo "faketime is missing. On Debian and Ubuntu: apt-get install faketime" >&2; exit 1; }
	@printf '%s\n' $(EDGES) | xargs -P $(WORKERS) -n 1 sh -c 'moment=$$(echo "$$1" | tr _ " "); \
		told=$$(faketime -f "@$$moment" $(BIN)/pytest -q $(DATED) $(ARGS) 2>&1); result=$$?; \
		printf "the date of the machine: %s\n%s\n" "$$moment" "$$told"; exit $$result' dates

quick: .venv/.dev-installed ## run the part of the check that takes seconds: form, rules, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo

check: quick ## run what CI runs before the tests: form, types, contracts, house rules, image
	$(BIN)/mypy
	$(BIN)/pytest -q -p no:randomly tests/test_house_rules.py tests/test_import_contract.py tests/test_packaging.py
	$(BIN)/hadolint Dockerfile
	$(BIN)/compose-lint check compose.yaml
	sh -n docker/initdb.sh
	bash -n .ci/run

bench: .venv/.dev-installed ## measure the hot paths, each beside its floor
	$(BIN)/python -m tests.benchmarks $(ARGS)

fix: .venv/.dev-installed ## format, and apply the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

diagrams: .venv/.dev-installed ## draw the state diagrams and the guide's tables in docs/ again from the code
	$(BIN)/python -m docs.diagrams
	$(BIN)/python -m docs.guide_tables

golden: .venv/.dev-installed ## write the expected conversations again; read the difference before keeping it
	RAMU_GOLDEN=write $(BIN)/pytest -q -p no:randomly tests/ussd_flows tests/gateway/year $(ARGS)

screenshots: .venv/.dev-installed ## make every picture of README and guides again, with the text of its page beside it
	RAMU_SCREENSHOTS=write $(BIN)/pytest -q -p no:randomly tests/e2e/test_screenshots.py $(ARGS)

clean: ## remove the virtual environment and the caches; the local data in .ramu stays
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

# The stamp is younger than the lock only when an installation came to its end. One that was cut short
# leaves .installing behind, and then the environment is made anew: half a package cannot be mended.
.venv/.%-installed: requirements/%.lock requirements/runtime.in pyproject.toml
	@$(check_python)
	@if [ -e .venv/.installing ] || ! $(PIP) --version >/dev/null 2>&1; then \
		echo "making .venv with $(PYTHON)"; $(PYTHON) -m venv --clear .venv; fi
	@touch .venv/.installing
	@echo "installing requirements/$*.lock"
	@$(PIP) install --quiet --require-hashes --requirement $<
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@rm .venv/.installing
	@touch .venv/.local-installed $@

define check_python
$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
	echo "RAMU needs Python 3.11 or newer, and '$(PYTHON)' is not one." >&2; \
	echo "Install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }; \
$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { \
	echo "'$(PYTHON)' cannot make virtual environments: its venv or ensurepip is missing." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3.11-venv" >&2; exit 1; }
endef

define say_if_no_browser
found=; for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && found=yes; done; \
[ -n "$$found" ] || { \
	echo "**********************************************************************"; \
	echo "**  THE BROWSER TESTS DID NOT RUN: no Chromium on this machine.     **"; \
	echo "**  On Debian and Ubuntu: apt-get install chromium                  **"; \
	echo "**********************************************************************"; }
endef
