# Each target works as the first command typed on a fresh machine with Python 3.11 or later.
#
# An installation is repeated only when a lock file or the package's metadata has changed: the
# stamps in .venv/ say when it was last done, and are written last, so that one that was
# interrupted is done again.

VENV := .venv
BIN := $(VENV)/bin
# A particular interpreter can be given: make setup PYTHON=/path/to/python3.12
PYTHON ?=

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet \
	--progress-bar off

# What tests/system runs of Debian's packages: the package, and a program that it brings.
DEBIAN := catatonit:catatonit chromium:chromium \
	containernetworking-plugins:/usr/lib/cni/bridge curl:curl docker.io:dockerd \
	etcd-server:etcd mmdebstrap:mmdebstrap nginx:nginx patroni:patroni podman:podman \
	postgresql:/usr/lib/postgresql/*/bin/postgres prometheus:promtool systemd:systemd-analyze

# The tests start many processes: each reads the compiled modules that the first one wrote.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test check test-pythons simulate soak outage buffer test-system ha-test have-packages missing-packages bench load scale lint format dist lock clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.installed-dev ## Make .venv with everything that running and testing need

run: $(VENV)/.installed-run ## Serve on http://127.0.0.1:8000 from an SQLite file (HOST, PORT, DATABASE_URL)
	@$(BIN)/python -m flask --app wsgi db upgrade
	@exec $(BIN)/python -m flask --app wsgi serve

test: $(VENV)/.installed-dev ## Run all tests but those that need Debian packages, on SQLite and on PostgreSQL
	@$(BIN)/python -m pytest --numprocesses=2 -m 'not slow and not alone'
	@exec $(BIN)/python -m pytest -m 'slow or alone'

check: lint ## Lint, and run unit tests and the SQLite half of integration but its longest files
	@exec $(BIN)/python -m pytest --quiet --numprocesses=2 -m 'not postgresql and not slow and not long' \
		tests/unit tests/integration tracking_service

# A shim of pyenv runs only a version that is named.
test-pythons: $(VENV)/.installed-dev ## Run unit and integration tests, but the slow ones, on the machine's other Pythons (3.12: unit tests)
	@if command -v pyenv >/dev/null; then \
		export PYENV_ROOT="$$(pyenv root)" PYENV_VERSION="$$(pyenv versions --bare | paste -s -d : -)"; \
	fi; \
	export TOX_SKIP_ENV="$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	exec $(BIN)/tox run

test-system: $(VENV)/.installed-dev ## Run the tests that need Debian packages: Chromium, nginx and others
	@$(MAKE) --no-print-directory --silent have-packages
	@exec $(BIN)/python -m pytest tests/system

ha-test: $(VENV)/.installed-dev ## Kill a primary under load and let Patroni fail over; prints what happened
	@$(MAKE) --no-print-directory --silent have-packages
	@exec $(BIN)/python -m pytest --capture=no --quiet tests/system/test_high_availability.py

have-packages:
	@missing=$$($(MAKE) --no-print-directory --silent missing-packages); \
	if [ -n "$$missing" ]; then \
		echo "this needs Debian's packages: apt-get install" $$missing >&2; \
		exit 1; \
	fi

missing-packages:
	@for pair in $(DEBIAN); do \
		PATH="$$PATH:/usr/sbin" command -v $${pair#*:} >/dev/null || echo $${pair%%:*}; \
	done

bench: $(VENV)/.installed-dev ## Measure beside the peers, a quarter of an hour (ROUNDS, SECONDS_PER_ROUND, BENCH_ONLY)
	@exec $(BIN)/python -m benchmarks

load: $(VENV)/.installed-dev ## Headless Locust that checks every answer (LOAD_USERS, LOAD_SECONDS, LOAD_HOST)
	@exec $(BIN)/python -m loadtests

scale: $(VENV)/.installed-dev ## Measure leases a second on one row, and simulate up to 10,000 instances
	@exec $(BIN)/python -m benchmarks.scale

simulate: $(VENV)/.installed-dev ## Simulate the whole system under one seed (SIMULATE_SECONDS, SIMULATE_SEED, SIMULATE_HISTORIES)
	@exec $(BIN)/python -m tests.simulation

soak: $(VENV)/.installed-dev ## Break a service in random ways for SOAK_SECONDS (SOAK_SEED repeats a run)
	@exec $(BIN)/python -m tests.faults.soak

outage: $(VENV)/.installed-dev ## Measure callers while the database is stopped for OUTAGE_SECONDS
	@exec $(BIN)/python -m tests.faults.measure_outage

buffer: $(VENV)/.installed-dev ## Take BUFFER_NUMBERS from client buffers while instances are killed and the database stopped
	@exec $(BIN)/python -m tests.faults.buffer_fleet

lint: $(VENV)/.installed-dev ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

format: $(VENV)/.installed-dev ## Fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(VENV)/.installed-dist ## Build the sdist and the wheel, try them, and list what they require
	rm -rf dist
	PYTHONWARNINGS=ignore $(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/cyclonedx-py requirements --output-reproducible --validate \
		--output-file dist/sbom.cdx.json requirements/run.txt
	TEST_DIST=dist $(BIN)/python -m pytest --quiet tests/integration/test_package.py

lock: $(VENV)/.made ## Pin the newest versions that setup.cfg allows
	$(INSTALL) uv
	$(LOCK) --upgrade --extra client --extra otel --extra test --extra bench \
		--output-file requirements/dev.txt setup.cfg requirements/build.in
	$(LOCK) --upgrade --constraint requirements/dev.txt --output-file requirements/run.txt \
		setup.cfg requirements/build.in
	$(LOCK) --upgrade --constraint requirements/dev.txt --extra dist \
		--output-file requirements/dist.txt setup.cfg requirements/build.in

clean: ## Remove what make and the tools have made; databases stay
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .schemathesis .tox *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A candidate is tried by running it: one that is only a name (a shim whose version is not
# installed) or that cannot make environments is passed over.
$(VENV)/.made:
	@set -eu; \
	suits='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; \
	for python in $${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14}; do \
		if "$$python" -c "$$suits" >/dev/null 2>&1; then \
			echo "Making $(VENV) with $$("$$python" --version)"; \
			"$$python" -m venv --clear $(VENV); \
			touch $@; \
			exit 0; \
		fi; \
	done; \
	echo "Python 3.11 or later with its venv module is needed, and none was found\
	$${PYTHON:+ (PYTHON=$$PYTHON)}" >&2; \
	exit 1

$(VENV)/.installed-run: requirements/run.txt setup.cfg setup.py pyproject.toml | $(VENV)/.made
	@echo "Installing what the service needs"
	@$(INSTALL) --require-hashes --no-deps --requirement requirements/run.txt
	@# setuptools warns of the folder's name on every editable installation.
	@PYTHONWARNINGS=ignore $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed-run
	@echo "Installing what the tests need"
	@$(INSTALL) --require-hashes --no-deps --requirement requirements/dev.txt
	@touch $@

$(VENV)/.installed-dist: requirements/dist.txt $(VENV)/.installed-dev
	@echo "Installing what a release needs"
	@$(INSTALL) --require-hashes --no-deps --requirement requirements/dist.txt
	@touch $@
