"""What the losses of a config read beside labels, and whether its training brings it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from ..registry import MODELS

VOTES_STEP = 'LoadSeedAnnotations'
TAGS_HOOK = 'TagsToLossHook'


def check_losses(config: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[str]:
    """List what losses read and the samples of a training lack: losing votes, tags.

    Args:
        config (Mapping): With ``model`` and ``custom_hooks``, or without.
        dataset (Mapping): Config of the data set that trains, with its ``pipeline``.

    Returns:
        list[str]: Problems, each with the place in the config and what is to be set there.

    >>> model = dict(decode_head=dict(loss_decode=dict(type='PNHybridLoss', direct='losers')))
    >>> print(*check_losses(dict(model=model), dict(pipeline=[])))
    model.decode_head.loss_decode: PNHybridLoss learns from losing votes; set losing_votes=True \
in LoadSeedAnnotations of the training pipeline.
    """
    problems = []
    votes = any(step.get('losing_votes') for step in dataset.get('pipeline') or ())
    hook = any(TAGS_HOOK in str(one.get('type')) for one in config.get('custom_hooks') or ())
    try:
        losses = list(find_losses(config.get('model') or {}, 'model'))
    except (TypeError, ValueError) as error:
        return [f'a loss of the model: {error}']
    for where, loss in losses:
        name = type(loss).__name__
        if loss.reads_losing_votes and not votes:
            problems.append(
                f'{where}: {name} learns from losing votes; set losing_votes=True in {VOTES_STEP} '
                'of the training pipeline.'
            )
        if loss.reads_tags and not (hook and dataset.get('tags')):
            problems.append(
                f"{where}: {name} learns from the images' tags; add dict(type='{TAGS_HOOK}') to "
                "custom_hooks, and tags='records' or a tags file to the data set of the training."
            )
    return problems


def find_losses(part: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Build the losses that a part of a config names and that say what they read.

    Args:
        part: A value of a config.
        where (str): Its key.

    Yields:
        tuple: Key and loss, with ``reads_losing_votes`` and ``reads_tags`` as every
        ``SeedPixelLoss`` has them.

    Raises:
        TypeError, ValueError: If a loss refuses its options.
    """
    if isinstance(part, list | tuple):
        for index, one in enumerate(part):
            yield from find_losses(one, f'{where}.{index}')
    elif isinstance(part, Mapping):
        found = MODELS.get(part['type']) if isinstance(part.get('type'), str) else None
        if hasattr(found, 'reads_losing_votes'):
            yield where, MODELS.build(copy.deepcopy(dict(part)))
        else:
            for key, value in part.items():
                yield from find_losses(value, f'{where}.{key}')
