"""The check of images, masks and tags before hours are spent on them: every file is read."""

from __future__ import annotations

import os
import os.path as osp
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..store import ImageRecord
from ..store.masks import MAX_PIXELS, read_mask
from ..store.saliency import read_saliency
from ..utils.image import MAX_SEED_PIXELS, read_image
from ..utils.parallel import run_tasks
from .report import ConversionReport, count_by_class, examples

_EXIF_ORIENTATION = 0x0112
_JPEG = ('JPEG', 'MPO')  # MPO: JPEG of a telephone with a preview behind


def check_image(path: str) -> tuple[int, int]:
    """Decode an image to its end, cheaply, and give its size.

    JPEG is decoded at an eighth of its size: the whole bit stream is read, so a truncated file is
    found, at about half the cost. Other formats are read as the pipelines read them.

    Args:
        path (str): Path of the image.

    Returns:
        tuple[int, int]: Height and width as the pipelines see them, EXIF orientation applied.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty, truncated, too large or no image.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such image.')
    try:
        with Image.open(path) as image:
            if image.format in _JPEG:
                size = _jpeg_size(image)
                image.draft('L', (image.width // 8, image.height // 8))
                image.load()
                return size
    except UnidentifiedImageError:
        raise ValueError(f'{path}: not a readable image ({osp.getsize(path)} bytes).') from None
    except Image.DecompressionBombError as error:
        pixels = re.search(r'\d+', str(error))
        size = f'{int(pixels[0]) / 1e6:,.0f} megapixels' if pixels else str(error)
        raise ValueError(
            f'{path}: too large ({size}), allowed {MAX_PIXELS / 1e6:,.0f}: shrink or cut it.'
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f'{path}: broken image ({error}).') from None
    # Readers differ in the rarer formats: which depths, and whether a TIFF is turned.
    return read_image(path).shape[:2]


def image_size(path: str) -> tuple[int, int]:
    """Give the size of an image, of a JPEG from its header alone.

    Args:
        path (str): Path of the image.

    Returns:
        tuple[int, int]: Height and width as the pipelines see them, EXIF orientation applied.

    Raises:
        OSError: If there is no such file, or it is no image.
        ValueError: If it is no image that can be read.
    """
    with Image.open(path) as image:
        if image.format in _JPEG:
            return _jpeg_size(image)
    return read_image(path).shape[:2]


def _jpeg_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    turned = image.getexif().get(_EXIF_ORIENTATION, 1) >= 5  # 5 to 8: by 90 degrees
    return (width, height) if turned else (height, width)


def mask_labels(mask: np.ndarray) -> tuple[int, ...]:
    """Give the foreground labels that occur in a mask.

    Args:
        mask (np.ndarray): uint8 (H, W).

    Returns:
        tuple[int, ...]: Sorted labels without background (0) and ignored pixels (255).

    >>> mask_labels(np.array([[0, 7], [255, 3]], np.uint8))
    (3, 7)
    """
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    return tuple(int(label) for label in present if label not in (0, 255))


def find_duplicates(names: Sequence) -> list:
    """Give the names that occur more than once, each once, in order of first occurrence.

    >>> find_duplicates(['a', 'b', 'a'])
    ['a']
    """
    return [name for name, count in Counter(names).items() if count > 1]


ADVICE = 'mend the data set first.'
# Below this a network sees next to nothing.
SMALL_SIDE = 16


@dataclass(frozen=True)
class DataItem:
    """One image of a data set and what belongs to it.

    Attributes:
        image_id (str): Id of the image.
        path (str): Its file.
        masks (tuple): Of each of its masks path, number of labels (None: any) and the label allowed
            beyond (None: none), see :func:`mmseg_wsss.store.read_mask`.
        tags (tuple[int, ...], optional): Labels of its tags, 1 to K-1; None where it has none to
            check.
        record (ImageRecord, optional): What its masks were made of.
        saliency (str, optional): Path of its saliency map.
    """

    image_id: str
    path: str
    masks: tuple[tuple[str, int | None, int | None], ...] = ()
    tags: tuple[int, ...] | None = None
    record: ImageRecord | None = None
    saliency: str | None = None


@dataclass
class _Finding:
    size: tuple[int, int] | None = None
    kind: str = ''
    turned: bool = False
    flat: bool = False
    problems: list[str] = field(default_factory=list)


def check_items(
    title: str,
    items: Sequence[DataItem],
    classes: Sequence[str] | None = None,
    workers: int | None = None,
) -> ConversionReport:
    """Read every image and mask of a data set and sum up what was found.

    Args:
        title (str): Name of the data set.
        items (Sequence[DataItem]): Its images.
        classes (Sequence[str], optional): All class names, background first, for the count of tags.
        workers (int, optional): Number of processes; by default the number of cores.

    Returns:
        ConversionReport: Problems are images, masks and saliency maps that cannot be read or are of
        another size than their image, labels out of range, and more than half of the saliency maps
        with one value everywhere; remarks are what will be dealt with.
    """
    report = ConversionReport(title, advice=ADVICE)
    findings = run_tasks(check_item, items, workers, 'images to check')
    for finding in findings:
        report.problems += finding.problems
    report.problems += _repeated(items)
    report.add('images', len(items))
    sized = [
        (item.image_id, finding.size)
        for item, finding in zip(items, findings, strict=True)
        if finding.size is not None
    ]
    if sized:
        report.add(
            'sizes (height x width)',
            ' to '.join(
                f'{pick(size[0] for _, size in sized)} x {pick(size[1] for _, size in sized)}'
                for pick in (min, max)
            ),
        )
    kinds = Counter(finding.kind for finding in findings if finding.kind)
    report.add('kinds', ', '.join(f'{kind} {count:,}' for kind, count in kinds.most_common()))
    report.add('turned upright by EXIF', sum(finding.turned for finding in findings))
    report.add('masks', sum(len(item.masks) for item in items))
    maps = [item.image_id for item in items if item.saliency is not None]
    if maps:
        report.add('saliency maps', len(maps))
    flat = [item.image_id for item, one in zip(items, findings, strict=True) if one.flat]
    report.problems += flat_saliency(flat, len(maps))
    _remark_sizes(report, sized)
    _remark_tags(report, items, classes)
    twins = find_twins([item.path for item in items])
    if twins:
        report.remarks.append(
            f'{len(twins)} images share their name with another image in the folder, which is not '
            f'read ({examples(twins)}).'
        )
    return report


def check_item(item: DataItem) -> _Finding:
    """Read an image and its masks.

    Args:
        item (DataItem): The image.

    Returns:
        _Finding: Its size and kind, and what is wrong with it.
    """
    finding = _Finding()
    try:
        height, width = finding.size = check_image(item.path)
        with Image.open(item.path) as image:  # the header only
            finding.kind = f'{image.format} {image.mode}'
            finding.turned = image.size != (width, height) or image.getexif().get(0x0112, 1) > 1
    except (FileNotFoundError, ValueError) as error:
        finding.problems.append(str(error))
    if finding.size is not None and height * width > MAX_PIXELS:
        finding.problems.append(
            f'{item.path}: {height} x {width} (height x width), more than the {MAX_PIXELS:,} '
            'pixels of a mask.'
        )
    if finding.size is not None and item.record is not None:
        change = item.record.change_of_photograph(item.path)
        if change is not None:
            finding.problems.append(f'the masks of {item.image_id} {change}.')
    for path, num_classes, ignore_index in item.masks:
        try:
            read_mask(path, finding.size, num_classes, ignore_index)
        except (FileNotFoundError, ValueError) as error:
            finding.problems.append(str(error))
    if item.saliency is not None:
        try:
            finding.flat = is_flat_saliency(item.saliency, finding.size)
        except (FileNotFoundError, ValueError) as error:
            finding.problems.append(str(error))
    return finding


def is_flat_saliency(path: str | os.PathLike, shape: tuple[int, int] | None) -> bool:
    """Read a saliency map and tell whether it has one value everywhere.

    Args:
        path (str | os.PathLike): The map.
        shape (tuple[int, int], optional): The (H, W) it must have.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is no 8-bit grey image or of another size.
    """
    saliency = read_saliency(path, shape)
    return bool(saliency.min() == saliency.max())


def flat_saliency(flat: Sequence[str], total: int) -> list[str]:
    """Give a problem if more than half of the saliency maps have one value everywhere, else none.

    Args:
        flat (Sequence[str]): Ids of the images whose maps do.
        total (int): Number of maps.
    """
    if 2 * len(flat) <= total:  # a photograph of nothing in particular may have a black map
        return []
    return [
        f'{len(flat)} of {total} saliency maps have one value everywhere, e.g. '
        f'{", ".join(flat[:3])}; expected grey from 0 (not salient) to 255. Look at them, and at '
        'the input size and the deviations of their network.'
    ]


def find_twins(paths: Sequence[str]) -> list[str]:
    """Find images beside which lies an image of the same name but another suffix.

    Args:
        paths (Sequence[str]): Paths of images.

    Returns:
        list[str]: ``'a.jpg (a.png)'`` for each such pair, by path.
    """
    suffixes = {suffix for suffix in Image.registered_extensions() if suffix != '.pdf'}
    beside: dict[str, list[str]] = {}
    for folder in sorted({osp.dirname(path) for path in paths}):
        if osp.isdir(folder or '.'):
            for name in os.listdir(folder or '.'):
                stem, suffix = osp.splitext(name)
                if suffix.lower() in suffixes:
                    beside.setdefault(osp.join(folder, stem), []).append(name)
    twins = []
    for path in sorted(set(paths)):
        others = [
            name
            for name in sorted(beside.get(osp.splitext(path)[0], []))
            if name != osp.basename(path)
        ]
        if others:
            twins.append(f'{path} ({", ".join(others)})')
    return twins


def _repeated(items: Sequence[DataItem]) -> list[str]:
    counts = Counter(item.image_id for item in items)
    return [f'image id {name} comes {count} times.' for name, count in counts.items() if count > 1]


def _remark_sizes(report: ConversionReport, sized: list[tuple[str, tuple[int, int]]]) -> None:
    large = [name for name, (height, width) in sized if height * width > MAX_SEED_PIXELS]
    if large:
        report.remarks.append(
            f'{len(large)} images have more than {MAX_SEED_PIXELS:,} pixels: their seeds are made '
            f'smaller and enlarged ({examples(large)}).'
        )
    small = [name for name, size in sized if min(size) < SMALL_SIDE]
    if small:
        report.remarks.append(
            f'{len(small)} images have a side of less than {SMALL_SIDE} pixels: their seeds say '
            f'little ({examples(small)}).'
        )


def _remark_tags(
    report: ConversionReport, items: Sequence[DataItem], classes: Sequence[str] | None
) -> None:
    tagged = {item.image_id: item.tags for item in items if item.tags is not None}
    if not tagged or classes is None:
        return
    report.add('images by tag', count_by_class(list(tagged.values()), tuple(classes)))
    empty = [image_id for image_id, tags in tagged.items() if not tags]
    if empty:
        report.remarks.append(
            f'{len(empty)} images have no tag: their seeds are all background ({examples(empty)}).'
        )
    used = {label for tags in tagged.values() for label in tags}
    missing = [name for label, name in enumerate(classes) if label and label not in used]
    if missing:
        report.remarks.append(f'no image is tagged {", ".join(missing)}.')
