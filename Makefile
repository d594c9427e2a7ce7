# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
RUN := .venv/bin/python
DONE := .venv/.installed
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# In a container one is often root, which Jupyter refuses unless told; it listens on this machine only, with a token.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help .venv demo test lab check bench lock

help:  ## this list
	@grep -E '^[a-z.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(DONE): requirements.lock pyproject.toml
	@rm -f $@
	@test -x $(RUN) || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Python 3.11 or newer is needed, $(PYTHON) is %d.%d. Try: make PYTHON=python3.11" % sys.version_info[:2])'
	@if command -v uv >/dev/null; then \
	  echo "Installing with uv ..."; \
	  test -x $(RUN) || uv venv --quiet --python $(PYTHON) .venv; \
	  uv pip install --quiet --python $(RUN) --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(RUN) --no-deps --editable .; \
	else \
	  echo "Installing with pip (a few minutes the first time) ..."; \
	  test -x $(RUN) || $(PYTHON) -m venv .venv; \
	  $(RUN) -m pip install --quiet --require-hashes -r requirements.lock && \
	  $(RUN) -m pip install --quiet --no-deps --editable .; \
	fi
	@touch $@

.venv: $(DONE)  ## install what was tested into .venv

demo: $(DONE)  ## capture a notebook on real flights, export it, prove the script
	@$(RUN) notebooks/demo.py

lab: $(DONE)  ## open JupyterLab on the quickstart
	$(RUN) -m jupyterlab $(AS_ROOT) --LabApp.default_url=/lab/tree/notebooks/quickstart.ipynb

test: $(DONE)  ## every test (those in a browser where Chromium is installed)
	@test -n "$(CHROMIUM)" || test -z "$$CI" || { echo "Chromium is missing: the browser tests cannot run"; exit 1; }
	@test -n "$(CHROMIUM)" || echo "No Chromium here: the tests in a real browser are left out."
	$(RUN) -m pytest -n 2 --dist loadgroup $(if $(CHROMIUM),,-m "not browser")
	$(RUN) -m pytest -p no:cacheprovider -p xdist -n 0 --nbval-lax -W default notebooks

check: $(DONE)  ## format, lint, types, layers, doctests
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) -m pytest -q --doctest-modules mlops_nb

bench: $(DONE)  ## speed and memory beside MLflow (makes .venv-bench the first time)
	@$(RUN) -m tests.benchmarks

lock:  ## choose the versions anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --python-version 3.11 --extra all --group dev pyproject.toml -o requirements.lock
