"""Hashes by which the origin of seeds is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


def weights_sha256(model: nn.Module | Mapping[Any, nn.Module]) -> str:
    """SHA-256 of a model's weights: names, types, shapes and values.

    It does not depend on the file the weights come from, so seeds made right after training and
    seeds made from the checkpoint of that training are known to be the same.

    Args:
        model (nn.Module | Mapping): A model, or several by key.

    Returns:
        str: 64 hexadecimal digits.
    """
    models = model if isinstance(model, Mapping) else {'': model}
    digest = hashlib.sha256()
    for key in sorted(models, key=str):
        for name, value in sorted(models[key].state_dict().items()):
            value = value.detach().cpu().contiguous()
            digest.update(f'{key} {name} {value.dtype} {tuple(value.shape)}\n'.encode())
            digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def json_sha256(content: Any) -> str:
    """SHA-256 of nested plain content, whatever the order of its keys.

    Args:
        content (Any): Dicts, lists and plain values; anything else counts by its text.

    Returns:
        str: 64 hexadecimal digits.

    Examples:
        >>> json_sha256(dict(a=1, b=(2,))) == json_sha256(dict(b=[2], a=1))
        True
    """
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode('utf-8')).hexdigest()
