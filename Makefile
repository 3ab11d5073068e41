# make demo   set up, then the whole chain on generated scenes, from tags to a tested network
# make test   set up, then lint and every test;  pytest -m "not slow" is the quick part
# make docs   set up, then the documentation in docs/_build/html, warnings are errors
#
# All set up all they need in .venv and do nothing that is already done. CPU by default; for a GPU
# name torch's wheel index, e.g.  make demo TORCH_INDEX=https://download.pytorch.org/whl/cu130
#
# PYTHON       the interpreter that the environment is made with (3.10 or newer)
# STACK        forks (onedl-*, in .venv) or upstream (OpenMMLab's own, in .venv-upstream, where mmcv
#              is built for 29 minutes on two cores):  make test STACK=upstream
# TORCH_INDEX  an extra package index for torch and torchvision (empty: pip's own settings)
# JOBS         processes of the test run and of the mmcv build

PYTHON ?= python3
STACK ?= forks
TORCH_INDEX ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ifeq ($(STACK),forks)
VENV := .venv
TORCH_VERSION := 2.13.0
TORCHVISION_VERSION := 0.28.0
BUILD_TOOLS := "setuptools<81" wheel ninja psutil
STACK_FILE := requirements/mminstall.txt
STACK_OPTIONS :=
else ifeq ($(STACK),upstream)
VENV := .venv-upstream
TORCH_VERSION := 2.5.1
TORCHVISION_VERSION := 0.20.1
BUILD_TOOLS := "setuptools<70" wheel ninja psutil "numpy<2"
STACK_FILE := requirements/upstream.txt
STACK_OPTIONS := --no-build-isolation --no-binary mmcv
else
$(error STACK is forks or upstream, not $(STACK))
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
MMCV := $(shell sed -n 's/^\(onedl-mmcv==[^ ]*\).*/\1/p' requirements/mminstall.txt)

.PHONY: help setup mask2former demo test docs lint format clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -12

setup: $(VENV)/.installed

# torch first and pinned: a bare torch may bring several GB of CUDA packages.
$(VENV)/.torch: Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip $(BUILD_TOOLS)
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	    torch==$(TORCH_VERSION) torchvision==$(TORCHVISION_VERSION)
	@touch $@

$(VENV)/.installed: $(VENV)/.torch requirements/runtime.txt $(STACK_FILE) setup.py
	MAX_JOBS=$(JOBS) $(PIP) $(STACK_OPTIONS) -r $(STACK_FILE)
	$(PIP) -c $(STACK_FILE) -r requirements/runtime.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.installed requirements/tests.txt
	$(PIP) -c $(STACK_FILE) -r requirements/tests.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.installed requirements/docs.txt
	$(PIP) -r requirements/docs.txt
	@touch $@

# Mask2Former: mmcv with its compiled operators in place of the op-less build (6 to 14 minutes on
# two cores, once), and mmdet. --no-cache-dir and --no-binary keep pip from taking the op-less wheel
# that it has cached. Upstream's stack has both by now.
mask2former: $(VENV)/.mask2former

$(VENV)/.mask2former: $(VENV)/.installed requirements/optional.txt
ifeq ($(STACK),forks)
	$(BIN)/python -c "import torch, mmcv._ext" 2>/dev/null || \
	    MAX_JOBS=$(JOBS) $(PIP) --no-build-isolation --no-deps --no-cache-dir --force-reinstall \
	    --no-binary onedl-mmcv $(MMCV)
	$(BIN)/python -c "import torch, mmcv._ext"
	$(PIP) --no-deps $$(sed -n 's/^\([^ #]*\)  *# no-deps.*/\1/p' requirements/optional.txt)
endif
	$(PIP) -c $(STACK_FILE) $$(sed -n '/^[^#]*$$/p' requirements/optional.txt)
	@touch $@

demo: setup
	$(BIN)/python demo/demo.py

lint: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint $(VENV)/.mask2former
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# The second builder finds broken local links and lists the external ones, which it does not fetch.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -d docs/_build/doctrees -b html docs docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -d docs/_build/doctrees -b linkcheck docs docs/_build/links

format: $(VENV)/.tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build docs/_generated
