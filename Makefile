# The contributor's menu. Each target does its own set-up; a second run starts in seconds.
PYTHON ?= python3
PY := .venv/bin/python
INSTALL := -m pip install --quiet --disable-pip-version-check --no-input
PIP := $(PY) $(INSTALL)
# The optional engines' environment, apart because torch alone is gigabytes. EXTRAS_VENV=FOLDER puts it elsewhere.
EXTRAS_VENV ?= .venv-extras
COMPILE := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q

.PHONY: help setup setup-dev demo test test-extras check bench gallery docs lock clean

help:            ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.venv/setup: requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("omniwatt needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@echo "installing omniwatt's dependencies, hash-checked (about a minute the first time)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --require-hashes -r requirements-build.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/setup-dev: .venv/setup requirements-dev.lock
	@echo "installing the test tools, hash-checked"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

$(EXTRAS_VENV)/setup: requirements-extras.lock pyproject.toml
	@test -x $(EXTRAS_VENV)/bin/python || $(PYTHON) -m venv $(EXTRAS_VENV)
	@echo "installing the optional engines, hash-checked (torch and its libraries: about 6 GB)"
	@$(EXTRAS_VENV)/bin/python $(INSTALL) --require-hashes -r requirements-extras.lock
	@$(EXTRAS_VENV)/bin/python $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/setup            ## virtual environment and locked dependencies
setup-dev: .venv/setup-dev    ## the same with the test tools

demo: .venv/setup             ## fetch the models, run a real exchange, leave the server running (DEMO_EXIT=1: exit)
	@.venv/bin/omniwatt demo

test: .venv/setup-dev         ## the whole test suite
	@.venv/bin/omniwatt pull fast default embed hear speak speak_hd espeak-ng illustrator pp-ocr smollm2-135m-instruct
	@$(PY) -m pytest

test-extras: $(EXTRAS_VENV)/setup  ## tests of the optional engines (diffusers, WebRTC) in an environment of their own
	@$(EXTRAS_VENV)/bin/python -m pytest -o addopts="-q --strict-markers --import-mode=importlib" tests/extras

check: .venv/setup-dev        ## format, lint, types, arrows, licences of dependencies, fast tests: about two minutes
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@$(PY) -m pytest -m "not model and not default_model" tests/unit tests/way tests/contract tests/test_arrows.py tests/test_docs.py tests/test_dependencies.py

bench: .venv/setup-dev        ## every benchmark; with DATA=FOLDER of recordings, hearing too; results in bench/results/
	@for b in gateway chat mix $(if $(DATA),hear) speak voices realtime draw draw_size draw_text draw_edges draw_understanding draw_faithful joules power power_sim; do $(MAKE) --no-print-directory bench-$$b || exit 1; done

gallery: .venv/setup-dev       ## draw docs/gallery again
	@$(PY) -m bench.gallery

bench-%: .venv/setup-dev      ## one benchmark: make bench-gateway, bench-chat, bench-hear ...
	@$(PY) -m bench.$* $(if $(and $(filter hear voices,$*),$(DATA)),--data "$(DATA)")

docs: .venv/setup-dev         ## the generated documents, and the README's measured table
	@$(PY) -m docs.generate

lock: .venv/setup-dev         ## refresh the lock files (hashes, no addresses)
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	@$(COMPILE) pyproject.toml --extra diffusers --extra webrtc --group dev -c requirements-dev.lock -o requirements-extras.lock
	@printf "hatchling\neditables\n" | $(COMPILE) - -c requirements-dev.lock -o requirements-build.lock

clean:           ## remove the virtual environments and caches
	rm -rf .venv .venv-extras .pytest_cache .mypy_cache .ruff_cache .hypothesis
