"""The hook after a real, tiny training: seeds of the weights in memory, as the tool would make."""

import json

import pytest
import torch
from helpers.classifier_run import CLASSES, build_config, files_of, write_data
from mmengine.runner import Runner

from mmseg_wsss.apis import generate_seeds
from mmseg_wsss.generation import read_images
from mmseg_wsss.registry import MODELS
from mmseg_wsss.store import SeedStore
from mmseg_wsss.utils.checkpoint import load_weights


def test_seeds_after_training_equal_those_of_the_checkpoint(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    Runner.from_cfg(config.copy()).train()
    root = tmp_path / 'work' / 'seeds'
    found = files_of(root)
    folders = ['0.10-1.00', '0.30-1.20', 'aggregated', 'agreement', 'losing_votes']
    assert sorted(found) == [f'{folder}/{i}.png' for folder in folders for i in 'abcd']
    seeds = SeedStore(root).read_seeds('d', folders[:2], (32, 40), len(CLASSES))
    assert not seeds.any()
    manifest = json.loads((root / 'manifest.json').read_text())
    assert manifest['classes'] == list(CLASSES)
    assert manifest['images'] == list('abcd')

    model = MODELS.build(config.model)
    load_weights(model, tmp_path / 'work' / 'epoch_1.pth')
    # The same manifest: what the hook made is complete, and made anew it is the same.
    assert generate_seeds(config, model, num_workers=0).skipped == 4
    generate_seeds(config, model, out=tmp_path / 'again', num_workers=0)
    assert files_of(tmp_path / 'again') == found
    assert json.loads((tmp_path / 'again' / 'manifest.json').read_text()) == manifest


def test_another_training_is_refused_or_overwrites(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    Runner.from_cfg(config.copy()).train()
    config.randomness = dict(seed=1)
    config.experiment_name = 'second'
    with pytest.raises(ValueError, match='checkpoint_sha256'):
        Runner.from_cfg(config.copy()).train()
    config.custom_hooks[0].overwrite = True
    config.experiment_name = 'third'
    Runner.from_cfg(config.copy()).train()
    assert len(files_of(tmp_path / 'work' / 'seeds')) == 20


def test_images_of_the_config(tmp_path):
    write_data(tmp_path)
    images, classes, palette = read_images(build_config(tmp_path).train_dataloader.dataset)
    assert [(image.image_id, image.tags) for image in images] == [
        ('a', (1,)),
        ('b', (2,)),
        ('c', (1, 2)),
        ('d', ()),
    ]
    assert classes == list(CLASSES) and palette is None
    assert images[0].path == str(tmp_path / 'images' / 'a.png')


def test_bad_sections(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    model = MODELS.build(config.model)
    with pytest.raises(ValueError, match=r"seed_generation.*'drawings'"):
        generate_seeds(config, model, drawings=3)
    with pytest.raises(ValueError, match='BaseSegDataset; expected a TagsDataset'):
        generate_seeds(
            config,
            model,
            dataset=dict(type='mmseg.BaseSegDataset', ann_file=str(tmp_path / 'train.txt')),
        )
    no_data = config.copy()
    no_data.train_dataloader = dict()
    with pytest.raises(ValueError, match='no images'):
        generate_seeds(no_data, model)
    nowhere = config.copy()
    nowhere.work_dir = None
    with pytest.raises(ValueError, match='no place'):
        generate_seeds(nowhere, model)
    (tmp_path / 'tags.json').write_text(json.dumps({'a': ['red'], 'b': [], 'c': []}))
    with pytest.raises(ValueError, match='tags entry'):
        generate_seeds(config, model)
    assert not (tmp_path / 'work').exists()
    assert torch.is_tensor(model.head.class_weight)


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'seed_generation.refine': 'dcrf'}, "refine must be None, one of .*, got 'dcrf'"),
        ({'seed_generation.refin': 'irn'}, "unknown key 'refin'; it may hold seeds, scales"),
        ({'seed_generation.seeds': []}, 'seeds is empty'),
        ({'seed_generation.seeds': [0.1]}, r'seeds holds 0.1, expected \(dropout, scale\)'),
        ({'seed_generation.scales': (0,)}, 'scales must be numbers above 0'),
        ({'seed_generation.scales': [float('inf')]}, 'scales must be numbers above 0'),
        ({'seed_generation.scales': 1.0}, 'scales must be a list, got 1.0'),
        ({'seed_generation.seeds': 5}, 'seeds must be a list, got 5'),
        ({'seed_generation.flip': 'yes'}, "flip must be True or False, got 'yes'"),
        ({'seed_generation.random_seed': 'abc'}, "random_seed must be an integer, got 'abc'"),
        ({'seed_generation.crf': dict(iteratons=3)}, "crf: .*'iteratons'"),
        ({'seed_generation.crf': dict(iterations='x')}, 'crf: '),
        ({'seed_generation.aggregate': 'lowest'}, "aggregate must be a dict, got 'lowest'"),
        ({'seed_generation.compile_backend': 'indctor'}, "compile_backend is 'indctor'"),
        ({'seed_generation.num_draws': 0}, 'num_draws must be an integer of at least 1'),
        ({'seed_generation.aggregate': dict(ties='lowest')}, "aggregate has no 'ties'"),
        ({'seed_generation.aggregate': dict(tie='first')}, "aggregate.tie .*, got 'first'"),
        ({'seed_generation.background': dict(kind='none')}, "background score 'none'"),
        ({'model.head.num_classes': 3}, 'num_classes is 3, but the data set has 2'),
    ],
)
def test_what_cannot_make_seeds_stops_before_the_training(tmp_path, changes, message):
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.merge_from_dict(changes)
    with pytest.raises(ValueError, match=message):
        Runner.from_cfg(config).train()
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_a_data_set_that_cannot_make_seeds_stops_before_the_training(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    dataset = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[dataset, dataset])
    with pytest.raises(
        ValueError, match='a ConcatDataset, cannot be built .*; expected a TagsDataset'
    ):
        Runner.from_cfg(config).train()


def test_more_classes_than_a_mask_can_hold_stop_before_the_training(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    more = tuple(f'class {number}' for number in range(253))
    config.train_dataloader.dataset.metainfo.classes = (*CLASSES, *more)
    config.model.head.num_classes = 255
    with pytest.raises(ValueError, match='255 foreground classes; 8-bit masks hold at most 254'):
        Runner.from_cfg(config).train()


def test_no_refinement_may_be_written_as_a_word(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    model = MODELS.build(config.model)
    generate_seeds(config, model, out=tmp_path / 'a', num_workers=0, refine=None, report=False)
    generate_seeds(config, model, out=tmp_path / 'b', num_workers=0, refine='none', report=False)
    assert files_of(tmp_path / 'a') == files_of(tmp_path / 'b')
    # Settings are compared by what they mean, not by how they are written.
    again = dict(num_workers=0, refine='none', batch_size=1, report=False)
    assert generate_seeds(config, model, out=tmp_path / 'a', **again).made == 0


def test_where_the_initial_weights_came_from_does_not_matter(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    model = MODELS.build(config.model)
    generate_seeds(config, model, out=tmp_path / 'a', num_workers=0, report=False)
    config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='elsewhere.pth')
    assert generate_seeds(config, model, out=tmp_path / 'a', num_workers=0, report=False).made == 0
    config.seed_generation.scales = (1.0,)
    with pytest.raises(ValueError, match=r'parameters.scales: \[1.0\] here, \[1.0, 2.0\] there'):
        generate_seeds(config, model, out=tmp_path / 'a', num_workers=0, report=False)
