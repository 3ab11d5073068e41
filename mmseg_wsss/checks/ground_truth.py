"""What the masks of the ground truth show, compared with the tags of their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..seeds import IGNORE_INDEX
from .report import CheckReport, examples

# From so many images on it is no coincidence that tags and masks never agree about a class.
ENOUGH = 3
# A border that is mostly foreground in so many of the masks looks like inverted masks.
INVERTED = 0.75


@dataclass(frozen=True)
class MaskContent:
    """What a mask of the ground truth shows.

    Attributes:
        labels (tuple[int, ...]): Sorted labels that occur, background (0) included, without 255.
        has_void (bool): Whether 255 occurs, pixels that do not count.
        border (str): What most of the outermost pixels are: ``'background'``, ``'foreground'`` or
            ``'void'``.
    """

    labels: tuple[int, ...]
    has_void: bool
    border: str

    @property
    def foreground(self) -> tuple[int, ...]:
        """The labels without background."""
        return tuple(label for label in self.labels if label)


def mask_content(mask: np.ndarray) -> MaskContent:
    """Sum up a mask.

    Args:
        mask (np.ndarray): uint8 (H, W), labels or 255.

    Returns:
        MaskContent: What it shows.

    >>> mask_content(np.array([[0, 0, 0], [0, 7, 255], [0, 3, 0]], np.uint8))
    MaskContent(labels=(0, 3, 7), has_void=True, border='background')
    """
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    kinds = dict(
        background=np.count_nonzero(border == 0),
        void=np.count_nonzero(border == IGNORE_INDEX),
    )
    kinds['foreground'] = len(border) - sum(kinds.values())
    return MaskContent(
        labels=tuple(int(label) for label in present if label != IGNORE_INDEX),
        has_void=bool(present[-1] == IGNORE_INDEX),
        border=max(kinds, key=kinds.get),
    )


def check_ground_truth(
    report: CheckReport,
    contents: Mapping[str, MaskContent],
    tags: Mapping[str, tuple[int, ...]],
    classes: Sequence[str],
) -> None:
    """Add to a report where the ground truth contradicts the tags, or cannot tell a class.

    A class that is tagged in at least three images with a mask and shown in none of them is a
    problem, and so is one that at least three masks show and whose images are never tagged with
    it, or a ground truth of fewer than two labels: whatever is scored on it says nothing. Single
    contradictions, which real data sets have, are remarks, as is a class that no mask shows.

    Args:
        report (CheckReport): Gets a row, remarks and problems.
        contents (Mapping[str, MaskContent]): By image id.
        tags (Mapping[str, tuple[int, ...]]): By image id the labels of its tags, 1 to K-1. Images
            of which nothing is known are left out; tags that were taken from the mask as well.
        classes (Sequence[str]): K class names, background first.
    """
    if not contents:
        return
    shown = Counter(label for content in contents.values() for label in content.labels)
    report.add(
        'masks by class',
        ', '.join(f'{name} {shown[label]}' for label, name in enumerate(classes)),
    )
    if not shown:
        message = f'all of the {len(contents)} masks are 255 alone, which does not count.'
        _add(report, message, len(contents))
        return
    contradicted = _compare(report, contents, tags, classes)
    if len(shown) == 1 and not contradicted:
        _add(report, _single_label(contents, *shown, classes), len(contents))
    _remark_absent(report, shown, contradicted, classes)
    _remark_void(report, contents)
    _check_inverted(report, contents, tags)


def _compare(
    report: CheckReport,
    contents: Mapping[str, MaskContent],
    tags: Mapping[str, tuple[int, ...]],
    classes: Sequence[str],
) -> set[int]:
    """Compare class by class; give the labels about which tags and masks never agree."""
    known = [name for name in contents if name in tags]
    contradicted: set[int] = set()
    lacking: dict[int, list[str]] = {}
    beyond: dict[int, list[str]] = {}
    totals: dict[str, dict[int, int]] = dict(tagged={}, shown={})
    for label in range(1, len(classes)):
        tagged = [name for name in known if label in tags[name]]
        shown = [name for name in known if label in contents[name].labels]
        agreed = set(tagged) & set(shown)
        totals['tagged'][label], totals['shown'][label] = len(tagged), len(shown)
        if not agreed and tagged:
            contradicted.add(label)
            message = (
                f'{len(tagged)} images are tagged {classes[label]}, and no mask of them shows it '
                f'(label {label}; {examples(tagged)}).'
            )
            _add(report, message + _reason(label, tagged, contents, tags, classes), len(tagged))
        elif not agreed and shown:
            contradicted.add(label)
            message = (
                f'{len(shown)} masks show {classes[label]} (label {label}), and no image of them '
                f'is tagged with it ({examples(shown)}). Tag it, or correct the masks.'
            )
            _add(report, message, len(shown))
        else:
            lacking[label] = [name for name in tagged if name not in agreed]
            beyond[label] = [name for name in shown if name not in agreed]
    for found, text, of in (
        (lacking, 'are tagged with a class that their mask does not show', 'tagged'),
        (beyond, 'are not tagged with a class that their mask shows', 'shown'),
    ):
        images = sorted({name for names in found.values() for name in names})
        if images:
            counts = ', '.join(
                f'{classes[label]} {len(names)} of {totals[of][label]}'
                for label, names in found.items()
                if names
            )
            report.remarks.append(
                f'{len(images)} of {len(known)} images {text}: {counts} ({examples(images)}).'
            )
    return contradicted


def _reason(
    label: int,
    tagged: Sequence[str],
    contents: Mapping[str, MaskContent],
    tags: Mapping[str, tuple[int, ...]],
    classes: Sequence[str],
) -> str:
    """Guess why no mask of the images with a tag shows it."""
    instead = Counter(
        other for name in tagged for other in contents[name].foreground if other not in tags[name]
    )
    if instead:
        other, count = instead.most_common(1)[0]
        if 2 * count > len(tagged):
            return (
                f' {count} of them show {classes[other]} (label {other}) instead: the classes must '
                "be in the order of the masks' labels (prepare: --classes)."
            )
    void = [contents[name] for name in tagged if contents[name].has_void]
    if 2 * len(void) > len(tagged):
        outside = sum(content.border == 'void' for content in void)
        meaning = (
            f'255 means background and 0 means {classes[label]}, write 0 and {label}'
            if 2 * outside > len(void)
            else f'255 means {classes[label]}, write {label}'
        )
        return f' {len(void)} of them have 255, which does not count: if {meaning} instead.'
    return ' If the masks leave it out, it cannot be scored: leave it out of the classes too.'


def _single_label(contents: Mapping[str, MaskContent], label: int, classes: Sequence[str]) -> str:
    """Say that a ground truth has one label alone."""
    message = (
        f'the {len(contents)} masks show {classes[label]} (label {label}) and nothing else: no '
        'score on them says anything.'
    )
    void = sum(content.has_void for content in contents.values())
    if not void:
        return message
    other = 'a class, write its label' if label == 0 else 'background, write 0'
    return f'{message} {void} of them have 255, which does not count: if it means {other} instead.'


def _remark_absent(
    report: CheckReport, shown: Mapping[int, int], contradicted: set[int], classes: Sequence[str]
) -> None:
    """Remark classes that no mask shows, beside those about which that was said already."""
    absent = [
        name
        for label, name in enumerate(classes)
        if label not in shown and label not in contradicted
    ]
    if absent and (len(shown) > 1 or contradicted):
        report.remarks.append(
            f'no mask shows {", ".join(absent)}: where it is predicted its IoU is 0, otherwise the '
            f'mIoU is a mean over the other classes ({len(shown)} of {len(classes)} are shown).'
        )


def _check_inverted(
    report: CheckReport,
    contents: Mapping[str, MaskContent],
    tags: Mapping[str, tuple[int, ...]],
) -> None:
    """Find masks in which background and foreground have changed places."""
    bare = [name for name in contents if tags.get(name) == () and contents[name].labels]
    full = [name for name in bare if 0 not in contents[name].labels]
    if full and len(full) == len(bare):
        message = (
            f'the masks of all {len(bare)} images without tags show no background '
            f'({examples(bare)}): tags were forgotten, or the masks are inverted (0 is background).'
        )
        _add(report, message, len(bare))
        return
    outside = [name for name, content in contents.items() if content.border == 'foreground']
    if len(contents) >= ENOUGH and len(outside) >= INVERTED * len(contents):
        report.remarks.append(
            f'in {len(outside)} of {len(contents)} masks the border of the image is foreground for '
            f'the most part ({examples(outside)}): right for close-ups; otherwise the masks are '
            'inverted, 0 is background.'
        )


def _remark_void(report: CheckReport, contents: Mapping[str, MaskContent]) -> None:
    empty = [name for name, content in contents.items() if not content.labels]
    if empty and len(empty) < len(contents):
        report.remarks.append(
            f'{len(empty)} masks are 255 alone, which does not count ({examples(empty)}).'
        )


def _add(report: CheckReport, message: str, images: int) -> None:
    """Add a contradiction: a problem where there are enough images, else a remark."""
    (report.problems if images >= ENOUGH else report.remarks).append(message)
