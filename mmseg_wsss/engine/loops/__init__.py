"""Loops: testing with a dense CRF."""

from .dense_crf_test_loop import DenseCRFTestLoop

__all__ = ['DenseCRFTestLoop']
