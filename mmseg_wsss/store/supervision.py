"""What masks were made from, image tags or image tags and saliency, through votes and networks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from .manifest import MANIFEST_NAME, SeedManifest
from .mask_folder import SETTINGS_NAME


def root_supervision(root: str | os.PathLike | None) -> str | None:
    """Read what the masks of a seed root were made from.

    Args:
        root (str | os.PathLike, optional): The seed root, where there is one.

    Returns:
        str | None: ``'I'`` or ``'I+S'``; None where the folder is no seed root or does not say.
    """
    if root is None:
        return None
    try:
        return SeedManifest.load(Path(root) / MANIFEST_NAME).parameters.get('supervision')
    except (FileNotFoundError, ValueError):
        return None


def folder_supervision(folder: str | os.PathLike) -> str | None:
    """Read what the masks of a folder were made from.

    Args:
        folder (str | os.PathLike): A folder of a seed root, or of a network's masks
            (``tools/make_pseudo_masks.py``).

    Returns:
        str | None: As :func:`root_supervision`; None of masks from elsewhere.
    """
    try:
        settings = json.loads((Path(folder) / SETTINGS_NAME).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return root_supervision(Path(folder).resolve().parent)
    return settings.get('supervision') if isinstance(settings, Mapping) else None


def joint_supervision(parts: Iterable[str | None]) -> str | None:
    """Tell what something was made from that was made of several parts.

    Args:
        parts (Iterable[str | None]): What each was made from.

    Returns:
        str | None: ``'I+S'`` if one was; ``'I'`` if all were made from image tags, else None.

    Example:
        >>> joint_supervision(['I', 'I+S', None]), joint_supervision(['I', None])
        ('I+S', None)
    """
    found = set(parts)
    if 'I+S' in found:
        return 'I+S'
    return 'I' if found == {'I'} else None
