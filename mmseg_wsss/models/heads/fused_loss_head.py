"""Gives any decode head of mmseg the fused upsampling and loss."""

from __future__ import annotations

import logging
from functools import cache

from mmengine.logging import print_log
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn


class FusedLossHead(BaseDecodeHead):
    """BaseDecodeHead whose loss is computed from low-resolution logits.

    :func:`fused_head_class` puts it between a head and BaseDecodeHead, so that a head's own
    ``loss_by_feat`` still runs and only the common part under it (resize, losses, accuracy)
    changes. Values and gradients stay what they are; ``acc_seg`` is the share of supervised
    pixels, noisy ones included, that are predicted as labelled.

    Where the fused loss is not possible (a pixel sampler needs full-resolution logits, a loss
    has no ``fused``) the head works as ever and says so once.
    """

    _told = False

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """Compute the losses; see :meth:`BaseDecodeHead.loss_by_feat`."""
        losses = self.loss_decode
        losses = list(losses) if isinstance(losses, nn.ModuleList) else [losses]
        plain = [type(loss).__name__ for loss in losses if not hasattr(loss, 'fused')]
        if self.sampler is not None or plain:
            self._tell('a pixel sampler' if self.sampler is not None else ', '.join(plain))
            return super().loss_by_feat(seg_logits, batch_data_samples)
        label = self._stack_batch_gt(batch_data_samples).squeeze(1)
        result: dict[str, Tensor] = {}
        for loss in losses:
            value = loss.fused(seg_logits, label, self.align_corners, self.ignore_index)
            name = loss.loss_name
            result[name] = result[name] + value if name in result else value
        accuracy = losses[0].statistics['assigned_right']
        # Without any supervised pixel mmseg's accuracy is 100.
        result['acc_seg'] = 100 * accuracy.nan_to_num(1.0)
        return result

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            print_log(
                f'{type(self).__name__}: no fused loss because of {reason}; '
                'full-resolution logits are built',
                logger='current',
                level=logging.WARNING,
            )


@cache
def fused_head_class(head_class: type) -> type:
    """Derive a head that computes its loss fused.

    Args:
        head_class: A decode head; one that is not a BaseDecodeHead (Mask2Former's, which has a
            set loss) is returned as it is.

    Returns:
        type: Subclass with the same arguments, parameters and their names.

    Examples:
        >>> from mmseg.models.decode_heads import FCNHead
        >>> fused_head_class(FCNHead).__mro__[1:4]
        (<class '...FCNHead'>, <class '...FusedLossHead'>, <class '...BaseDecodeHead'>)
    """
    if not issubclass(head_class, BaseDecodeHead) or issubclass(head_class, FusedLossHead):
        return head_class
    namespace = {'__module__': head_class.__module__, '__doc__': head_class.__doc__}
    return type(f'Fused{head_class.__name__}', (head_class, FusedLossHead), namespace)
