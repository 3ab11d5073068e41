"""Ground truth with the seeds' classes and with others."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import GroundTruthFolder
from mmseg_wsss.store import write_mask

CLASSES = ('background', 'dog', 'cat')


@pytest.fixture
def folder(tmp_path):
    write_mask(tmp_path / 'sub' / 'a.png', np.array([[0, 1, 2, 3, 255]], np.uint8))
    return tmp_path


def test_classes_are_matched_by_name(folder):
    truth = GroundTruthFolder(folder, ('background', 'cat', 'horse', 'dog'))
    assert truth.read('sub/a', (1, 5), CLASSES).tolist() == [[0, 2, 255, 1, 255]]


def test_a_label_beyond_the_classes_is_refused(folder):
    with pytest.raises(ValueError, match=r'a\.png: label 3, expected 0 to 2'):
        GroundTruthFolder(folder).read('sub/a', (1, 5), CLASSES)
    four = GroundTruthFolder(folder).read('sub/a', (1, 5), (*CLASSES, 'horse'))
    assert four.tolist() == [[0, 1, 2, 3, 255]]


def test_files_are_named(folder):
    truth = GroundTruthFolder(folder)
    with pytest.raises(FileNotFoundError, match=r'b\.png: there is no such mask'):
        truth.read('b', (1, 5), CLASSES)
    with pytest.raises(ValueError, match='expected 5 x 1'):
        truth.read('sub/a', (5, 1), CLASSES)
