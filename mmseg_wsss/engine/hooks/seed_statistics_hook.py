"""Logs what a person can read of the losses on seed codes."""

from __future__ import annotations

import math

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...models.losses import FilteredLoss, SeedPixelLoss
from ...registry import HOOKS

STATISTICS = ('clean_share', 'noisy_share', 'clean_right', 'noisy_left', 'filtered_share')


@HOOKS.register_module()
class SeedStatisticsHook(Hook):
    """Puts the losses' statistics into the training log, like ``decode.clean_right``.

    The prediction constraint has a floor far above 0, so its value does not tell how far training
    has come; ``clean_right`` (share of clean pixels predicted as labelled) and ``noisy_left``
    (share of noisy pixels predicted as something else) do. Of several losses of one head the first
    is logged, of several processes the first. A ``FilteredLoss`` adds ``filtered_share``.

    Args:
        interval: Iterations between two records, >= 1; reading them makes an accelerator's host
            wait. A multiple of it should be LoggerHook's interval.
        statistics: Which of :class:`SeedPixelLoss`'s statistics.

    Raises:
        ValueError: If the interval is below 1.
    """

    def __init__(self, interval: int = 10, statistics: tuple[str, ...] = STATISTICS) -> None:
        if interval < 1:
            raise ValueError(f'interval must be >= 1, got {interval}')
        self.interval = interval
        self.statistics = statistics

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Record the statistics of the iteration just done; shares of nothing are left out."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        done = set()
        for name, module in runner.model.named_modules():
            if not isinstance(module, (FilteredLoss, SeedPixelLoss)):
                continue
            head = _head_name(name)
            if head in done:
                continue
            done.add(head)
            shares = {k: v for k, v in module.statistics.items() if k in self.statistics}
            if not shares:
                continue
            # One transfer for all of them.
            for statistic, value in zip(
                shares, torch.stack([*shares.values()]).tolist(), strict=True
            ):
                if not math.isnan(value):
                    runner.message_hub.update_scalar(f'train/{head}.{statistic}', value)


def _head_name(module_name: str) -> str:
    """Name a head as mmseg's losses do: decode, aux, aux_0, ...

    Examples:
        >>> _head_name('module.auxiliary_head.1.loss_decode')
        'aux_1'
        >>> _head_name('decode_head.loss_decode.0')
        'decode'
    """
    parts = module_name.removeprefix('module.').split('.')
    numbered = len(parts) > 1 and parts[1].isdigit()
    head = {'decode_head': 'decode', 'auxiliary_head': 'aux'}.get(parts[0], parts[0])
    return f'{head}_{parts[1]}' if numbered else head
