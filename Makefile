# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
RUN := .venv/bin/python
DONE := .venv/.installed
TESTS := .venv/.installed-for-tests
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# In a container one is often root, which Jupyter refuses unless told; it listens on this machine only, with a token.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# OpenMP's threads sleep while they wait for each other: to spin costs many times the work where anything else runs.
export OMP_WAIT_POLICY ?= PASSIVE

SPACE := $(subst ,, )

.DEFAULT_GOAL := help
.PHONY: help .venv demo test test-targets lab check bench lock

help:  ## this list
	@grep -E '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

define install  # the packages of a lock file, and the project itself
	@rm -f $@
	@if command -v uv >/dev/null; then \
	  echo "Installing $(1) with uv ..."; \
	  test -x $(RUN) || uv venv --quiet --python $(PYTHON) .venv; \
	  uv pip install --quiet --python $(RUN) --require-hashes -r $(1) && \
	  uv pip install --quiet --python $(RUN) --no-deps --editable .; \
	else \
	  echo "Installing $(1) with pip (a minute or two the first time) ..."; \
	  test -x $(RUN) || $(PYTHON) -m venv .venv; \
	  $(RUN) -m pip install --quiet --require-hashes -r $(1) && \
	  $(RUN) -m pip install --quiet --no-deps --editable .; \
	fi
	@touch $@
endef

$(DONE): requirements.lock pyproject.toml
	@test -x $(RUN) || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Python 3.11 or newer is needed, $(PYTHON) is %d.%d. Try: make PYTHON=python3.11" % sys.version_info[:2])'
	$(call install,requirements.lock)

$(TESTS): $(DONE) requirements-test.lock
	$(call install,requirements-test.lock)

.venv: $(DONE)  ## install what was tested into .venv

demo: $(DONE)  ## capture a notebook on real flights, export it, prove the script
	@$(RUN) notebooks/demo.py

lab: $(DONE)  ## open JupyterLab on the quickstart
	$(RUN) -m jupyterlab $(AS_ROOT) --LabApp.default_url=/lab/tree/notebooks/quickstart.ipynb

test: $(TESTS)  ## every test (those in a browser where Chromium is installed)
	@test -n "$(CHROMIUM)" || test -z "$$CI" || { echo "Chromium is missing: the browser tests cannot run"; exit 1; }
	@test -n "$(CHROMIUM)" || echo "No Chromium here: the tests in a real browser are left out."
	$(RUN) -m pytest -n 2 --dist loadgroup $(if $(CHROMIUM),,-m "not browser")
	$(RUN) -m pytest -p no:cacheprovider -p xdist -n 0 --nbval-lax -W default notebooks

test-targets: $(TESTS)  ## export a notebook to every target and run each with its tool (TARGETS="dask dvc" for some)
	$(RUN) -m pytest -p no:cacheprovider -n 0 tests/targets/real_tools.py -k "$(subst $(SPACE), or ,$(strip $(subst -,_,$(TARGETS))))"

check: $(TESTS)  ## format, lint, types, layers, doctests
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) -m pytest -q --doctest-modules mlops_nb

bench: $(TESTS)  ## speed and memory beside MLflow, trackio and papermill (makes .venv-bench the first time)
	@$(RUN) -m tests.benchmarks

LOCK := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
  --python-version 3.11 pyproject.toml

lock:  ## choose the versions anew (needs uv)
	$(LOCK) --extra all --group dev -o requirements-test.lock
	$(LOCK) --extra lab --extra demo -c requirements-test.lock -o requirements.lock
	for tool in tests/targets/requirements/*.in; do \
	  uv pip compile --quiet --universal --no-emit-index-url --no-header --no-annotate --python-version 3.11 \
	    -c tests/targets/requirements/constraints.txt $$tool -o $${tool%.in}.txt; done
