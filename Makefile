# Two commands for newcomers. Both need only Python 3.11 or newer; both make and reuse .venv.
#   make demo   set up, then export the bundled trained model to an INT8 .tflite, verified
#   make test   set up with the test extras, then check style and types and run every test
# Versions are those of constraints.txt; `make demo CONSTRAINTS=` takes the newest released ones.

PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
BIN := .venv/bin

.PHONY: demo test lint runner clean

demo: .venv/.installed
	$(BIN)/ca-deploy export --format tflite --int8 --output demo

test: .venv/.installed-test lint
	$(BIN)/python -m pytest -n 2

lint: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The measuring program for devices, from ca_deploy/native/runner/*.c; the same bytes on every machine.
runner: .venv/.installed-test
	$(BIN)/python -m ca_deploy.native.build

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check $(CONSTRAINTS) -e .
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/python -m pip install --disable-pip-version-check $(CONSTRAINTS) -e '.[test]'
	touch $@

clean:
	rm -rf .venv demo
