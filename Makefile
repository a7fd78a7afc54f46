# One command to see it, one to trust it: `make demo` and `make test`. Both set up .venv by themselves.
#
# A fresh machine needs Python 3.11 or newer, make and git. uv is used where it is on PATH; otherwise venv and pip.

PYTHON ?= python3
VENV ?= .venv
SEED ?= 1
WORKERS ?= 2
FUZZ_S ?= 60
HOURS ?= 4

PY := $(VENV)/bin/python
export SEED

ifneq ($(shell command -v uv 2>/dev/null),)
MAKE_VENV = uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = uv pip install --quiet --python $(PY)
else
MAKE_VENV = $(PYTHON) -m venv $(VENV) && $(PY) -m pip install --quiet --upgrade "pip>=25.1"
INSTALL = $(PY) -m pip install --quiet
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check interop torture soak bench proto fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.stamp-run ## Play the story on this machine and stay up; ONCE=1 ends after it, 0 only if all went as told
	$(VENV)/bin/optout demo $(if $(ONCE),--once)

test: $(VENV)/.stamp-test ## Run the tests (WORKERS=2 processes)
	$(PY) -m pytest -n $(WORKERS) -m "not torture and not interop" $(ARGS)

check: $(VENV)/.stamp-check ## Lint, formats, types, layers, the contract, containers, fresh generated code, shape
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/buf lint
	$(VENV)/bin/hadolint docker/Dockerfile
	$(VENV)/bin/docker-compose -f docker/compose.yaml --profile simulators config -q
	$(PY) -m pytest -q tests/repo

interop: $(VENV)/.stamp-peers ## Test against peers that are not ours (installs Debian packages that are missing)
	tools/install_debian.sh tshark chromium fonts-noto-cjk
	@command -v npm >/dev/null || tools/install_debian.sh nodejs npm
	@npm install --silent --no-save --no-package-lock --prefix build/interop wechat-crypto@0.0.2
	$(PY) -m pytest -m interop $(ARGS)

torture: $(VENV)/.stamp-fuzz ## Kill, race and fuzz, seeded (SEED=1, FUZZ_S=60 per fuzz target, WORKERS=2 at a time)
	$(PY) -m pytest -n $(WORKERS) -m torture --hypothesis-seed=$(SEED) --durations=10 $(ARGS)
	@mkdir -p build/fuzz
	@ls tests/fuzz/fuzz_*.py | xargs -P $(WORKERS) -I @ tools/fuzz.sh $(PY) @ $(FUZZ_S) $(SEED)

soak: $(VENV)/.stamp-fuzz ## Torture with one seed after another for HOURS=4; ends at the first failure, naming its seed
	@end=$$(( $$(date +%s) + $(HOURS) * 3600 )); seed=$(SEED); \
	while [ "$$(date +%s)" -lt "$$end" ]; do \
		echo "soak: seed $$seed"; \
		$(MAKE) --no-print-directory torture SEED=$$seed || { echo "soak: failed with SEED=$$seed" >&2; exit 1; }; \
		seed=$$(( seed + 1 )); done

bench: $(VENV)/.stamp-test ## Measure, as ratios to raw limits of the same run; writes build/bench/*.json
	$(PY) tests/bench/run.py $(ARGS)

proto: $(VENV)/.stamp-check ## Generate the contract's Python code again
	$(PY) tools/generate_protos.py

fmt: $(VENV)/.stamp-check ## Format the code and mend what the linter can
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .
	$(VENV)/bin/buf format --write

# Stamps: each is made again when pyproject.toml changes.

$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(MAKE_VENV) || { echo "no virtual environment: install your system's python3-venv package, or uv" >&2; exit 1; }
	@touch $@

$(VENV)/.stamp-run: pyproject.toml $(VENV)/.stamp-venv
	@echo "installing into $(VENV)"
	@$(INSTALL) --editable .
	@touch $@

# The project is resolved together with each group: protoc's pin holds protobuf back, and its companions have to follow.
$(VENV)/.stamp-test $(VENV)/.stamp-check: $(VENV)/.stamp-%: $(VENV)/.stamp-run
	@$(INSTALL) --editable . --group $*
	@touch $@

# They run on Python 3.11 and on our `cryptography` as well, though they ask for newer ones. Only pip can be told so.
$(VENV)/.stamp-peers: $(VENV)/.stamp-interop
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip
	@$(PY) -m pip install --quiet --ignore-requires-python --no-deps aics-tlog==0.2.1 aics-witness==0.1.0
	@touch $@

$(VENV)/.stamp-interop $(VENV)/.stamp-fuzz: $(VENV)/.stamp-%: $(VENV)/.stamp-test
	@$(INSTALL) --editable . --group test --group $*
	@touch $@
