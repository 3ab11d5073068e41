"""Ground truth against tags: what stops a conversion, what is remarked, and what real sets have."""

from __future__ import annotations

import numpy as np
import pytest

from mmseg_wsss.checks.ground_truth import check_ground_truth, mask_content
from mmseg_wsss.checks.report import CheckReport

CLASSES = ('background', 'cat', 'dog')
ONE_CLASS = ('background', 'animal')


def mask(*labels: int, outside: int = 0) -> np.ndarray:
    """A mask with a pixel of each label in the middle, another label around."""
    rows = np.full((5, 9), outside, np.uint8)
    rows[2, 1 : 1 + len(labels)] = labels
    return rows


def check(masks: list[np.ndarray], tags: list[tuple | None], classes=ONE_CLASS) -> CheckReport:
    """The report on images 'i0', 'i1', ...; None: an image without a tags entry."""
    report = CheckReport('t')
    contents = {f'i{number}': mask_content(one) for number, one in enumerate(masks)}
    known = {f'i{number}': one for number, one in enumerate(tags) if one is not None}
    check_ground_truth(report, contents, known, classes)
    return report


def test_content_of_a_mask():
    found = mask_content(mask(7, 255, 3))
    assert (found.labels, found.foreground, found.has_void) == ((0, 3, 7), (3, 7), True)
    assert found.border == 'background'
    assert mask_content(mask(outside=255)).border == 'void'
    assert mask_content(mask(0, outside=2)).border == 'foreground'
    assert mask_content(np.array([[1], [1], [0]], np.uint8)).border == 'foreground'


def test_tags_and_masks_that_agree_are_passed_over():
    report = check([mask(1), mask(2, 255), mask(1, 2), mask()], [(1,), (2,), (1, 2), ()], CLASSES)
    assert report.rows == [('masks by class', 'background 4, cat 2, dog 2')]
    assert not report.problems and not report.remarks


def test_masks_of_0_and_255():
    report = check([mask(255)] * 8, [(1,)] * 8)
    (problem,) = report.problems
    assert problem.startswith(
        '8 images are tagged animal, and no mask of them shows it (label 1; i0, i1, i2, i3, i4, '
        '...). 8 of them have 255, which does not count: if 255 means animal, write 1 instead.'
    )


def test_masks_of_255_and_0_inverted():
    report = check([mask(0, outside=255)] * 6 + [mask(outside=255)] * 2, [(1,)] * 6 + [()] * 2)
    (problem,) = report.problems
    assert '255 means background and 0 means animal, write 0 and 1 instead' in problem
    assert report.remarks == ['2 masks are 255 alone, which does not count (i6, i7).']


@pytest.mark.parametrize(
    'one, text',
    [
        (mask(outside=1), 'show animal (label 1) and nothing else'),
        (mask(1, outside=255), 'if it means background, write 0 instead'),
        (mask(), 'show background (label 0) and nothing else'),
        (mask(255), 'if it means a class, write its label instead'),
        (mask(outside=255), 'are 255 alone'),
    ],
    ids=['object everywhere', 'background is 255', 'background', '255 in background', '255'],
)
def test_a_ground_truth_of_one_label_needs_no_tags_to_be_wrong(one, text):
    (problem,) = check([one] * 3, [None] * 3).problems
    assert text in problem
    report = check([one] * 2, [None] * 2)  # too few to be sure
    assert not report.problems and text in report.remarks[0]


def test_inverted_masks():
    tagged, bare = mask(0, outside=1), mask(outside=1)
    report = check([tagged] * 4 + [bare] * 3, [(1,)] * 4 + [()] * 3)
    (problem,) = report.problems
    assert 'all 3 images without tags show no background' in problem and 'inverted' in problem
    report = check([tagged] * 4, [(1,)] * 4)
    assert not report.problems
    (remark,) = report.remarks
    assert remark.startswith('in 4 of 4 masks the border of the image is foreground')
    assert not check([tagged] + [mask(1)] * 3, [(1,)] * 4).remarks  # a close-up among others


def test_classes_in_another_order():
    report = check([mask(2)] * 4 + [mask(1)] * 3, [(1,)] * 4 + [(2,)] * 3, CLASSES)
    first, second = report.problems
    assert first.startswith('4 images are tagged cat') and '4 of them show dog (label 2)' in first
    assert second.startswith('3 images are tagged dog') and '--classes' in second


def test_a_class_that_the_masks_leave_out():
    report = check([mask(1)] * 4, [(1, 2)] * 4, CLASSES)
    (problem,) = report.problems
    assert problem.startswith('4 images are tagged dog') and 'leave it out' in problem
    assert not report.remarks


def test_a_class_that_is_never_tagged():
    report = check([mask(1, 2)] * 4, [(1,)] * 4, CLASSES)
    (problem,) = report.problems
    assert problem.startswith('4 masks show dog (label 2), and no image of them is tagged with it')


def test_two_images_are_too_few_to_refuse():
    report = check([mask(1)] * 4, [(1, 2)] * 2 + [(1,)] * 2, CLASSES)
    assert not report.problems
    assert report.remarks[0].startswith('2 images are tagged dog, and no mask of them shows it')


def test_single_contradictions_are_counted():
    masks = [mask(1)] * 5 + [mask(2)] * 3 + [mask(1, 2)]
    tags = [(1,)] * 4 + [(1, 2)] + [(2,)] * 3 + [(1,)]
    report = check(masks, tags, CLASSES)
    assert not report.problems
    assert report.remarks == [
        '1 of 9 images are tagged with a class that their mask does not show: dog 1 of 4 (i4).',
        '1 of 9 images are not tagged with a class that their mask shows: dog 1 of 4 (i8).',
    ]


def test_a_class_that_no_mask_shows_is_remarked():
    (remark,) = check([mask(1)] * 4, [(1,)] * 4, CLASSES).remarks
    assert remark.startswith('no mask shows dog') and '2 of 3 are shown' in remark
    (remark,) = check([mask(2, outside=1)] * 2, [(1, 2)] * 2, CLASSES).remarks
    assert remark.startswith('no mask shows background')


def test_images_without_a_tags_entry_are_not_compared():
    report = check([mask(1)] * 4 + [mask(2)], [(1,)] * 4 + [None], CLASSES)
    assert not report.problems and not report.remarks
    report = CheckReport('t')
    check_ground_truth(report, {}, {'i': (1,)}, CLASSES)
    assert not report.rows and not report.remarks
