"""Writing of lists and of ``cls_labels.npy``, each file whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..utils.atomic import write_atomic


def write_list(path: str, image_ids: Iterable[str]) -> None:
    """Write a split: image ids, one a line."""
    _write(path, ''.join(f'{image_id}\n' for image_id in image_ids).encode())


def write_cls_labels(path: str, tags: Mapping[str, Sequence[int]], num_classes: int) -> None:
    """Write tags as the field's ``cls_labels.npy``.

    Args:
        path (str): Path of the file.
        tags (Mapping[str, Sequence[int]]): Image id to label indices, 1 to K-1.
        num_classes (int): K, background included. The file holds a pickled dict: image id to
            float32 (K-1,), 1 where the class is present.
    """
    labels = {}
    for image_id, present in tags.items():
        vector = np.zeros(num_classes - 1, np.float32)
        vector[[label - 1 for label in present]] = 1
        labels[image_id] = vector
    buffer = io.BytesIO()
    np.save(buffer, labels, allow_pickle=True)
    _write(path, buffer.getvalue())


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    write_atomic(path, content)
