"""Base of the per-pixel losses that read seed codes."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

import torch
from torch import Tensor, nn

from ...seeds.codec import IGNORE_INDEX
from ...seeds.precision import at_least_float32
from ...utils.compiling import is_compiling
from .chunked_loss import ChunkedLoss, PixelLoss
from .pixel_labels import PixelLabels, read_losing_votes, require

REDUCTIONS = ('mean', 'sum', 'none')
BALANCES = ('none', 'foreground', 'class')
# Noisy pixels without any losing vote among them after which codes are held to carry none.
VOTES_DUE = 1000


class SeedPixelLoss(nn.Module, metaclass=ABCMeta):
    """A per-pixel loss on class scores and codes ``label + 256 * noisy``, called as by mmseg.

    The loss is averaged over the supervised pixels: 255 does not count, as in mmseg's
    CrossEntropyLoss with ``avg_non_ignore=True``. Without any the loss is 0 and carries gradients
    of 0.

    A loss of one's own overrides :meth:`pixel_loss`, in plain tensor operations::

        @MODELS.register_module()
        class FocalSeedLoss(SeedPixelLoss):
            def __init__(self, gamma=2.0, loss_weight=1.0, loss_name='loss_focal'):
                super().__init__(loss_weight, loss_name)
                self.gamma = gamma

            def pixel_loss(self, logits, labels):
                loss = F.cross_entropy(logits, labels.label, reduction='none')
                return (1 - torch.exp(-loss)) ** self.gamma * loss

    Reading the codes, ignored pixels, weights, reductions, half precision, statistics and the
    evaluation in chunks that saves memory come with the class. :meth:`pixel_maps`,
    :meth:`used_pixels` and :meth:`read_codes` may be overridden too, and a method ``noisy_loss``,
    called like :meth:`pixel_loss`, is added at noisy pixels.

    A loss that sets ``reads_losing_votes`` finds the labels that lost the vote at each pixel in
    ``labels.maps['losers']``, (B, 5, H, W) uint8, 255 where there is none. One that sets
    ``reads_tags`` finds in ``labels.maps['tags']``, (B, K, H, W) bool, which classes each image may
    show: those of its tags and the background.

    Args:
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses; mmseg sums up those that start with ``loss_``.
        reduction: ``mean``, ``sum`` or ``none``.
        balance: Which pixels have equal weight together: ``none``: every pixel alone;
            ``foreground``: the background and the foreground, so that the mean is half the mean
            over the background pixels plus half the mean over the others (as in the single-stage
            methods CoSA and DuPL); ``class``: all classes, see :func:`balanced_weights`.

    Raises:
        ValueError: If ``reduction`` or ``balance`` is not among the ones listed.
    """

    noisy_loss: PixelLoss | None = None
    reads_losing_votes = False
    reads_tags = False
    # (B, 256) bool on any device: the tags and the background. TagsToLossHook sets it for a step.
    tags: Tensor | None = None

    def __init__(
        self, loss_weight: float, loss_name: str, reduction: str = 'mean', balance: str = 'none'
    ) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise ValueError(f'reduction must be mean, sum or none; got {reduction!r}')
        if balance not in BALANCES:
            raise ValueError(f'balance must be none, foreground or class; got {balance!r}')
        self.loss_weight = loss_weight
        self.loss_name = loss_name
        self.reduction = reduction
        self.balance = balance
        self._counts: tuple[Tensor, int] | None = None
        self._votes_seen: Tensor | None = None

    @abstractmethod
    def pixel_loss(self, logits: Tensor, labels: PixelLabels) -> Tensor:
        """Compute the loss of each pixel; autograd provides the gradient.

        It is called for parts of the batch, several times a step. On an accelerator nothing in it
        should depend on the values of a tensor (``.item()``, a boolean index), or the host waits.

        Args:
            logits: Class scores (B, K, H, W), float32 or float64, of some images and rows.
            labels: The same part of the labels.

        Returns:
            Tensor: (B, H, W), unweighted; ignored pixels may have any finite value.
        """

    def pixel_maps(
        self, labels: PixelLabels, num_classes: int, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """Prepare what :meth:`pixel_loss` reads from ``labels.maps`` and needs whole crops for.

        Args:
            labels: Labels of the batch.
            num_classes: K.
            dtype: Of the computation.

        Returns:
            dict: Name to tensor, (B, H, W) or with more dimensions between the first and the last
            two.
        """
        return {}

    def used_pixels(self, labels: PixelLabels) -> Tensor:
        """Say which pixels have a loss (B, H, W) bool; the mean divides by their number."""
        return labels.clean | labels.noisy

    def read_codes(self, code: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Give codes with the clean/noisy flag, and weights of pixels, from the label map."""
        return code, weight

    @property
    def statistics(self) -> dict[str, Tensor]:
        """Shares of the last call's pixels: 0-dimensional float64 tensors without gradient.

        ``clean_share`` and ``noisy_share``: of all pixels; ``clean_right``: share of the clean
        pixels predicted as labelled; ``noisy_left``: share of the noisy pixels predicted as
        something else than the assigned label; ``assigned_right``: share of the supervised pixels
        predicted as labelled. A share of nothing is nan. Ties count as predicted. Empty before the
        first call.
        """
        if self._counts is None:
            return {}
        counts, pixels = self._counts
        clean, noisy, clean_hits, noisy_hits = counts.double().unbind()
        return dict(
            clean_share=clean / pixels,
            noisy_share=noisy / pixels,
            clean_right=clean_hits / clean,
            noisy_left=(noisy - noisy_hits) / noisy,
            assigned_right=(clean_hits + noisy_hits) / (clean + noisy),
        )

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = IGNORE_INDEX,
        **kwargs,
    ) -> Tensor:
        """Compute the loss.

        Args:
            cls_score: Logits (B, K, H, W) or (B, K, P), K >= 2.
            label: Codes (B, H, W) or (B, P), any integer dtype: a label below K, plus 256 where
                noisy; 255 is ignored.
            weight: Factor of each pixel, like ``label``, as mmseg's samplers pass it.
            avg_factor: Divides the sum in place of the number of supervised pixels.
            reduction_override: ``mean``, ``sum`` or ``none`` in place of the loss's own reduction.
            ignore_index: One more code that is ignored.
            **kwargs: Ignored; mmseg passes some losses more than they need.

        Returns:
            Tensor: 0-dimensional, or like ``label`` for ``none``; float32, or float64 for float64
            logits.

        Raises:
            ValueError: If shapes do not fit, a label is not below K (on an accelerator see
                :func:`~.pixel_labels.require`), or ``avg_factor`` comes with a reduction other
                than ``mean``; if the loss reads losing votes or tags and there are none.
        """
        reduction = reduction_override or self.reduction
        if reduction not in REDUCTIONS:
            raise ValueError(f'reduction_override must be mean, sum or none; got {reduction!r}')
        if avg_factor is not None and reduction != 'mean':
            raise ValueError(f"avg_factor needs reduction 'mean', got {reduction!r}")
        self._check(cls_score, label, weight)
        with torch.autocast(cls_score.device.type, enabled=False):
            code, weight = self.read_codes(label, weight)
            if cls_score.dim() == 3:  # points are an image of one column
                cls_score, code = cls_score.unsqueeze(-1), code.unsqueeze(-1)
                weight = None if weight is None else weight.unsqueeze(-1)
            num_classes, dtype = cls_score.shape[1], at_least_float32(cls_score[:0]).dtype
            labels = PixelLabels.from_codes(code, num_classes, ignore_index)
            if self.reads_losing_votes:
                labels.maps['losers'] = read_losing_votes(code, labels, num_classes)
                self._check_losing_votes(labels)
            if self.reads_tags:
                labels.maps['tags'] = self._tag_sets(labels, num_classes)
            labels.maps.update(self.pixel_maps(labels, num_classes, dtype))
            scale = self.loss_weight
            if reduction == 'mean':
                divisor = self._num_averaged(labels) if avg_factor is None else avg_factor
                if not isinstance(divisor, Tensor):  # filled on the device: no copy to wait for
                    divisor = torch.full((), divisor, dtype=dtype, device=code.device)
                divisor = divisor.to(code.device, dtype)
                # A batch without supervision has a sum of 0; its mean is 0, not 0 / 0.
                scale = scale / divisor.masked_fill(divisor == 0, 1)
            used = self.used_pixels(labels)
            factor = used.to(dtype) * scale
            if self.balance != 'none':
                by_class = balanced_weights(labels.label, used, num_classes, self.balance, dtype)
                factor = factor * by_class[labels.label]
            if weight is not None:
                factor = factor * weight.detach()
            loss, hit = self._evaluate(cls_score, labels, factor.to(dtype))
            self._count(labels, hit)
            return loss.view(label.shape) if reduction == 'none' else loss.sum()

    def _num_averaged(self, labels: PixelLabels) -> Tensor | int:
        return torch.count_nonzero(self.used_pixels(labels))

    def _evaluate(
        self, logits: Tensor, labels: PixelLabels, factor: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss times factor, and whether the label's logit is the highest, (B, H, W) each."""
        if not is_compiling():
            return ChunkedLoss.apply(logits, labels, factor, self.pixel_loss, self.noisy_loss)
        # A compiler fuses the operations and keeps no temporaries itself.
        logits = logits.to(factor.dtype)
        hit = logits.gather(1, labels.label[:, None])[:, 0] >= logits.amax(1)
        loss = self.pixel_loss(logits, labels)
        if self.noisy_loss is not None:
            loss = loss + torch.where(labels.noisy, self.noisy_loss(logits, labels), 0)
        return torch.where(factor != 0, loss * factor, 0), hit.detach()

    def _count(self, labels: PixelLabels, hit: Tensor) -> None:
        clean, noisy = labels.clean, labels.noisy
        # sum() of bool makes an int64 copy first.
        masks = (clean, noisy, hit & clean, hit & noisy)
        counts = torch.stack([torch.count_nonzero(mask) for mask in masks])
        self._counts = counts, max(hit.numel(), 1)

    def _check_losing_votes(self, labels: PixelLabels) -> None:
        """Refuse codes that never carry losing votes; some noisy pixels may have none."""
        first = labels.maps['losers'][:, 0]
        noisy, losers = labels.noisy, first != IGNORE_INDEX
        seen = torch.stack((torch.count_nonzero(noisy), torch.count_nonzero(losers)))
        seen = seen if self._votes_seen is None else seen + self._votes_seen
        require(
            (seen[0] < VOTES_DUE) | (seen[1] > 0),
            f'{type(self).__name__} learns from losing votes, but the label codes have none: set '
            'losing_votes=True in LoadSeedAnnotations of the training pipeline',
        )
        self._votes_seen = seen

    def _tag_sets(self, labels: PixelLabels, num_classes: int) -> Tensor:
        name, shape = type(self).__name__, labels.label.shape
        if self.tags is None:
            raise ValueError(
                f"{name} learns from the images' tags, but has been given none. Add "
                "dict(type='TagsToLossHook') to custom_hooks, and tags='records' or a tags file to "
                'the SeedDataset of the training.'
            )
        if len(self.tags) != len(labels.label):
            raise ValueError(
                f'{name} was given the tags of {len(self.tags)} images and the logits of '
                f'{len(labels.label)}; expected one list of tags for each image.'
            )
        tags = self.tags.to(labels.label.device)
        require(
            ~tags[:, num_classes:].any(),
            f'tags are out of range: expected labels 1..{num_classes - 1}, {num_classes} classes',
        )
        return tags[:, :num_classes, None, None].expand(-1, -1, *shape[1:])

    def _check(self, logits: Tensor, label: Tensor, weight: Tensor | None) -> None:
        name = type(self).__name__
        if logits.dim() not in (3, 4) or not logits.is_floating_point():
            raise ValueError(
                f'{name} needs floating point logits (B, K, H, W), got {logits.dtype} '
                f'{tuple(logits.shape)}'
            )
        if label.is_floating_point() or label.dtype == torch.bool:
            raise ValueError(f'label has dtype {label.dtype}, expected integer codes')
        if not 2 <= logits.shape[1] <= IGNORE_INDEX:
            raise ValueError(
                f'{name} is a loss over 2 to {IGNORE_INDEX} classes, background included; got '
                f'logits {tuple(logits.shape)}'
            )
        expected = (len(logits), *logits.shape[2:])
        for tensor, of in ((label, 'label'), (weight, 'weight')):
            if tensor is not None and tuple(tensor.shape) != expected:
                raise ValueError(
                    f'{of} {tuple(tensor.shape)} does not fit logits {tuple(logits.shape)}: '
                    f'expected {expected}'
                )


def balanced_weights(
    label: Tensor, used: Tensor, num_classes: int, balance: str, dtype: torch.dtype
) -> Tensor:
    """Weight the pixels of each class so that groups of classes count alike.

    A pixel weighs ``N / (G n)``: N used pixels in the batch, n of them in its group, G groups that
    have any. The mean of all weights is 1, so a sum stays as large as it was, and a group that the
    batch lacks leaves its share to the others. The batch is that of the process. Weights of
    pixels, as samplers pass them, multiply these and are not counted.

    Args:
        label: (B, *S) int64 in [0, K).
        used: Which pixels count, (B, *S) bool.
        num_classes: K.
        balance: ``foreground``: two groups, class 0 and all others; ``class``: each its own.
        dtype: Of the result.

    Returns:
        Tensor: Weight of a pixel of each class (K,); 0 for a class without pixels.

    Examples:
        >>> label = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 2]])
        >>> used = torch.ones_like(label, dtype=torch.bool)
        >>> balanced_weights(label, used, 3, 'foreground', torch.float64).tolist()
        [0.8, 1.3333333333333333, 1.3333333333333333]
    """
    # Pixels that do not count get one more bin, which is cut off. bincount would wait for a GPU.
    bins = torch.where(used, label, num_classes).flatten(1)
    counts = torch.zeros(len(bins), num_classes + 1, dtype=torch.long, device=label.device)
    counts = counts.scatter_add_(1, bins, torch.ones_like(bins)).sum(0)[:-1]
    total, group, present = counts.sum(), counts, counts > 0
    if balance == 'foreground':
        two = torch.stack((counts[0], total - counts[0]))
        group = torch.cat((two[:1], two[1:].expand(num_classes - 1)))
        num_groups = (two > 0).sum()
    else:
        num_groups = present.sum()
    weight = total.to(dtype) / (num_groups * group.clamp(min=1)).to(dtype)
    return torch.where(present, weight, 0)
