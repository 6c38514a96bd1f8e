# `make` alone lists what there is.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run test check bench pictures
help:
	@sed -n 's/^\([a-z]*\):.*## /make \1 	/p' Makefile

run: ## a server with everything it needs, at http://127.0.0.1:8000
	@$(PYTHON) scripts/set_up.py requirements.txt
	@exec $(BIN)/python -m gateway_site.run

NODE_PACKAGES := tests/node/node_modules/.package-lock.json
$(NODE_PACKAGES): tests/node/package-lock.json
	@! command -v npm >/dev/null || { npm ci --prefix tests/node --no-audit --no-fund --loglevel=error && touch $@; } || true

# Many tests wait for processes: twice as many at once as there are cores keep these busy.
BESIDE := $(shell echo $$((2 * $$(nproc))))

# A set of test cases is to have one order in every process.
test: $(NODE_PACKAGES) ## every test; names those that need something this machine lacks
	@$(PYTHON) scripts/set_up.py requirements-dev.txt
	@export PYTHONHASHSEED=0; failed=0; \
	$(BIN)/python -m pytest -n $(BESIDE) --dist loadfile -m "not timed and not alone" || failed=1; \
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "timed and not alone" || failed=1; \
	$(BIN)/python -m pytest -m alone || failed=1; \
	exit $$failed

check: ## format, lint, types, missing migrations, then the tests: what .ci/run runs
	@$(PYTHON) scripts/set_up.py requirements-dev.txt
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run --settings tests.settings
	@$(MAKE) --no-print-directory test

bench: ## Gatehouse and its peers, side by side
	@$(PYTHON) scripts/set_up.py requirements-dev.txt
	@$(BIN)/python -m bench.run

pictures: ## the pictures of the README, taken anew; needs chromium
	@$(PYTHON) scripts/set_up.py requirements-dev.txt
	@$(BIN)/python -m tests.pictures
