"""Dense CRF for all seeds of an image at once, in torch or by pydensecrf."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .mean_field import mean_field
from .presets import CRF_PRESETS, CRFPreset, crf_preset
from .unary import Array, as_tensor, unary_from_labels, unary_from_probabilities


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


__all__ = [
    'CRF_PRESETS',
    'CRFPreset',
    'DenseCRF',
    'unary_from_labels',
    'unary_from_probabilities',
]

BACKENDS = ('torch', 'pydensecrf')


class DenseCRF:
    """Mean field of a fully connected CRF (Krähenbühl and Koltun, NeurIPS 2011).

    The kernels depend on the image alone: they are built once per image, and all its seeds and
    labels are filtered together. The backend ``'torch'`` works on the device of the unary energies
    and gives pydensecrf's results up to rounding (argmax equal on 99.99 % of a photograph's pixels
    or more, marginals within 2e-3 and 1e-5 on average); ``'pydensecrf'`` is pydensecrf itself, on
    the CPU.

    Args:
        preset (str | dict | CRFPreset): Kernels: ``'irn'`` (for unary terms from labels trusted
            with probability 0.7), ``'psa'`` or ``'deeplab'`` (for unary terms from probabilities),
            a :class:`CRFPreset`, or a dict of its arguments.
        backend (str): ``'torch'`` or ``'pydensecrf'``.
        iterations (int): Number of mean-field iterations; 0 gives softmax(-unary).

    Raises:
        ValueError: If the preset, the backend or the number of iterations makes no sense.

    Examples:
        >>> image = np.zeros((1, 2, 3), np.uint8)
        >>> labels = np.array([[[0, 0]], [[0, 1]]])  # two seeds
        >>> crf = DenseCRF('irn')
        >>> crf(image, unary_from_labels(labels, 2, gt_prob=0.7)).argmax(1).tolist()
        [[[0, 0]], [[0, 0]]]
    """

    def __init__(
        self,
        preset: str | dict | CRFPreset = 'irn',
        backend: str = 'torch',
        iterations: int = 10,
    ) -> None:
        if backend not in BACKENDS:
            raise ValueError(
                f'Unknown CRF backend {backend!r}; expected one of {", ".join(BACKENDS)}.'
            )
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 0:
            raise ValueError(f'iterations={iterations!r}; expected an integer >= 0.')
        self.preset = crf_preset(preset)
        self.backend = backend
        self.iterations = iterations

    def __call__(self, image: np.ndarray | Tensor, unary: Array) -> Array:
        """Marginals of all seeds of an image.

        Args:
            image (np.ndarray | Tensor): uint8 (H, W, 3), RGB.
            unary (np.ndarray | Tensor): float32 (S, L, H, W), finite energies: negative logarithms
                of probabilities, of L labels for each of S seeds.

        Returns:
            np.ndarray | Tensor: float32 (S, L, H, W), of the kind and on the device of ``unary``;
            sums to 1 over the labels.

        Raises:
            ValueError: If a shape or type is wrong or ``unary`` is not finite.
            ImportError: If the backend is pydensecrf and it is not installed.
        """
        image, energies = _checked(image, unary, 0)
        marginals = self._marginals(image[None], energies[None])[0]
        return marginals.numpy() if isinstance(unary, np.ndarray) else marginals

    def batch(self, images: np.ndarray | Tensor, unary: Array) -> Array:
        """Marginals of several images of one size with equally many labels.

        On a GPU they go through one lattice together; on a CPU one after the other, which keeps
        its caches warm.

        Args:
            images (np.ndarray | Tensor): uint8 (B, H, W, 3), RGB.
            unary (np.ndarray | Tensor): float32 (B, S, L, H, W), finite energies.

        Returns:
            np.ndarray | Tensor: float32 (B, S, L, H, W), as that of a single image.

        Raises:
            ValueError: If a shape or type is wrong or ``unary`` is not finite.
            ImportError: If the backend is pydensecrf and it is not installed.
        """
        images, energies = _checked(images, unary, 1)
        if energies.device.type == 'cpu' or self.backend == 'pydensecrf':
            marginals = torch.cat(
                [
                    self._marginals(image[None], energy[None])
                    for image, energy in zip(images, energies, strict=True)
                ]
            )
        else:
            marginals = self._marginals(images, energies)
        return marginals.numpy() if isinstance(unary, np.ndarray) else marginals

    @torch.no_grad()
    def _marginals(self, images: Tensor, unary: Tensor) -> Tensor:
        """(B, H, W, 3), (B, S, L, H, W) to (B, S, L, H, W)."""
        if unary.shape[2] == 1:
            return torch.ones_like(unary)
        if self.backend == 'torch':
            return mean_field(images, unary, self.preset, self.iterations)
        (image,), (energies,) = images.cpu().numpy(), unary.detach().cpu().numpy()
        marginals = pydensecrf_mean_field(image, energies, self.preset, self.iterations)
        return torch.from_numpy(marginals)[None].to(unary.device)


def _checked(image: np.ndarray | Tensor, unary: Array, num_batch: int) -> tuple[Tensor, Tensor]:
    """Both as contiguous tensors on the device of the energies."""
    pixels, energies = as_tensor(image), as_tensor(unary)
    batch = 'B, ' * num_batch
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 + num_batch or pixels.shape[-1] != 3:
        raise ValueError(
            f'image: {tuple(pixels.shape)} {pixels.dtype}; expected ({batch}H, W, 3) uint8.'
        )
    expected = (*pixels.shape[:num_batch], 'S', 'L', *pixels.shape[num_batch:-1])
    if (
        energies.dtype != torch.float32
        or energies.ndim != 4 + num_batch
        or energies.shape[:num_batch] != pixels.shape[:num_batch]
        or energies.shape[-2:] != pixels.shape[-3:-1]
        or not energies.numel()
    ):
        raise ValueError(
            f'unary: {tuple(energies.shape)} {energies.dtype}; '
            f'expected ({", ".join(map(str, expected))}) float32, not empty, for this image.'
        )
    # Both limits are NaN where any value is.
    if not all(bool(limit.isfinite()) for limit in torch.aminmax(energies)):
        raise ValueError('unary: holds values that are NaN or infinite; expected finite energies.')
    return pixels.to(energies.device).contiguous(), energies.contiguous()
