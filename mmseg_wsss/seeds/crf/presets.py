"""Kernels of the dense CRF as the works of the field set them."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class CRFPreset:
    """Standard deviations and weights of the two kernels of a dense CRF.

    The smoothness kernel is a Gaussian of the distance in the image, the appearance kernel is
    bilateral: a Gaussian of the distance in the image and in colour (Krähenbühl and Koltun,
    "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", NeurIPS 2011,
    equation 3). Labels interact by the Potts model.

    Args:
        gaussian_sxy (float): Standard deviation of the smoothness kernel, in pixels.
        gaussian_compat (float): Its weight.
        bilateral_sxy (float): Standard deviation of the appearance kernel in pixels.
        bilateral_srgb (float): Its standard deviation in each colour channel, in grey levels.
        bilateral_compat (float): Its weight.

    Raises:
        ValueError: If a standard deviation is not positive or a weight is negative.
    """

    gaussian_sxy: float
    gaussian_compat: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_compat: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            weight = field.name.endswith('compat')
            if not (0 <= value < float('inf') if weight else 0 < value < float('inf')):
                expected = 'a finite number >= 0' if weight else 'a finite number > 0'
                raise ValueError(f'CRF preset: {field.name}={value!r}; expected {expected}.')


CRF_PRESETS: dict[str, CRFPreset] = {
    # Ahn, Cho and Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel
    # Relations", CVPR 2019; on labels, each trusted with probability 0.7.
    'irn': CRFPreset(3, 3, 50, 5, 10),
    # Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision for Weakly
    # Supervised Semantic Segmentation", CVPR 2018; on probabilities.
    'psa': CRFPreset(3, 3, 80, 13, 10),
    # Chen et al., "DeepLab", TPAMI 2018, as its PyTorch ports set it; on a network's probabilities.
    'deeplab': CRFPreset(1, 3, 67, 3, 4),
}


def crf_preset(preset: str | dict | CRFPreset) -> CRFPreset:
    """The preset of a name, or of the arguments of :class:`CRFPreset`.

    Args:
        preset (str | dict | CRFPreset): ``'irn'``, ``'psa'``, ``'deeplab'``, a dict of
            :class:`CRFPreset`'s arguments, or a preset.

    Returns:
        CRFPreset: The preset.

    Raises:
        ValueError: If there is no such preset, or its values make no sense.

    Examples:
        >>> crf_preset('psa').bilateral_sxy
        80
    """
    if isinstance(preset, CRFPreset):
        return preset
    names = [field.name for field in fields(CRFPreset)]
    if isinstance(preset, dict) and set(preset) == set(names):
        return CRFPreset(**preset)
    if isinstance(preset, str) and preset in CRF_PRESETS:
        return CRF_PRESETS[preset]
    raise ValueError(
        f'Unknown CRF preset {preset!r}; expected one of {", ".join(CRF_PRESETS)}, '
        f'or a dict with {", ".join(names)}.'
    )
