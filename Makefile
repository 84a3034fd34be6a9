# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Each step must fail loudly, also in the middle of a pipe.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: help demo test soak mutants lint types layers tests notebooks check-notebooks refresh-notebooks pictures bench lock clean

help:           ## show this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

$(VENV)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.notebook: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebook]'
	touch $@

demo: $(VENV)/.base  ## audit, plan and kill on a copy of a real snapshot, with proof
	PATH="$(CURDIR)/$(BIN):$$PATH" bash demo/run.sh

test: lint types layers tests check-notebooks  ## everything that must hold

soak: $(VENV)/.dev  ## break everything around it, at every step and at length; prints what was lost
	$(BIN)/pytest --soak --figures soak-output/figures.json $(wildcard tests/faults tests/fuzz tests/hostile tests/load)
	$(MAKE) mutants
	$(BIN)/python -m tests.faults.promises soak-output/figures.json $(wildcard soak-output/mutants.json)

# Changed code may do anything, to processes and to files: see tests/mutation/alone.sh.
ALONE := unshare --mount --pid --fork --mount-proc --kill-child
mutants: $(VENV)/.dev  ## change the code in small ways; a change that no test notices must be explained
	if $(ALONE) true; then \
		BMUX_FORENSICS_TEST_PROFILE=mutants $(ALONE) bash tests/mutation/alone.sh \
			$(BIN)/python -m tests.mutation --figures soak-output/mutants.json; \
	else \
		echo "no namespaces of its own can be made here: changed code was not tried" >&2; \
	fi

lint: $(VENV)/.dev  ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy --strict over package and tests
	$(BIN)/mypy

layers: $(VENV)/.dev  ## one direction of imports
	$(BIN)/lint-imports

tests: $(VENV)/.dev  ## behaviour, properties, doctests
	$(BIN)/pytest -n auto --dist loadscope

notebooks: $(VENV)/.notebook  ## open JupyterLab where newcomers start
	$(BIN)/jupyter lab notebooks/00-start-here.ipynb

check-notebooks: $(VENV)/.dev  ## run the stored notebooks, compare their outputs, find hidden errors
	$(BIN)/pytest -p tests.notebook_gate --nbval --nbval-sanitize-with notebooks/sanitize.cfg -p no:cacheprovider notebooks

refresh-notebooks: $(VENV)/.dev  ## run the notebooks and store their outputs
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False notebooks/*.ipynb
	$(BIN)/jupyter nbconvert --to notebook --inplace --TagRemovePreprocessor.enabled=True --TagRemovePreprocessor.remove_all_outputs_tags=nbval-ignore-output notebooks/*.ipynb

pictures: $(VENV)/.dev  ## draw the pictures of README and docs anew
	$(BIN)/python docs/pictures

bench: $(VENV)/.dev  ## ratios measured in one run
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev  ## pin what we depend on anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-annotate --no-header -o constraints.txt

clean:          ## remove what was made here
	rm -rf $(VENV) demo-output artefacts soak-output mutants .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
