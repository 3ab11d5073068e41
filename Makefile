# make demo   set up, then the whole chain on generated scenes, from tags to a tested network
# make test   set up, then lint and every test;  pytest -m "not slow" is the quick part
# make test-quick  the same without the slow tests
# make docs   set up, then the documentation in docs/_build/html, warnings are errors
#
# All set up all they need in .venv and do nothing that is already done. CPU by default; for a GPU
# name torch's wheel index, e.g.  make demo TORCH_INDEX=https://download.pytorch.org/whl/cu130
#
# PYTHON       the interpreter that the environment is made with (3.10 or newer)
# STACK        forks (onedl-*, in .venv) or upstream (OpenMMLab's own, in .venv-upstream):
#              make test STACK=upstream  builds mmcv for half an hour on two cores, once for a torch
# WHEELS       where that build of mmcv is kept for other clones and for CI
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
else ifeq ($(STACK),upstream)
VENV := .venv-upstream
TORCH_VERSION := 2.5.1
TORCHVISION_VERSION := 0.20.1
BUILD_TOOLS := "setuptools<70" wheel ninja psutil "numpy<2"
STACK_FILE := requirements/upstream.txt
# Named by what the operators are built for: torch and, by the wheel's own name, Python.
WHEELS ?= $(HOME)/.cache/mmseg_wsss/wheels
MMCV_WHEELS := $(WHEELS)/torch-$(TORCH_VERSION)$(if $(TORCH_INDEX),-$(notdir $(TORCH_INDEX)))
PYTHON_TAG := $(shell $(PYTHON) -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
else
$(error STACK is forks or upstream, not $(STACK))
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Symbols for debuggers, which Python's own flags ask for, take half the time of mmcv's build.
MMCV_FLAGS := CFLAGS="-O3 -g0 -DNDEBUG -fwrapv" MAX_JOBS=$(JOBS)
MMCV := $(shell sed -n 's/^\(\(onedl-\)*mmcv==[^ ]*\).*/\1/p' $(STACK_FILE))

.PHONY: help setup mask2former demo test test-quick mmcv-is-built docs lint format clean

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile

setup: $(VENV)/.installed

# torch first and pinned: a bare torch may bring several GB of CUDA packages.
$(VENV)/.torch: Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip $(BUILD_TOOLS)
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	    torch==$(TORCH_VERSION) torchvision==$(TORCHVISION_VERSION)
	@touch $@

# Upstream's mmcv, which mmsegmentation does not import without its operators. --no-cache-dir: pip
# may have cached a wheel without operators, or one for another torch.
$(VENV)/.mmcv: $(VENV)/.torch $(STACK_FILE)
	ls $(MMCV_WHEELS)/$(subst ==,-,$(MMCV))-$(PYTHON_TAG)-*.whl 2>/dev/null || \
	    $(MMCV_FLAGS) $(BIN)/python -m pip wheel --quiet --no-build-isolation --no-deps \
	    --no-cache-dir --no-binary mmcv --wheel-dir $(MMCV_WHEELS) $(MMCV)
	$(PIP) --force-reinstall --no-deps $(MMCV_WHEELS)/$(subst ==,-,$(MMCV))-$(PYTHON_TAG)-*.whl
	$(PIP) -c $(STACK_FILE) $(MMCV)
	$(BIN)/python -c "import torch, mmcv._ext"
	@touch $@

# Whether upstream's stack can be set up without that build; CI leaves it out otherwise.
mmcv-is-built:
	@ls $(MMCV_WHEELS)/$(subst ==,-,$(MMCV))-$(PYTHON_TAG)-*.whl >/dev/null 2>&1

$(VENV)/.installed: $(VENV)/.torch requirements/runtime.txt $(STACK_FILE) setup.py
$(VENV)/.installed: $(if $(filter upstream,$(STACK)),$(VENV)/.mmcv)
	MAX_JOBS=$(JOBS) $(PIP) -r $(STACK_FILE)
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
	    $(MMCV_FLAGS) $(PIP) --no-build-isolation --no-deps --no-cache-dir --force-reinstall \
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

test-quick: lint $(VENV)/.mask2former
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

# The second builder finds broken local links and lists the external ones, which it does not fetch.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -d docs/_build/doctrees -b html docs docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -d docs/_build/doctrees -b linkcheck docs docs/_build/links

format: $(VENV)/.tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build docs/_generated
