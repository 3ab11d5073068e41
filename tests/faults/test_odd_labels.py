"""Labels as they come: tags, seeds and class lists that are odd, from the file to the score."""

import json

import numpy as np
import pytest
import torch
from helpers.classifier_run import build_config, write_data
from helpers.network_run import TRAINING_CONFIG as CONFIG
from helpers.seed_generators import build_generator, build_images
from helpers.seed_roots import CLASSES, PALETTE, SEED_NAMES, write_images, write_split
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from mmseg_wsss.apis import generate_seeds
from mmseg_wsss.datasets import FolderSeedDataset
from mmseg_wsss.evaluation import score_masks
from mmseg_wsss.generation import SeedImage
from mmseg_wsss.registry import MODELS
from mmseg_wsss.seeds import aggregate_seeds
from mmseg_wsss.store import SeedManifest, SeedStore, read_mask

SHAPE = (24, 32)


@pytest.mark.parametrize(
    'tags, message',
    [
        ({'a': ['red'], 'b': ['green'], 'c': []}, 'no tags entry, first d'),
        ({'a': ['rde'], 'b': [], 'c': [], 'd': []}, "key 'a': tag 'rde' .*did you mean 'red'"),
        ({'a': ['red', 'red'], 'b': [], 'c': [], 'd': []}, "tag 'red' is given twice"),
        ({'a': ['background'], 'b': [], 'c': [], 'd': []}, 'background, which is no tag'),
        ({'a': 'red', 'b': [], 'c': [], 'd': []}, "key 'a': expected a list"),
        ({}, 'there are no tags'),
    ],
    ids=['missing', 'misspelt', 'twice', 'background', 'no list', 'empty file'],
)
def test_tags_that_are_wrong_stop_before_a_seed_is_made(tmp_path, tags, message):
    write_data(tmp_path)
    config = build_config(tmp_path)
    (tmp_path / 'tags.json').write_text(json.dumps(tags))
    with pytest.raises(ValueError, match=rf'tags\.json.*{message}'):
        generate_seeds(config, MODELS.build(config.model), num_workers=0)
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize(
    'line, message',
    [
        ('a,1,2', "csv:2: value '2', expected 0 or 1"),
        ('a,1,0.5', "csv:2: value '0.5', expected 0 or 1"),
        ('a,1,0\na,0,1', "csv:3: duplicate image id 'a'"),
        ('a,1', 'csv:2: 2 cells, expected 3'),
        (',1,0', 'image id is empty'),
    ],
)
def test_a_table_of_tags_that_is_wrong_names_the_line(tmp_path, line, message):
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.train_dataloader.dataset.tags_file = 'tags.csv'
    (tmp_path / 'tags.csv').write_text(f'image_id,red,green\n{line}\n')
    with pytest.raises(ValueError, match=message):
        generate_seeds(config, MODELS.build(config.model), num_workers=0)


def test_a_classifier_of_another_number_of_classes_is_refused(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.model.head.num_classes = 20
    with pytest.raises(ValueError, match='num_classes is 20, but the data set has 2'):
        generate_seeds(config, MODELS.build(config.model), num_workers=0)


def test_no_class_and_all_classes_at_once(tmp_path):
    path = build_images(tmp_path, 1)[0].path
    images = [SeedImage('none', path, ()), SeedImage('all', path, (1, 2, 3))]
    summary = build_generator(refine='irn').run(images, tmp_path / 'seeds')
    assert summary.empty == ['none']
    for folder in ('0.00-1.00', '0.30-1.20', 'aggregated'):
        assert not read_mask(tmp_path / 'seeds' / folder / 'none.png').any()
        labels = np.unique(read_mask(tmp_path / 'seeds' / folder / 'all.png', num_classes=4))
        assert 255 not in labels and labels.max() > 0


@pytest.fixture
def project(tmp_path):
    """Write a seed root of which one image has 255 everywhere, one in part, one nowhere."""
    ids = ['all', 'some', 'none']
    write_images(tmp_path / 'images', ids, SHAPE)
    write_split(tmp_path / 'train.txt', ids)
    manifest = SeedManifest(
        classes=CLASSES,
        palette=PALETTE,
        seeds=[dict(name=name, dropout=None, scale=None) for name in SEED_NAMES],
        images=ids,
    )
    store = SeedStore(tmp_path / 'seeds')
    store.open(manifest)
    rng = np.random.default_rng(0)
    for image_id in ids:
        seeds = rng.integers(0, 3, (3, *SHAPE), np.uint8)
        if image_id != 'none':
            seeds[:, :16] = 255
        seeds[:2, 18:20] = 255  # a single vote
        if image_id == 'all':
            seeds[:] = 255
        masks = dict(zip(SEED_NAMES, seeds, strict=True))
        store.write(image_id, masks, *aggregate_seeds(seeds, 3), PALETTE)
    (tmp_path / 'config.py').write_text(CONFIG.replace('DATA', str(tmp_path)))
    return tmp_path


@pytest.mark.parametrize('image_id', ['all', 'some', 'none'])
def test_ignored_pixels_of_the_seeds_teach_nothing(project, image_id):
    """Training on one image: finite, and its ignored pixels have no gradient."""
    write_split(project / 'train.txt', [image_id])
    config = Config.fromfile(project / 'config.py')
    init_default_scope('mmseg')
    pipeline = [step for step in config.train_pipeline if step['type'] != 'RandomFlip']
    dataset = dict(config.train_dataloader.dataset, pipeline=pipeline)
    loader = Runner.build_dataloader(dict(config.train_dataloader, dataset=dataset))
    model = MODELS.build(config.model).train()
    data = model.data_preprocessor(next(iter(loader)), training=True)
    kept = {}

    def keep(module, inputs, output):
        kept['logits'] = output
        output.retain_grad()

    model.decode_head.conv_seg.register_forward_hook(keep)
    losses = model(data['inputs'], data['data_samples'], mode='loss')
    total = sum(value for name, value in losses.items() if 'loss' in name)
    total.backward()
    assert torch.isfinite(total)
    gradient = kept['logits'].grad[0].abs().sum(dim=0)
    label = read_mask(project / 'seeds' / 'aggregated' / f'{image_id}.png')
    ignored = torch.from_numpy(label) == 255
    assert torch.isfinite(gradient).all()
    # The output is smaller than the image: rows of it that lie in ignored rows, like their
    # neighbours, from which the resizing mixes.
    inside = ignored.view(len(gradient), len(ignored) // len(gradient), -1).all(dim=2).all(dim=1)
    inside = inside & inside.roll(1) & inside.roll(-1)
    assert inside.any() or image_id == 'none'
    assert not gradient[inside].any()
    assert bool(gradient.any()) == (image_id != 'all')


@pytest.mark.parametrize(
    'classes', [('background', 'dog', 'cat'), ('background', 'cat'), ('cat', 'dog', 'background')]
)
def test_another_class_list_than_the_manifest_is_refused(project, classes):
    with pytest.raises(ValueError, match=r'manifest\.json: the seeds were made for 3 classes'):
        FolderSeedDataset(
            seed_root=str(project / 'seeds'),
            ann_file=str(project / 'train.txt'),
            data_prefix=dict(img_path=str(project / 'images')),
            metainfo=dict(classes=classes),
        )


def test_reduce_zero_label_is_refused(project):
    with pytest.raises(ValueError, match='reduce_zero_label=True would drop label 0'):
        FolderSeedDataset(
            seed_root=str(project / 'seeds'),
            ann_file=str(project / 'train.txt'),
            reduce_zero_label=True,
        )


def test_a_segmentor_of_too_few_classes_names_them(project):
    """Its loss says which label it cannot learn, in place of a crash in an indexing kernel."""
    config = Config.fromfile(project / 'config.py')
    init_default_scope('mmseg')
    config.model.decode_head.num_classes = 2
    model = MODELS.build(config.model).train()
    loader = Runner.build_dataloader(config.train_dataloader)
    data = model.data_preprocessor(next(iter(loader)), training=True)
    with pytest.raises(ValueError, match=r'\[2, 258\] are out of range.* 2 classes'):
        model(data['inputs'], data['data_samples'], mode='loss')


def test_scores_of_classes_that_are_absent():
    """Class 1 is right in part, 2 predicted but absent, 3 absent from both, 0 missed throughout."""
    truth = np.array([[1, 1, 1, 0, 255]], np.uint8)
    given = np.array([[1, 1, 2, 2, 3]], np.uint8)
    score = score_masks([(truth, given)], 4)
    assert score.iou[:3] == pytest.approx([0, 2 / 3, 0]) and np.isnan(score.iou[3])
    assert score.miou == pytest.approx(2 / 9)
    metric = IoUMetric()
    metric.dataset_meta = dict(classes=['a', 'b', 'c', 'd'])
    sample = SegDataSample(
        gt_sem_seg=PixelData(data=torch.from_numpy(truth)[None].long()),
        pred_sem_seg=PixelData(data=torch.from_numpy(given)[None].long()),
    )
    metric.process({}, [sample.to_dict()])
    assert metric.evaluate(1)['mIoU'] == pytest.approx(100 * score.miou, abs=0.005)
    assert np.isnan(score_masks([(np.full((2, 2), 255, np.uint8),) * 2], 4).miou)
