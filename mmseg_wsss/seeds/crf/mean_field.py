"""Mean-field inference of a dense CRF for all seeds of an image at once, in torch."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from .lattice import PermutohedralLattice
from .presets import CRFPreset

# Points worked on at a time on a CPU: their channels stay in the cache between the operations.
_BLOCK = 32768
# exp of more overflows float32.
_MOST_LOGARITHM = 80.0


def mean_field(images: Tensor, unary: Tensor, preset: CRFPreset, iterations: int) -> Tensor:
    """Marginals of dense CRFs with Potts labels.

    ``Q = softmax(-U)``, then ``Q = softmax(-U + sum over kernels of filter(Q))`` again and again
    (Krähenbühl and Koltun, NeurIPS 2011, algorithm 1), each pixel's own part of the filter
    included, as in pydensecrf. The kernels depend on the image alone: all channels of all seeds go
    through them together. Only the differences to label 0 are filtered, since the filter is linear
    and the softmax does not see what all labels have in common: S (L - 1) channels instead of S L.

    Args:
        images (Tensor): uint8 (B, H, W, 3), RGB. Several images share the lattice's tables.
        unary (Tensor): float32 (B, S, L, H, W), finite.
        preset (CRFPreset): The kernels.
        iterations (int): Number of iterations.

    Returns:
        Tensor: float32 (B, S, L, H, W).
    """
    batch, height, width, _ = images.shape
    seeds, labels = unary.shape[1:3]
    channels = seeds * (labels - 1)
    unary = unary.reshape(batch, seeds, labels, -1)
    # (B, S, L - 1, N) to (B N, (L - 1) S): the rows of the lattice's tables, labels first.
    prior = (unary[:, :, :1] - unary[:, :, 1:]).transpose(1, 2)
    prior = prior.reshape(batch, channels, -1).transpose(1, 2).reshape(-1, channels).contiguous()
    if iterations and channels:
        kernels = [
            _gaussian_lattice(height, width, batch, preset, images.device),
            PermutohedralLattice(_bilateral_features(images, preset), preset.bilateral_compat),
        ]
        prior = _iterate(prior, kernels, seeds, iterations)
    marginals = unary.new_zeros(batch, seeds, labels, height * width)
    logarithms = prior.view(batch, -1, channels).transpose(1, 2).contiguous()
    marginals[:, :, 1:] = logarithms.view(batch, labels - 1, seeds, -1).transpose(1, 2)
    return marginals.softmax(dim=2).view(batch, seeds, labels, height, width)


def _iterate(
    prior: Tensor, kernels: list[PermutohedralLattice], seeds: int, iterations: int
) -> Tensor:
    """From log(q_l / q_0) of the unary terms (P, (L - 1) S) to that of the marginals."""
    count = len(prior)
    step = _BLOCK if prior.device.type == 'cpu' else count
    blocks = [(start, min(start + step, count)) for start in range(0, count, step)]
    normalise = _normaliser(prior, kernels, seeds)
    margins = torch.empty_like(prior)
    for start, stop in blocks:
        normalise(prior[start:stop].clone(), margins[start:stop])
    for iteration in range(1, iterations + 1):
        tables = [kernel.gather(margins) for kernel in kernels]
        for start, stop in blocks:
            logarithms = kernels[0].slice(tables[0], start, stop)
            for kernel, table in zip(kernels[1:], tables[1:], strict=True):
                logarithms += kernel.slice(table, start, stop)
            logarithms += prior[start:stop]
            if iteration < iterations:
                normalise(logarithms, margins[start:stop])
            else:
                margins[start:stop] = logarithms
    return margins


def _normaliser(
    prior: Tensor, kernels: list[PermutohedralLattice], seeds: int
) -> Callable[[Tensor, Tensor], None]:
    """The cheapest safe way from log(q_l / q_0) to q_l - q_0 ``(logarithms, out)``."""
    labels = prior.shape[1] // seeds  # without label 0
    if labels == 1:
        return _margins_of_two_labels
    least, most = (float(limit) for limit in torch.aminmax(prior))
    largest = max(-least, most) + sum(kernel.largest_sum for kernel in kernels)
    shift = largest > _MOST_LOGARITHM
    return functools.partial(_margins, shape=(labels, seeds), shift=shift)


def _margins_of_two_labels(logarithms: Tensor, out: Tensor) -> None:
    torch.tanh(logarithms.mul_(0.5), out=out)


def _margins(logarithms: Tensor, out: Tensor, shape: tuple[int, int], shift: bool) -> None:
    labels, seeds = shape
    logarithms, out = logarithms.view(-1, *shape), out.view(-1, *shape)
    first = 1.0  # exp of label 0's logarithm, which is 0
    if shift:
        largest = logarithms.amax(dim=1, keepdim=True).clamp_(min=0)
        logarithms -= largest
        first = largest.neg_().exp_()
    logarithms.exp_()
    # Rows are short: a reduction or a broadcast along them pays off for many labels only.
    if labels > seeds:
        total = logarithms.sum(dim=1, keepdim=True).add_(first)
        torch.div(logarithms.sub_(first), total, out=out)
        return
    total = functools.reduce(torch.add, logarithms.unbind(1)).add_(
        first.squeeze(1) if shift else first
    )
    logarithms -= first
    for label in range(labels):
        torch.div(logarithms[:, label], total, out=out[:, label])


@functools.lru_cache(maxsize=8)
def _gaussian_lattice(
    height: int, width: int, batch: int, preset: CRFPreset, device: torch.device
) -> PermutohedralLattice:
    """The smoothness kernel depends on the size alone. 9 MB for an image of 500 x 375 pixels."""
    features = _positions(height, width, preset.gaussian_sxy, device)
    return PermutohedralLattice(features.expand(batch, -1, -1), preset.gaussian_compat)


def _positions(height: int, width: int, deviation: float, device: torch.device) -> Tensor:
    """(2, H W): x and y in standard deviations."""
    # Divided by a tensor: a GPU would multiply by the reciprocal of a number, and round otherwise.
    deviation = torch.tensor([deviation], dtype=torch.float32, device=device)
    x = torch.arange(width, dtype=torch.float32, device=device) / deviation
    y = torch.arange(height, dtype=torch.float32, device=device) / deviation
    return torch.stack([x.repeat(height), y.repeat_interleave(width)])


def _bilateral_features(images: Tensor, preset: CRFPreset) -> Tensor:
    """(B, 5, H W): x, y, red, green and blue in standard deviations."""
    batch, height, width, _ = images.shape
    positions = _positions(height, width, preset.bilateral_sxy, images.device)
    deviation = torch.tensor([preset.bilateral_srgb], dtype=torch.float32, device=images.device)
    colours = images.view(batch, -1, 3).transpose(1, 2).float() / deviation
    return torch.cat([positions.expand(batch, -1, -1), colours], dim=1)
