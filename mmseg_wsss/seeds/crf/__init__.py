"""Dense CRF for all seeds of an image at once."""

from .dense_crf import DenseCRF
from .presets import CRF_PRESETS, CRFPreset, crf_preset
from .unary import unary_from_labels, unary_from_probabilities

__all__ = [
    'CRFPreset',
    'CRF_PRESETS',
    'DenseCRF',
    'crf_preset',
    'unary_from_labels',
    'unary_from_probabilities',
]
