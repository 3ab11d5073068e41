"""Labels of a batch as a loss reads them from seed codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...seeds.codec import IGNORE_INDEX, NOISY_OFFSET, decode_seed_label


@dataclass(frozen=True)
class PixelLabels:
    """Assigned label and the clean/noisy split of every pixel.

    Attributes:
        label: (B, *S) int64 in [0, K); 0 where the pixel is ignored.
        clean: (B, *S) bool.
        noisy: (B, *S) bool; neither clean nor noisy means ignored.
        any_noisy: Whether there is a noisy pixel at all.
    """

    label: Tensor
    clean: Tensor
    noisy: Tensor
    any_noisy: bool

    @classmethod
    def from_codes(
        cls, codes: Tensor, num_classes: int, ignore_index: int | None = IGNORE_INDEX
    ) -> PixelLabels:
        """Read seed codes ``label + 256 * noisy``; 255 and ``ignore_index`` are ignored.

        Args:
            codes: (B, *S), any integer dtype.
            num_classes: K.
            ignore_index: One more code that is ignored; None for 255 alone.

        Raises:
            ValueError: If a code is no label below K, clean or noisy, and is not ignored.
        """
        codes = codes.long()
        high = -1
        if codes.numel():
            low, high = torch.stack(codes.aminmax()).tolist()
            # The common crop of trustworthy pixels needs no decoding.
            if 0 <= low <= high < min(num_classes, IGNORE_INDEX) and ignore_index in (
                None,
                IGNORE_INDEX,
            ):
                everywhere = torch.ones_like(codes, dtype=torch.bool)
                return cls(codes, everywhere, ~everywhere, any_noisy=False)
        label, noisy = decode_seed_label(codes)
        known = (codes >= 0) & (codes < 2 * NOISY_OFFSET)
        ignored = known & (label == IGNORE_INDEX)
        if ignore_index is not None and ignore_index != IGNORE_INDEX:
            ignored = ignored | (codes == ignore_index)
        label = label.masked_fill(ignored, 0)
        noisy = noisy & ~ignored
        wrong = ~ignored & ~(known & (label < num_classes))
        if wrong.any():
            found = codes[wrong].unique()[:5].tolist()
            raise ValueError(
                f'label codes {found} are out of range: expected labels 0..{num_classes - 1} for '
                f'{num_classes} classes, plus 256 where noisy, and {IGNORE_INDEX} where ignored'
            )
        return cls(label, ~(noisy | ignored), noisy, any_noisy=high >= NOISY_OFFSET)
