# make demo   the main job, end to end       make test   every check (T=path narrows the tests)
# make serve  a whole hub on this machine    make bench  the figures (ONLY=prefix, SCALE=small)
# make fix    format and mend                make gen    generated code     make lock   requirements     make torture  long counts   make soak

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check serve bench torture soak fix gen lock system install datacontract

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATACONTRACT := .venv-datacontract
STAMP := $(VENV)/.installed
PROTOS := $(wildcard schemas/wire/v1/*.proto)
CODE := adapters app audit benchmarks cli dags exchange kernel samples schemas tests tools verifier
T ?= tests

export GX_ANALYTICS_ENABLED := false
export PYTHONWARNINGS ?= default
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:
	@sed -n '1,3p' Makefile

install: $(STAMP)

$(STAMP): requirements-dev.lock requirements-uv.lock pyproject.toml
	@echo "== installing into $(VENV) (about 30 s with an empty cache)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { $(MAKE) --no-print-directory system && $(PYTHON) -m venv --clear $(VENV); }
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-uv.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements-dev.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# An environment of its own for another tool that reads the same contracts; kept until its lock changes.
datacontract: $(DATACONTRACT)/.$(shell sha256sum requirements-datacontract.lock | cut -c1-16)

$(DATACONTRACT)/.%:
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(DATACONTRACT)
	@VIRTUAL_ENV=$(DATACONTRACT) $(BIN)/uv pip sync --quiet --require-hashes requirements-datacontract.lock
	@touch $@

# The packages are looked up before anything is fetched, so that a second run needs no network and no root.
system:
	@missing=$$(for each in $$(sed 's/#.*//' system-packages.txt); do dpkg-query -W -f='$${db:Status-Status}' $$each 2>/dev/null | grep -qx installed || echo $$each; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "== installing from the system:" $$missing; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "== not installed (run 'make system' as root):" $$missing; echo "   the tests name each seam that they leave out"; \
	fi

demo: install
	@$(BIN)/mianzheng demo

serve: install
	@$(BIN)/mianzheng serve

test: system install
	@echo "== format";   $(BIN)/ruff format --check --quiet $(CODE)
	@echo "== lint";     $(BIN)/ruff check --quiet $(CODE)
	@echo "== types";    $(BIN)/mypy
	@echo "== imports";  $(BIN)/lint-imports --no-logo 2>&1 | tail -n 12
	@echo "== tests";    $(BIN)/pytest --numprocesses auto --dist loadgroup $(T)

check: test

torture: install
	@MIANZHENG_TORTURE=full $(BIN)/pytest tests/torture tests/verifier/test_fuzz.py tests/app/test_key_rotation.py tests/benchmarks/test_whole.py -s

# Twenty minutes by themselves; SECONDS= for more or fewer.
soak: install
	@$(BIN)/python -m tests.torture.soak $(if $(SECONDS),$(SECONDS),1200)

bench: install
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(SCALE),--scale $(SCALE))

fix: install
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

gen: install
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. $(PROTOS)
	@$(BIN)/python -m grpc_tools.protoc -I. --grpc_python_out=. schemas/wire/v1/verification.proto
	@$(BIN)/python tools/write_reference.py

lock: install
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements.in -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock requirements-dev.in -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements-datacontract.in -o requirements-datacontract.lock
	@grep -A99 "^uv==" requirements-dev.lock | awk "NR>1 && /^[a-z]/ {exit} {print}" > requirements-uv.lock
