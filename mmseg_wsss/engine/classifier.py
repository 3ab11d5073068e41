"""Builds a trained classifier."""

from __future__ import annotations

import os

from mmengine.config import Config
from torch import nn

from mmseg_wsss.registry import MODELS
from mmseg_wsss.utils.checkpoint import load_weights


def load_classifier(
    config: Config, checkpoint: str | os.PathLike, trust: bool = False
) -> nn.Module:
    """Build a config's model with the weights of a checkpoint, on the CPU.

    Args:
        config (Config): Its ``model`` is built; the initial weights it names are not read.
        checkpoint (str | os.PathLike): See :func:`mmseg_wsss.utils.checkpoint.load_weights`.
        trust (bool): Whether the file may run code of its own.

    Returns:
        nn.Module: The classifier.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If it is no checkpoint, carries code, or does not fit the model.
    """
    model_config = config.model.copy()
    model_config.pop('init_cfg', None)
    model = MODELS.build(model_config)
    load_weights(model, checkpoint, trust)
    return model
