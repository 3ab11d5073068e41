"""What the tags of a data set can teach a classifier."""

from __future__ import annotations

from collections.abc import Sequence

# From so many images on it is no coincidence that two classes are always tagged together.
ENOUGH = 3


def tag_remarks(
    tags: Sequence[tuple[int, ...]], classes: Sequence[str], training: bool = True
) -> list[str]:
    """Remark classes of which tags teach a classifier nothing, or on which they cannot score it.

    Args:
        tags (Sequence[tuple[int, ...]]): Of each image the labels of its tags, 1 to K-1.
        classes (Sequence[str]): K class names, background first.
        training (bool): Whether the images are for training; otherwise they score a classifier.

    Returns:
        list[str]: Classes that every image has, classes that always come together, and classes
        that none has.

    >>> for remark in tag_remarks([(1,), (1, 2)], ('background', 'cat', 'dog', 'cow')):
    ...     print(remark.partition(':')[0])
    every training image is tagged cat
    no training image is tagged cow
    """
    if not tags:
        return []
    found: dict[frozenset[int], list[str]] = {}
    for label, name in enumerate(classes):
        if label:
            having = frozenset(index for index, labels in enumerate(tags) if label in labels)
            found.setdefault(having, []).append(name)
    remarks = []
    always = found.pop(frozenset(range(len(tags))), None)
    never = found.pop(frozenset(), None)
    image = 'training image' if training else 'validation image'
    if always:
        consequence = (
            'this teaches a classifier nothing. It learns what an object looks like from images '
            'with and without it; its scores will be perfect and its activation maps empty or '
            'anywhere.'
            if training
            else 'its average precision is 100 whatever is predicted.'
        )
        remarks.append(
            f'every {image} is tagged {", ".join(always)}: {consequence} Add images without it.'
        )
    for having, names in found.items():
        if training and len(names) > 1 and len(having) >= ENOUGH:
            remarks.append(
                f'{" and ".join(names)} are tagged in the same {len(having)} images: nothing tells '
                'a classifier which is which. Add images with one of them.'
            )
    if never:
        remarks.append(
            f'no {image} is tagged {", ".join(never)}: nothing can be '
            f'{"learnt" if training else "said"} of it.'
        )
    return remarks
