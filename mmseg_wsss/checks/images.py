"""The check of images, masks and tags before hours are spent on them: every file is read."""

from __future__ import annotations

import os
import os.path as osp
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from ..store import ImageRecord, read_losing_votes
from ..store.masks import read_mask
from ..utils.image import MAX_SEED_PIXELS, read_image
from ..utils.image_info import ImageInfo, describe_image
from ..utils.parallel import run_tasks
from ..utils.pixel_limit import DECODER_ERRORS, open_image
from .ground_truth import MaskContent, check_ground_truth, mask_content
from .report import CheckReport, count_by_class, examples
from .saliency import flat_saliency, is_flat_saliency

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
        ValueError: If the file is empty, truncated, too large, no image, or of a depth or bands
            that networks cannot read as they are.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such image.')
    if describe_image(path).file_format not in _JPEG:
        # Readers differ in the rarer formats: which depths, and whether a TIFF is turned.
        return read_image(path).shape[:2]
    try:
        with open_image(path) as image:
            width, height = image.size
            if image.getexif().get(_EXIF_ORIENTATION, 1) >= 5:  # 5 to 8: turned by 90 degrees
                width, height = height, width
            image.draft('L', (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
            return height, width
    except DECODER_ERRORS as error:
        raise ValueError(f'{path}: broken image ({error}).') from None


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
        label_table (tuple[int, ...], optional): 256 labels: what each value of the first mask
            stands for. Only where this mask is ground truth.
        record (ImageRecord, optional): What its masks were made of.
        saliency (str, optional): Path of its saliency map.
        saliency_record (ImageRecord, optional): What its saliency map was made of.
        losing_votes (tuple, optional): Path of the labels that lost the vote, and number of labels,
            see :func:`mmseg_wsss.store.read_losing_votes`.
    """

    image_id: str
    path: str
    masks: tuple[tuple[str, int | None, int | None], ...] = ()
    tags: tuple[int, ...] | None = None
    label_table: tuple[int, ...] | None = None
    record: ImageRecord | None = None
    saliency: str | None = None
    saliency_record: ImageRecord | None = None
    losing_votes: tuple[str, int] | None = None


@dataclass
class _Finding:
    size: tuple[int, int] | None = None
    info: ImageInfo | None = None
    content: MaskContent | None = None
    flat: bool = False
    problems: list[str] = field(default_factory=list)


def check_items(
    title: str,
    items: Sequence[DataItem],
    classes: Sequence[str] | None = None,
    workers: int | None = None,
    mask_tags: Mapping[str, tuple[int, ...]] | None = None,
) -> CheckReport:
    """Read every image and mask of a data set and sum up what was found.

    Args:
        title (str): Name of the data set.
        items (Sequence[DataItem]): Its images.
        classes (Sequence[str], optional): All class names, background first, for the count of tags.
        workers (int, optional): Number of processes; by default the number of cores.
        mask_tags (Mapping, optional): Labels of the tags by image id, to be compared with the
            ground truth, see :func:`~mmseg_wsss.checks.ground_truth.check_ground_truth`.

    Returns:
        CheckReport: Problems are images, masks and saliency maps that cannot be read or are of
        another size than their image, labels out of range, and more than half of the saliency maps
        with one value everywhere; remarks are what will be dealt with.
    """
    report = CheckReport(title, advice=ADVICE)
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
    kinds = {
        item.image_id: finding.info
        for item, finding in zip(items, findings, strict=True)
        if finding.info is not None
    }
    summarise_kinds(report, kinds)
    report.add('turned upright by EXIF', sum(info.turned for info in kinds.values()))
    report.add('masks', sum(len(item.masks) for item in items))
    losing_votes = sum(item.losing_votes is not None for item in items)
    if losing_votes:
        report.add('losing votes', losing_votes)
    maps = [item.image_id for item in items if item.saliency is not None]
    if maps:
        report.add('saliency maps', len(maps))
    flat = [item.image_id for item, one in zip(items, findings, strict=True) if one.flat]
    report.problems += flat_saliency(flat, len(maps))
    _remark_sizes(report, sized)
    _remark_tags(report, items, classes)
    contents = {
        item.image_id: finding.content
        for item, finding in zip(items, findings, strict=True)
        if finding.content is not None
    }
    if classes is not None:
        check_ground_truth(report, contents, mask_tags or {}, classes)
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
        if not osp.isfile(item.path):
            raise FileNotFoundError(f'{item.path}: no such image.')
        finding.info = describe_image(item.path)
        finding.size = check_image(item.path)
    except (FileNotFoundError, ValueError) as error:
        finding.problems.append(str(error))
    if finding.size is not None and item.record is not None:
        change = item.record.change_of_photograph(item.path)
        if change is not None:
            finding.problems.append(f'the masks of {item.image_id} {change}.')
    for number, (path, num_classes, ignore_index) in enumerate(item.masks):
        try:
            mask = read_mask(path, finding.size, num_classes, ignore_index)
            if number == 0 and item.label_table is not None:
                finding.content = mask_content(np.array(item.label_table, np.uint8)[mask])
        except (FileNotFoundError, ValueError) as error:
            finding.problems.append(str(error))
    if item.losing_votes is not None and finding.size is not None:
        try:
            path, num_classes = item.losing_votes
            read_losing_votes(path, finding.size, num_classes)
        except (FileNotFoundError, ValueError) as error:
            finding.problems.append(str(error))
    if item.saliency is not None:
        try:
            finding.flat = is_flat_saliency(item.saliency, finding.size)
        except (FileNotFoundError, ValueError) as error:
            finding.problems.append(str(error))
    if finding.size is not None and item.saliency_record is not None:
        change = item.saliency_record.change_of_photograph(item.path)
        if change is not None:
            finding.problems.append(
                f'{item.saliency}: the grey values {change}; tools/make_saliency.py makes the map '
                'anew.'
            )
    return finding


def summarise_kinds(report: CheckReport, kinds: Mapping[str, ImageInfo]) -> None:
    """Add the kinds of images to a report, and remark what of them is not read.

    Args:
        report (CheckReport): The report.
        kinds (Mapping[str, ImageInfo]): What the header of each image says, by image id.
    """
    counts = Counter(info.kind for info in kinds.values())
    report.add('kinds', ', '.join(f'{kind} {count:,}' for kind, count in counts.most_common()))
    for what, names in (
        (
            'a band beyond their colours (transparency, near infrared), which is not read; colours '
            'are read as they are stored, transparent or not',
            [name for name, info in kinds.items() if info.extra == 1],
        ),
        (
            'several pages or frames, of which the first is read',
            [name for name, info in kinds.items() if info.pages > 1],
        ),
    ):
        if names:
            report.remarks.append(f'{len(names)} images have {what} ({examples(names)}).')


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


def _remark_sizes(report: CheckReport, sized: list[tuple[str, tuple[int, int]]]) -> None:
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
    report: CheckReport, items: Sequence[DataItem], classes: Sequence[str] | None
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
