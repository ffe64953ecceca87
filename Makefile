# make run     the demo: environment, database, demo data, web server and worker on PORT (8000)
# make serve   a real instance that `flask setup` has made: web server and worker, see docs/operations.md
# make test    the whole suite on SQLite and PostgreSQL; ARGS="-k cart" passes options to pytest
# make soak    the same with the full figures of the race, kill and load tests
# make lint    ruff, mypy, import-linter
# make bench   the measurements, see bench/README.md
# make setup   the environment alone; make lock  new requirements*.txt from requirements*.in
# make screenshots  the README's pictures
# All read PORT, DATABASE_URL, DATA_DIR (instance/), JOBS (embedded or celery) and PYTHON.

IN_RANGE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c '$(IN_RANGE)' >/dev/null 2>&1 && echo $$p && exit; done; echo python3)
endif
PY := .venv/bin/python
RUN_SET := $(if $(filter celery,$(JOBS)),scale,core)
ARGS ?=

.PHONY: run serve setup test soak lint bench lock screenshots

run:
	@$(PYTHON) tools/setup.py $(RUN_SET)
	@exec $(PY) -m tools.run

serve:
	@$(PYTHON) tools/setup.py $(RUN_SET)
	@exec $(PY) -m tools.serve

setup:
	@$(PYTHON) tools/setup.py $(RUN_SET)

test:
	@$(PYTHON) tools/setup.py dev
	@exec $(PY) -m tools.test $(ARGS)

soak:
	@$(PYTHON) tools/setup.py dev
	@exec $(PY) -m tools.test --soak $(ARGS)

lint:
	@$(PYTHON) tools/setup.py dev --no-assets
	@$(PY) -m tools.lint

bench:
	@$(PYTHON) tools/setup.py dev
	@exec $(PY) -m bench $(ARGS)

screenshots:
	@$(PYTHON) tools/setup.py dev
	@exec $(PY) -m tools.screenshots $(ARGS)

lock:
	@$(PYTHON) tools/lock.py $(ARGS)
