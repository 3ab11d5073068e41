"""The mIoU against scikit-learn, what it leaves out, and the names of written predictions."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from sklearn.metrics import jaccard_score

from mmseg_wsss.engine.metrics import SegmentationMetric
from mmseg_wsss.registry import METRICS
from mmseg_wsss.store import read_mask

CLASSES = ('background', 'cat', 'dog')


def sample(prediction, label=None, path: str = 'photos/a.jpg') -> dict:
    """An image as the evaluator hands it over."""
    found = dict(pred_sem_seg=dict(data=torch.tensor(prediction)[None]), img_path=path)
    if label is not None:
        found['gt_sem_seg'] = dict(data=torch.tensor(label)[None])
        found['seg_map_path'] = path.replace('photos', 'masks')
    return found


def make(classes=CLASSES, **options) -> SegmentationMetric:
    metric = METRICS.build(dict(type='SegmentationMetric', iou_metrics=['mIoU'], **options))
    metric.dataset_meta = dict(classes=classes, palette=[[0, 0, 0], [9, 0, 0], [0, 9, 0]])
    return metric


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    """What is logged about the ground truth."""
    found = []

    def keep(level: int, text: str) -> None:
        if 'ground truth' in text:
            found.append(text)

    monkeypatch.setattr(MMLogger.get_current_instance(), 'log', keep)
    return found


def test_the_miou_is_that_of_scikit_learn(warnings):
    generator = np.random.default_rng(0)
    predictions, labels = generator.integers(0, 3, (2, 4, 9, 7))
    labels[generator.random(labels.shape) < 0.2] = 255
    metric = make()
    for prediction, label in zip(predictions, labels, strict=True):
        metric.process({}, [sample(prediction, label)])
    scores = metric.evaluate(4)
    counted = labels != 255
    expected = jaccard_score(labels[counted], predictions[counted], average='macro')
    assert scores['mIoU'] == pytest.approx(100 * expected, abs=0.005)
    assert scores['mIoU_classes'] == 3 and not warnings


def test_a_ground_truth_of_background_says_that_its_100_is_of_one_class(warnings):
    metric = make(('background', 'animal'))
    metric.process({}, [sample([[0, 0], [0, 0]], [[0, 255], [0, 255]])])
    scores = metric.evaluate(1)
    assert (scores['mIoU'], scores['mIoU_classes']) == (100.0, 1)
    (warning,) = warnings
    assert 'never shows animal.' in warning and '1 of 2 classes' in warning


def test_a_class_that_is_only_predicted_counts_as_0(warnings):
    metric = make()
    metric.process({}, [sample([[0, 0, 1, 2]], [[0, 0, 1, 1]])])
    scores = metric.evaluate(1)
    # background 2 / 2, cat 1 / 2, dog 0 / 1
    assert scores['mIoU'] == pytest.approx(50.0) and scores['mIoU_classes'] == 3
    assert 'never shows dog.' in warnings[0]


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match=r'masks/a\.jpg: label 128, expected 0 to 2 or 255'):
        make().process({}, [sample([[0, 0]], [[0, 128]])])


@pytest.mark.parametrize('root', ['photos', '../photos', '/somewhere/photos'])
def test_predictions_keep_the_folders_of_their_images(tmp_path, root):
    metric = make(output_dir=str(tmp_path), image_folder=root, format_only=True)
    paths = ('a.jpg', 'camA/a.jpg', 'camB/a.v2.jpg')
    for label, path in enumerate(paths):
        metric.process({}, [sample([[label, 0]], path=f'{root}/{path}')])
    written = {p.relative_to(tmp_path).as_posix(): read_mask(p) for p in tmp_path.rglob('*.png')}
    assert {name: mask[0, 0] for name, mask in written.items()} == {
        'a.png': 0, 'camA/a.png': 1, 'camB/a.v2.png': 2,
    }  # fmt: skip
    assert metric.evaluate(3) == {}


def test_two_predictions_never_share_a_file(tmp_path):
    metric = make(output_dir=str(tmp_path), format_only=True)
    metric.process({}, [sample([[1]], path='photos/camA/a.jpg')])
    metric.process({}, [sample([[1]], path='photos/camA/a.jpg')])  # a second evaluation
    with pytest.raises(ValueError, match=r'camB/a\.jpg and .*camA/a\.jpg: two images of one name'):
        metric.process({}, [sample([[2]], path='photos/camB/a.jpg')])
    assert read_mask(tmp_path / 'a.png').tolist() == [[1]]
    metric = make(output_dir=str(tmp_path), image_folder='elsewhere', format_only=True)
    with pytest.raises(ValueError, match='not in the folder of the images'):
        metric.process({}, [sample([[1]])])


def test_zero_labels_are_reduced_in_files_alone(tmp_path):
    metric = make(output_dir=str(tmp_path), format_only=True)
    metric.process({}, [sample([[0, 2]]) | dict(reduce_zero_label=True)])
    assert read_mask(tmp_path / 'a.png').tolist() == [[1, 3]]


def evaluator(root: Path, folder: Path, monkeypatch, text: str, *options: str):
    """The evaluator that tools/test.py makes of a config."""
    tool = runpy.run_path(str(root / 'tools' / 'test.py'))
    (folder / 'config.py').write_text(text)
    arguments = ['test.py', str(folder / 'config.py'), 'weights.pth', *options]
    monkeypatch.setattr(sys, 'argv', arguments)
    return tool['build_config'](tool['parse_args']()).test_evaluator


DATA = "dict(dataset=dict(type='A', data_root='d', data_prefix=dict(img_path='../photos')))"


@pytest.mark.parametrize(
    'text', ["dict(type='IoUMetric')", "[dict(type='mmseg.IoUMetric', beta=2), dict(type='Other')]"]
)
def test_the_command_writes_by_the_folder_of_the_images(tmp_path, monkeypatch, root, text):
    monkeypatch.chdir(tmp_path)
    text = f'test_dataloader = {DATA}\ntest_evaluator = {text}'
    metric = evaluator(root, tmp_path, monkeypatch, text)
    metric = metric[0] if isinstance(metric, list) else metric
    assert metric.type == 'mmseg_wsss.SegmentationMetric' and 'output_dir' not in metric
    metric = evaluator(root, tmp_path, monkeypatch, text, '--out', 'masks')
    metric = metric[0] if isinstance(metric, list) else metric
    assert (metric.output_dir, metric.image_folder) == ('masks', str(tmp_path / 'photos'))


def test_the_command_says_what_cannot_be_tested_or_written(tmp_path, monkeypatch, root):
    with pytest.raises(ValueError, match=r'config\.py: there is nothing to test on'):
        evaluator(root, tmp_path, monkeypatch, 'test_dataloader = None')
    text = f"test_dataloader = {DATA}\ntest_evaluator = dict(type='MultiLabelMetric')"
    with pytest.raises(ValueError, match='--out writes masks: it needs a segmentor'):
        evaluator(root, tmp_path, monkeypatch, text, '--out', 'masks')
