"""EncoderDecoder that never builds full-resolution logits in training."""

from __future__ import annotations

import logging

from mmengine.logging import print_log
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS as MMSEG_MODELS

from ...registry import MODELS
from ..heads.fused_loss_head import FusedLossHead, fused_head_class


@MODELS.register_module()
class FusedLossEncoderDecoder(EncoderDecoder):
    """EncoderDecoder whose heads upsample and compute their loss together.

    One override switches any config over, ``model=dict(type='FusedLossEncoderDecoder')`` or
    ``--cfg-options model.type=FusedLossEncoderDecoder``: decode and auxiliary heads are built as
    configured, with :class:`FusedLossHead` slipped under them. This project's losses
    (PNHybridLoss, SeedCrossEntropyLoss, ...) are then fused; checkpoints, values and predictions
    are the same.

    Args:
        As mmseg's ``EncoderDecoder``.
    """

    def _init_decode_head(self, decode_head: dict) -> None:
        super()._init_decode_head(_fused(decode_head))

    def _init_auxiliary_head(self, auxiliary_head: dict | list[dict] | None) -> None:
        if isinstance(auxiliary_head, (list, tuple)):
            auxiliary_head = [_fused(head) for head in auxiliary_head]
        elif auxiliary_head is not None:
            auxiliary_head = _fused(auxiliary_head)
        super()._init_auxiliary_head(auxiliary_head)


def _fused(head: dict) -> dict:
    head_class = head['type']
    if isinstance(head_class, str):
        head_class = MMSEG_MODELS.get(head_class)
        if head_class is None:
            return head  # mmseg's registry names the unknown type when it builds the head
    fused = fused_head_class(head_class)
    if not issubclass(fused, FusedLossHead):
        print_log(
            f'{head_class.__name__} has no per-pixel loss to fuse and stays as it is',
            logger='current',
            level=logging.WARNING,
        )
    return {**head, 'type': fused}
