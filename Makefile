# Two commands for newcomers. Both need only Python 3.11 or newer; both make and reuse .venv.
#   make demo   set up, then export the bundled trained model to an INT8 .tflite, verified
#   make test   set up all that the tests need, then check style and types and run every test
# Versions are those of constraints.txt; `make demo CONSTRAINTS=` takes the newest released ones.

PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check $(CONSTRAINTS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format types coverage docs hooks runner clean

help: ## show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed ## set up, then export the bundled network to a verified INT8 .tflite in demo/
	$(BIN)/ca-deploy export --format tflite --int8 --output demo

test: lint types ## set up all that the tests need, then check style and types and run every test
	$(BIN)/python -m pytest -n 2

lint: .venv/.installed-lint ## check style with ruff; needs neither PyTorch nor TensorFlow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.installed-lint ## fix style with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.installed-test ## check types with mypy --strict
	$(BIN)/mypy

coverage: .venv/.installed-test ## run every test and print how much of each module ran
	$(BIN)/python -m pytest -n 2 --cov

docs: .venv/.installed-docs ## build the documentation in site/; a broken link is an error
	$(BIN)/mkdocs build --strict

hooks: .venv/.installed-test ## let git check style at every commit, and types before every push
	$(BIN)/pre-commit install

# The measuring program for devices, from ca_deploy/native/runner/*.c; the same bytes on every machine.
runner: .venv/.installed-test ## build the measuring program for devices
	$(BIN)/python -m ca_deploy.native.build

clean: ## remove what these commands made
	rm -rf .venv demo site .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The pip that Python brings along may not know --group yet.
.venv/.pip: .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --upgrade 'pip>=25.1'
	touch $@

.venv/.installed-lint: .venv/.pip pyproject.toml constraints.txt
	$(INSTALL) --group lint
	touch $@

.venv/.installed-docs: .venv/.pip pyproject.toml constraints.txt
	$(INSTALL) --group docs
	touch $@

.venv/.installed: .venv/.pip pyproject.toml constraints.txt
	$(INSTALL) -e .
	touch $@

.venv/.installed-test: .venv/.installed
	$(INSTALL) -e '.[tensorflow,runner,sweep]' --group test
	touch $@
