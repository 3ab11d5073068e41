"""What every test shares: this project registered, one torch thread, fixed random seeds."""

import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    # Triton kernels run on CPU tensors; has to be known before Triton is imported.
    os.environ.setdefault('TRITON_INTERPRET', '1')

import mmseg_wsss.register_all  # noqa: F401  # registers and patches before any test imports mmseg

ROOT = Path(__file__).resolve().parent.parent
# Several processes share the cores; commands that a test starts inherit this too.
os.environ.setdefault('OMP_NUM_THREADS', '1')
torch.set_num_threads(1)
# Tests import what several of them share, and the commands, as modules.
sys.path[:0] = [str(ROOT / name) for name in ('tests', 'tools', 'demo', 'docs/scripts')]


# Files whose tests train, start processes or interpret kernels; others mark single tests.
SLOW = (
    'faults/test_distributed.py',
    'faults/test_interruption.py',
    'faults/test_resources.py',
    'faults/test_security.py',
    'tools/test_demo.py',
    'tools/test_make_pseudo_masks.py',
    'tools/test_make_seeds.py',
    'tools/test_run.py',
    'tools/test_train_and_test.py',
    'tools/test_train_classifiers.py',
    'unit/engine/test_runner.py',
    'unit/models/losses/test_hybrid_kernel.py',
    'unit/reporting/test_report_in_browser.py',
    'unit/test_packaging.py',
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files, so that ``-m "not slow"`` leaves them out."""
    slow = {ROOT / 'tests' / name for name in SLOW}
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _fixed_random_seeds():
    """Fix numpy's and torch's global random state for each test."""
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _logging_stays_on():
    """Fail the test that silences the process for good, not a later one that reads its logs."""
    yield
    silenced = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    assert silenced == logging.NOTSET


@pytest.fixture
def root() -> Path:
    """Return the root of the repository."""
    return ROOT
