"""Trains a network in the channels-last memory layout."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Turns the model's convolution weights to channels-last before training.

    Convolutions then give channels-last maps from the first one on, whatever the images' layout.
    Values do not change, only their order in memory; it pays on GPUs with tensor cores in half
    precision.
    """

    def before_train(self, runner: Runner) -> None:
        """Convert the model in place."""
        runner.model.to(memory_format=torch.channels_last)
