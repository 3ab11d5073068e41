"""The classifiers of seeds, ready for inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from mmseg_wsss.seeds import Seed

from .inference_copy import inference_copy


def prepare_classifiers(
    model: nn.Module | Mapping[float, nn.Module],
    seeds: Sequence[Seed],
    device: torch.device,
    memory_format: torch.memory_format,
) -> dict[float | None, nn.Module]:
    """Copy the classifiers for inference, and check that there is one for each seed.

    Args:
        model (nn.Module | Mapping[float, nn.Module]): One classifier for all seeds, or one per
            dropout rate; left as they are.
        seeds (Sequence[Seed]): The seeds.
        device (torch.device): Where the copies run.
        memory_format (torch.memory_format): Of their weights.

    Returns:
        dict[float | None, nn.Module]: The copies by dropout rate; the only one under None.

    Raises:
        ValueError: If a model has no class-activation head, or a seed's dropout has no model.
    """
    models: dict[float | None, nn.Module] = {None: model}
    if isinstance(model, Mapping):
        models = {float(dropout): net for dropout, net in model.items()}
        missing = {seed.dropout for seed in seeds} - set(models)
        if missing:
            raise ValueError(
                f'No classifier was given for the dropout rates {sorted(missing)}; there are '
                f'classifiers for {sorted(models)}.'
            )
    for net in models.values():
        if not hasattr(getattr(net, 'head', None), 'class_weight'):
            raise ValueError(
                f'{type(net).__name__} has no ClassActivationHead, so there are no activation '
                'maps. Set the head of the classifier to type="ClassActivationHead".'
            )
    return {
        dropout: inference_copy(net).to(device, memory_format=memory_format)
        for dropout, net in models.items()
    }
