"""Tags that teach a classifier nothing."""

from __future__ import annotations

import pytest

from mmseg_wsss.checks.tags import tag_remarks

CLASSES = ('background', 'cat', 'dog', 'cow')
TOLD_APART = [(1,), (2,), (3,), (1, 2, 3)]


@pytest.mark.parametrize('tags', [[], TOLD_APART, [*TOLD_APART, ()]])
def test_tags_that_tell_all_classes_apart(tags):
    assert tag_remarks(tags, CLASSES) == []


def test_a_class_that_every_image_has():
    (remark,) = tag_remarks([(1,)] * 8, CLASSES[:2])
    assert remark.startswith('every training image is tagged cat: this teaches a classifier noth')
    (remark,) = tag_remarks([(1,)] * 8, CLASSES[:2], training=False)
    assert remark.startswith('every validation image is tagged cat: its average precision is 100')
    (remark,) = tag_remarks([(1, 2), (1, 2), (1, 2, 3)], CLASSES)
    assert remark.startswith('every training image is tagged cat, dog:')
    assert not tag_remarks([(1,)] * 8 + [()], CLASSES[:2])


def test_a_class_that_no_image_has():
    assert tag_remarks([(1,), (2,)], CLASSES) == [
        'no training image is tagged cow: nothing can be learnt of it.'
    ]
    assert tag_remarks([(1,), (2,)], CLASSES, training=False) == [
        'no validation image is tagged cow: nothing can be said of it.'
    ]


def test_classes_that_always_come_together():
    (remark,) = tag_remarks([(1, 2)] * 3 + [(3,)], CLASSES)
    assert remark.startswith('cat and dog are tagged in the same 3 images:')
    assert not tag_remarks([(1, 2)] * 2 + [(3,)], CLASSES)  # may be a coincidence
    assert not tag_remarks([(1, 2)] * 3 + [(3,)], CLASSES, training=False)
