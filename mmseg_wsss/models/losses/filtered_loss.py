"""A filter before any loss: pixels whose loss is too high to be right count as noisy."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...seeds.codec import IGNORE_INDEX, NOISY_OFFSET, decode_seed_label
from ...utils.training_progress import has_begun
from .loss_mixture import fit_loss_mixture


@MODELS.register_module()
class FilteredLoss(nn.Module):
    """Takes clean pixels of suspiciously high loss for noisy ones, then calls another loss.

    Where all seeds share an error the vote calls it clean. A network learns what is consistent
    before it learns what is not, so for a while such pixels have a high loss. In each image two
    Gaussians are fitted to the cross-entropy of its clean pixels; where the one of high losses is
    the likelier by far, the code that the wrapped loss sees is changed.

    The filter is that of DuPL (Wu et al., CVPR 2024): its fit on foreground pixels with a loss
    above 0.1, its thresholds on the distance of the means (1.0) and on the probability (0.95, as
    in its public code). DuPL leaves the pixels out (``mark='ignore'``); to learn them as the
    wrapped loss learns noisy ones is what this project adds. Below the mean of the low losses
    nothing is filtered, which DuPL leaves open.

    The fit begins anew in each call. It makes no accelerator's host wait.

    Args:
        loss: Config of the loss, e.g. ``dict(type='PNHybridLoss')``.
        mark: ``noisy``: the pixel keeps its label and is noisy from now on; the wrapped loss has
            to read seed codes. ``ignore``: it becomes 255, for any loss.
        pixels: Whose pixels are fitted to and filtered: ``foreground``, or ``all``.
        probability: A pixel is filtered above this probability of the high component, in (0, 1).
        min_gap: Least distance of the two means, >= 0; an image below it is not filtered.
        min_loss: The fit counts losses above this alone, >= 0.
        min_pixels: An image with fewer such pixels is not filtered, >= 2.
        begin_iter: Iterations of training before the filter is used, >= 0. Before the network has
            learnt anything, a high loss says nothing of the label. Outside of a training the
            filter is always used.

    Attributes:
        filtered: Pixels filtered in the last call, bool in the shape of the labels; None before.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(
        self,
        loss: dict[str, Any],
        mark: str = 'noisy',
        pixels: str = 'foreground',
        probability: float = 0.95,
        min_gap: float = 1.0,
        min_loss: float = 0.1,
        min_pixels: int = 1000,
        begin_iter: int = 0,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ('mark', mark, ('noisy', 'ignore')),
            ('pixels', pixels, ('foreground', 'all')),
        ):
            if value not in known:
                raise ValueError(f'{name} must be {" or ".join(known)}, got {value!r}')
        if not 0 < probability < 1:
            raise ValueError(f'probability must be in (0, 1), got {probability}')
        for name, value, least in (
            ('min_gap', min_gap, 0),
            ('min_loss', min_loss, 0),
            ('min_pixels', min_pixels, 2),
            ('begin_iter', begin_iter, 0),
        ):
            if value < least:
                raise ValueError(f'{name} must be at least {least}, got {value}')
        self.loss = MODELS.build(loss)
        self.mark = mark
        self.pixels = pixels
        self.probability = probability
        self.min_gap = min_gap
        self.min_loss = min_loss
        self.min_pixels = min_pixels
        self.begin_iter = begin_iter
        self.filtered: Tensor | None = None

    @property
    def loss_name(self) -> str:
        """The wrapped loss's key in the dict of losses."""
        return self.loss.loss_name

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The wrapped loss's statistics and ``filtered_share``, of all pixels."""
        found = dict(getattr(self.loss, 'statistics', {}))
        if self.filtered is not None:
            found['filtered_share'] = self.filtered.double().mean()
        return found

    def extra_repr(self) -> str:
        return f'mark={self.mark}, pixels={self.pixels}, begin_iter={self.begin_iter}'

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        *args: Any,
        ignore_index: int | None = IGNORE_INDEX,
        **kwargs: Any,
    ) -> Tensor:
        """Filter and compute the wrapped loss.

        Args:
            cls_score: Logits (B, K, H, W) or (B, K, P).
            label: Codes (B, H, W) or (B, P), any integer dtype; left as they are.
            *args: Of the wrapped loss.
            ignore_index: One more code that is ignored.
            **kwargs: Of the wrapped loss.

        Returns:
            Tensor: Of the wrapped loss.
        """
        self.filtered = torch.zeros_like(label, dtype=torch.bool)
        if has_begun(self.begin_iter) and label.numel():
            self.filtered = self.suspicious_pixels(cls_score.detach(), label, ignore_index)
            # The offset is one bit: what else a code says of its pixel stays.
            code = label.long()
            marked = code | NOISY_OFFSET if self.mark == 'noisy' else IGNORE_INDEX
            label = torch.where(self.filtered, marked, code)
        return self.loss(cls_score, label, *args, ignore_index=ignore_index, **kwargs)

    @torch.no_grad()
    def suspicious_pixels(
        self, logits: Tensor, codes: Tensor, ignore_index: int | None = IGNORE_INDEX
    ) -> Tensor:
        """Find clean pixels whose loss belongs to the high component.

        Args:
            logits: (B, K, H, W) or (B, K, P).
            codes: (B, H, W) or (B, P).
            ignore_index: One more code that is ignored.

        Returns:
            Tensor: bool, the shape of the codes.
        """
        label, noisy = decode_seed_label(codes)
        # A label that is no class is for the wrapped loss to refuse.
        clean = ~noisy & (label < logits.shape[1]) & (codes >= 0)
        if ignore_index is not None:
            clean &= codes != ignore_index
        if self.pixels == 'foreground':
            clean &= label != 0
        label = label.masked_fill(~clean, 0)
        with torch.autocast(logits.device.type, enabled=False):
            # Image by image: half precision becomes float32 for one of them at a time.
            losses = torch.stack(
                [
                    F.cross_entropy(one.float()[None], of[None], reduction='none')[0].flatten()
                    for one, of in zip(logits, label, strict=True)
                ]
            )
            # A diverged network is for the loss to report.
            losses = losses.nan_to_num(0, 0, 0)
            clean = clean.flatten(1)
            mixture = fit_loss_mixture(losses, clean & (losses > self.min_loss))
            gap = mixture.mean[:, 1] - mixture.mean[:, 0]
            fits = (gap > self.min_gap) & (mixture.count >= self.min_pixels)
            high = mixture.high_probability(losses) > self.probability
        return (clean & high & fits[:, None]).view_as(codes)
