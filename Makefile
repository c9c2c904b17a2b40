# Every target in one line each: make help
PYTHON ?= python3
PORT ?= 8000
DATA ?= data
SEED ?= 1
VENV := .venv
DEV := .venv-dev
RUN := $(VENV)/.installed
RUN_DEV := $(DEV)/.installed
# A certified OAuth client from npm, for one file of tests; without npm, or without it, those tests are left out and say so.
FOREIGN := $(if $(shell command -v npm 2>/dev/null),tests/node/node_modules/.installed)
# A generator of Python clients, whose own requirements do not go with ours: it has an environment of its own.
GENERATOR := .venv-generator/.installed
# In the business zone: a month's last day and the day before, 1 January 00:30, 31 December 23:30, 29 February, a Monday.
DAYS := 2027-06-30T12:00 2027-06-29T12:00 2028-01-01T00:30 2027-12-31T23:30 2028-02-29T20:30 2027-03-01T09:00
# What most changes can break, without browsers, processes and long races.
QUICK := tests/unit tests/contract/test_openapi.py tests/contract/test_openapi_examples.py tests/integration/benefits/test_counter_desk.py tests/integration/benefits/test_holds.py tests/integration/benefits/test_gifts.py tests/integration/benefits/test_new_command.py tests/integration/settlement/test_settlement_closing.py tests/integration/settlement/test_settlement_books.py
SOURCES := marketplace partners benefits settlement tests
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test quick dates soak bench check format settings openapi lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN) ## Start everything at http://127.0.0.1:8000 with a world to try (PORT=8123 DATA=folder SEED=1)
	@exec $(VENV)/bin/marketplace demo --port $(PORT) --data "$(DATA)" --seed $(SEED)

test: $(RUN_DEV) $(FOREIGN) $(GENERATOR) ## Run the whole test suite on a real PostgreSQL of its own (TODAY=2028-02-29T20:30 at that instant)
	@$(DEV)/bin/python -m tests.support.chromium
	TODAY="$(TODAY)" $(DEV)/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

quick: $(RUN_DEV) ## The rules, the API's description and the desk, in about a minute and a half: before each commit
	$(DEV)/bin/python -m pytest -n 2 --dist loadgroup $(QUICK) $(ARGS)

dates: $(RUN_DEV) ## Run the tests that depend on the day on the six days that are most likely to break them
	@for day in $(DAYS); do echo "on $$day"; TODAY=$$day $(DEV)/bin/python -m pytest -n 2 --dist loadgroup -m dates $(ARGS) || exit 1; done

soak: $(RUN_DEV) ## The long form of the tests that break things; prints their seeds (ARGS="--seed 7")
	$(DEV)/bin/python -m pytest -s --soak --timeout 3600 tests/faults tests/invariants $(ARGS)

bench: $(RUN_DEV) ## Measure ours against the yardsticks, into build/bench.json (ONLY=redeem for one, ARGS=--quick to try)
	$(DEV)/bin/python -m tests.bench $(ONLY) $(ARGS)

check: $(RUN_DEV) ## Formatting, lint, types, floors, sizes, names in the documents
	$(DEV)/bin/ruff format --check $(SOURCES)
	$(DEV)/bin/ruff check $(SOURCES)
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports
	$(DEV)/bin/python -m tests.support.check_sizes
	$(DEV)/bin/python -m tests.support.check_layers
	$(DEV)/bin/python -m tests.support.check_docs
	$(DEV)/bin/python -m tests.support.check_words

format: $(RUN_DEV) ## Format the code and mend what lint can mend
	$(DEV)/bin/ruff format $(SOURCES)
	$(DEV)/bin/ruff check --fix $(SOURCES)

settings: $(RUN_DEV) ## Write the table of settings into docs/operating.md
	$(DEV)/bin/marketplace settings --into docs/operating.md

openapi: $(RUN_DEV) ## Export openapi.yaml from the code
	$(DEV)/bin/marketplace openapi --out openapi.yaml

lock: ## Pin every dependency anew, with hashes and without addresses (needs uv)
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.txt
	uv pip compile -q tests/python/requirements.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -o tests/python/requirements.txt
	uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.txt -o requirements-dev.txt

clean: ## Remove environments and build results; the demo's data stays
	rm -rf $(VENV) $(DEV) $(dir $(GENERATOR)) build *.egg-info tests/node/node_modules

# --clear: an environment of another Python would be mixed with the old one.
# The lock is the whole answer (--no-deps): left to resolve, pip takes the newest release for a name asked for with an extra, such as
# pydantic[email], and the day that one appears no hash fits any more. What fails is said in one line; pip's own words are in the log.
define environment
@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name it with make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "This Python makes no environments: install python3-venv (Debian, Ubuntu: apt install python3-venv), or name another with make PYTHON=…" >&2; exit 1; }
@mkdir -p build
$(PYTHON) -m venv --clear $(1)
@{ $(1)/bin/pip install -q --no-deps --require-hashes -r $(2) && $(1)/bin/pip install -q --no-deps --no-build-isolation -e .; } 2>build/install.log || { \
	echo "The packages could not be fetched (build/install.log says why): connect to the network, or set PIP_INDEX_URL or HTTPS_PROXY, and run make again." >&2; exit 1; }
@$(1)/bin/pip check
@touch $@
endef

$(RUN): requirements.txt pyproject.toml
	$(call environment,$(VENV),requirements.txt)

$(RUN_DEV): requirements-dev.txt pyproject.toml
	$(call environment,$(DEV),requirements-dev.txt)

$(GENERATOR): tests/python/requirements.txt $(RUN_DEV)
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install -q --no-deps --require-hashes -r $< && touch $@

tests/node/node_modules/.installed: tests/node/package-lock.json
	-@npm ci --prefix tests/node --ignore-scripts --no-audit --no-fund --silent && touch $@
