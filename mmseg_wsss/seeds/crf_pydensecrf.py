"""The dense CRF by pydensecrf: the reference of the torch one."""

from __future__ import annotations

import numpy as np

from .crf_presets import CRFPreset


def pydensecrf_mean_field(
    image: np.ndarray, unary: np.ndarray, preset: CRFPreset, iterations: int
) -> np.ndarray:
    """Marginals of dense CRFs with Potts labels, seed by seed.

    The kernels are built once: pydensecrf's inference does not change its object, and
    ``setUnaryEnergy`` replaces the unary term of the seed before.

    Args:
        image (np.ndarray): uint8 (H, W, 3), RGB, contiguous.
        unary (np.ndarray): float32 (S, L, H, W), finite.
        preset (CRFPreset): The kernels.
        iterations (int): Number of iterations.

    Returns:
        np.ndarray: float32 (S, L, H, W).

    Raises:
        ImportError: If pydensecrf is not installed.
    """
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise ImportError(
            "DenseCRF(backend='pydensecrf') needs pydensecrf: pip install pydensecrf2, or use "
            "backend='torch'."
        ) from error
    _, labels, height, width = unary.shape
    crf = DenseCRF2D(width, height, labels)
    crf.addPairwiseGaussian(sxy=preset.gaussian_sxy, compat=preset.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=preset.bilateral_sxy,
        srgb=preset.bilateral_srgb,
        rgbim=image,
        compat=preset.bilateral_compat,
    )
    marginals = np.empty_like(unary)
    for energies, out in zip(unary, marginals, strict=True):
        crf.setUnaryEnergy(np.ascontiguousarray(energies.reshape(labels, -1)))
        out[:] = np.asarray(crf.inference(iterations)).reshape(labels, height, width)
    return marginals
