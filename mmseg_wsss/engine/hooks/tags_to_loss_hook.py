"""Hands the tags of the images to the losses that learn from them."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...models.losses import SeedPixelLoss
from ...models.pseudo_supervision import possible_classes
from ...registry import HOOKS

MAX_CLASSES = 256


@HOOKS.register_module()
class TagsToLossHook(Hook):
    """Gives each loss that reads tags those of the batch, whatever head it belongs to.

    A decode head hands logits and label maps to its losses and nothing else. So before an iteration
    this hook reads ``metainfo['tags']`` of the batch's samples, which ``SeedDataset(tags=...)``
    puts there, and sets :attr:`SeedPixelLoss.tags`: of every head, auxiliary ones too, of each
    process its own batch. After the iteration it takes them away. Without a loss that reads tags
    (``PNHybridLoss(tag_set_weight=...)``) it does nothing.

    Transforms that mix images need ``tags`` of the mixture: the classes of all of them.
    """

    def __init__(self) -> None:
        self._losses: list[SeedPixelLoss] = []

    def before_train(self, runner: Runner) -> None:
        """Find the losses that read tags."""
        modules = runner.model.modules()
        self._losses = [m for m in modules if isinstance(m, SeedPixelLoss) and m.reads_tags]

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Hand over the tags of the batch.

        Raises:
            ValueError: If a sample has no tags, or a tag is no label from 1 to 254.
        """
        if not self._losses:
            return
        device = next(runner.model.parameters()).device
        tags = gather_tags(data_batch)
        if device.type == 'cuda':  # the copy of pinned memory makes nobody wait
            tags = tags.pin_memory()
        tags = tags.to(device, non_blocking=True)
        for loss in self._losses:
            loss.tags = tags

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Take the tags away, so that no other batch meets them."""
        for loss in self._losses:
            loss.tags = None


def gather_tags(data_batch: dict | None) -> torch.Tensor:
    """Give which classes each image of a batch may show: its tags and the background.

    Args:
        data_batch (dict, optional): With ``data_samples``, a list of data samples with
            ``metainfo['tags']``, labels from 1.

    Returns:
        torch.Tensor: (B, 256) bool.

    Raises:
        ValueError: If a sample has no tags, or a tag is no label from 1 to 254.
    """
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if not isinstance(samples, (list, tuple)):
        raise ValueError(
            "TagsToLossHook: a loss reads tags, but the batch has no list 'data_samples' to take "
            "them from; expected mmseg's batches, a dict of inputs and data_samples"
        )
    for sample in samples:
        tags = sample.metainfo.get('tags')
        path = sample.metainfo.get('img_path', 'a sample')
        if tags is None:
            raise ValueError(
                f"TagsToLossHook: a loss reads tags, but {path} comes without. Set tags='records' "
                '(those its seeds were made with) or a tags file in the SeedDataset of '
                'train_dataloader; a data set of another type puts labels from 1 into the '
                "metainfo['tags'] of its samples"
            )
        labels = [int(tag) for tag in tags]
        if not all(1 <= label < MAX_CLASSES - 1 for label in labels):
            raise ValueError(f'TagsToLossHook: {path} has the tags {labels}, expected labels 1-254')
    return possible_classes(samples, MAX_CLASSES)
