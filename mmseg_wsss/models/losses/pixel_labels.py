"""Labels of a batch as a loss reads them from seed codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...seeds.codec import (
    IGNORE_INDEX,
    LOSING_VOTES_OFFSET,
    MAX_LOSING_VOTES,
    NOISY_OFFSET,
    decode_losing_votes,
    decode_seed_label,
)
from ...utils.compiling import is_compiling


@dataclass(frozen=True)
class PixelLabels:
    """Assigned label and the clean/noisy split of every pixel.

    ``labels[images, rows]`` cuts out a part, two slices.

    Attributes:
        label: (B, H, W) int64 in [0, K); 0 where the pixel is ignored.
        clean: (B, H, W) bool.
        noisy: (B, H, W) bool; neither clean nor noisy means ignored.
        maps: What else a loss knows of each pixel, from its ``pixel_maps``: name to a tensor whose
            first dimension is that of the images and whose last two are H and W.
        logit: Logit of the label where it has been looked up, (B, 1, H, W), without gradient.
        gradient: Where the gradient of the logits may be written (B, K, H, W), which saves a copy.
    """

    label: Tensor
    clean: Tensor
    noisy: Tensor
    maps: dict[str, Tensor] = field(default_factory=dict)
    logit: Tensor | None = None
    gradient: Tensor | None = None

    def __getitem__(self, part: tuple[slice, slice]) -> PixelLabels:
        images, rows = part
        return PixelLabels(
            self.label[images, rows],
            self.clean[images, rows],
            self.noisy[images, rows],
            {name: value[images][..., rows, :] for name, value in self.maps.items()},
        )

    def at(self, where: Tensor) -> PixelLabels:
        """Pick pixels of the first image, in raster order (M,) int64, as an image of one row."""
        return PixelLabels(
            *(_pick(x[:1], where) for x in (self.label, self.clean, self.noisy)),
            {name: _pick(x, where) for name, x in self.maps.items()},
        )

    @classmethod
    def from_codes(
        cls, codes: Tensor, num_classes: int, ignore_index: int | None = IGNORE_INDEX
    ) -> PixelLabels:
        """Read seed codes ``label + 256 * noisy``; 255 and ``ignore_index`` are ignored.

        Losing votes (:func:`~mmseg_wsss.seeds.encode_losing_votes`) are passed over.

        Args:
            codes: (B, H, W), any integer dtype.
            num_classes: K.
            ignore_index: One more code that is ignored; None for 255 alone.

        Raises:
            ValueError: If a code is no label below K, clean or noisy, and is not ignored. Checked
                as :func:`require` does.
        """
        codes = codes.long()
        # What is left without losing votes needs half of the memory, and of the time.
        plain = (codes & (LOSING_VOTES_OFFSET - 1)).int()
        label, noisy = decode_seed_label(plain)
        # 255 with the flag is ignored as 255 is.
        ignored = (plain == IGNORE_INDEX) | (plain == IGNORE_INDEX + NOISY_OFFSET)
        if ignore_index is not None and ignore_index != IGNORE_INDEX:
            ignored |= (plain == ignore_index) | (codes == ignore_index)
        wrong = (codes < 0) | (plain >= 2 * NOISY_OFFSET) | (label >= num_classes)
        wrong &= ~ignored
        expected = (
            f'expected labels 0..{num_classes - 1} for {num_classes} classes, plus 256 where noisy,'
            f' and {IGNORE_INDEX} where ignored'
        )
        require(
            ~wrong.any(),
            f'label codes are out of range: {expected}',
            lambda: (
                f'label codes {codes[wrong].unique()[:5].tolist()} are out of range: {expected}'
            ),
        )
        ignored |= wrong
        return cls(label.masked_fill_(ignored, 0), ~(noisy | ignored), noisy & ~ignored)


def _pick(x: Tensor, where: Tensor) -> Tensor:
    """Pick pixels of (..., H, W) as (..., 1, M)."""
    if not any(x.stride()[-2:]):  # the same at all pixels, and not to be written out
        return x[..., :1, :1].expand(*x.shape[:-2], 1, len(where))
    return x.flatten(-2).index_select(-1, where).unsqueeze(-2)


def read_losing_votes(codes: Tensor, labels: PixelLabels, num_classes: int) -> Tensor:
    """Read the labels that lost the vote from seed codes.

    Args:
        codes: (B, H, W), any integer dtype.
        labels: The labels read from them.
        num_classes: K.

    Returns:
        Tensor: (B, 5, H, W) uint8: labels below K, 255 where there is none.

    Raises:
        ValueError: If a loser is no label below K. Checked as :func:`require` does.
    """
    used = labels.clean | labels.noisy
    if on_host(codes):  # few pixels have any
        flat = codes.flatten()
        where = ((codes >= LOSING_VOTES_OFFSET) & used).flatten().nonzero()[:, 0]
        losers = torch.full((len(flat), MAX_LOSING_VOTES), IGNORE_INDEX, dtype=torch.uint8)
        losers[where] = decode_losing_votes(flat[where]).T.to(torch.uint8)
        losers = losers.view(*codes.shape, MAX_LOSING_VOTES).movedim(-1, 1)
    else:
        losers = decode_losing_votes(codes).to(torch.uint8).movedim(0, 1)
        losers = losers.masked_fill(~used.unsqueeze(1), IGNORE_INDEX)
    wrong = (losers >= num_classes) & (losers != IGNORE_INDEX)
    expected = f'expected labels 0..{num_classes - 1} for {num_classes} classes'
    require(
        ~wrong.any(),
        f'losing votes are out of range: {expected}',
        lambda: f'losing votes {losers[wrong].unique()[:5].tolist()} are out of range: {expected}',
    )
    return losers


def require(condition: Tensor, message: str, details: Callable[[], str] | None = None) -> None:
    """Check a condition on the data without making an accelerator's host wait.

    Args:
        condition: 0-dimensional bool.
        message: What is wrong, at most 250 characters.
        details: Gives the message of the CPU, which may look at the data.

    Raises:
        ValueError: On the CPU, at once. On an accelerator and in compiled code the message comes
            with a RuntimeError, on CUDA as a device-side assertion at the next synchronisation.
    """
    if on_host(condition):
        if not condition:
            raise ValueError(details() if details else message)
    else:
        torch._assert_async(condition, message)


def on_host(tensor: Tensor) -> bool:
    """Whether the values of a tensor may be looked at."""
    return tensor.device.type == 'cpu' and not is_compiling()
