"""Gives a seed root a threshold of its own for each class, written into its agreement.

``python -m mmseg_wsss.experiments.classwise ROOT --out NEW_ROOT``: a class whose pixels rarely have
all votes keeps more of them clean. No true mask is used. With ``agreement_threshold='unanimous'``
the new root's clean pixels are those above their class's threshold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmseg_wsss.seeds import AGGREGATED_FOLDER, IGNORE_INDEX, SeedManifest, SeedStore, read_mask


def class_thresholds(votes: np.ndarray, share: float) -> list[int]:
    """Choose for each class the highest threshold that leaves enough of its pixels clean.

    Args:
        votes (np.ndarray): int64 (K, S + 1), pixels by label and agreement, 0 to S.
        share (float): Least share of a class's pixels that stay clean, in (0, 1].

    Returns:
        list[int]: 1 to S for each class; S for a class without pixels.

    Raises:
        ValueError: If the share is out of range.

    >>> class_thresholds(np.array([[0, 1, 1, 8], [0, 4, 3, 3]]), 0.5)
    [3, 2]
    """
    if not 0 < share <= 1:
        raise ValueError(f'share {share}, expected more than 0 and at most 1')
    num_seeds = votes.shape[1] - 1
    found = []
    for row in votes:
        enough = [t for t in range(1, num_seeds + 1) if row[t:].sum() >= share * row[1:].sum()]
        found.append(enough[-1])
    return found


def apply_thresholds(
    label: np.ndarray, agreement: np.ndarray, thresholds: Sequence[int], num_seeds: int
) -> np.ndarray:
    """Rewrite an agreement: S where it reaches its class's threshold, at most S - 1 elsewhere.

    Args:
        label, agreement (np.ndarray): uint8 (H, W).
        thresholds (Sequence[int]): One for each class.
        num_seeds (int): S.

    Returns:
        np.ndarray: uint8 (H, W); 0 stays 0.
    """
    table = np.full(256, num_seeds, np.uint8)
    table[: len(thresholds)] = thresholds
    clean = (agreement >= table[label]) & (label != IGNORE_INDEX)
    return np.where(clean, np.uint8(num_seeds), np.minimum(agreement, np.uint8(num_seeds - 1)))


def write_root(root: Path, out: Path, share: float) -> list[int]:
    """Write the new seed root, which keeps no seeds; a run that was stopped goes on.

    Args:
        root (Path): A seed root.
        out (Path): The new one.
        share (float): As of :func:`class_thresholds`.

    Returns:
        list[int]: The thresholds.
    """
    old, new = SeedStore(root), SeedStore(out)
    manifest = SeedManifest.load(old.manifest_path)
    num_seeds, num_classes = len(manifest.seeds), len(manifest.classes)
    votes = np.zeros((256, num_seeds + 1), np.int64)
    for image_id in manifest.images:
        cells = _label(old, image_id).astype(np.int64) * (num_seeds + 1)
        cells += old.read_agreement(image_id, num_seeds)
        votes += np.bincount(cells.ravel(), minlength=votes.size).reshape(votes.shape)
    thresholds = class_thresholds(votes[:num_classes], share)
    manifest.parameters = dict(manifest.parameters, class_thresholds=thresholds, of=str(root))
    new.open(manifest)
    for image_id in manifest.images:
        if not new.is_complete(image_id, [], num_seeds, num_classes):
            label = _label(old, image_id)
            agreement = old.read_agreement(image_id, num_seeds)
            agreement = apply_thresholds(label, agreement, thresholds, num_seeds)
            new.write(image_id, {}, label, agreement, manifest.palette)
    return thresholds


def _label(store: SeedStore, image_id: str) -> np.ndarray:
    return read_mask(store.mask_path(AGGREGATED_FOLDER, image_id))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='a seed root')
    parser.add_argument('--out', type=Path, required=True, help='the new seed root')
    parser.add_argument('--share', type=float, default=0.5, help='least clean share of a class')
    args = parser.parse_args(arguments)
    try:
        thresholds = write_root(args.root, args.out, args.share)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'thresholds by class: {", ".join(map(str, thresholds))}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
