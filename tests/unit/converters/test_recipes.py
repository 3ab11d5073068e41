"""Networks and schedules by size of the data set, hardware and weights."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmseg_wsss.converters.recipes import (
    BACKBONES,
    CLASSIFIER_VIEWS,
    MAX_EPOCHS,
    TINY_SET,
    AffinityRecipe,
    choose_recipe,
    recognise_backbone,
)
from mmseg_wsss.registry import MODELS

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def nothing_downloaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))


@pytest.mark.parametrize('gpu', [None, 12.0, 80.0])
@pytest.mark.parametrize('number', [1, 2, 7, 32, 500, 1_999, 2_000, 10_582, 80_000])
def test_schedules_are_long_enough_and_hang_together(number, gpu):
    recipe = choose_recipe(number, gpu)
    name = 'mobilenetv2' if gpu is None else 'resnet50'
    backbone = BACKBONES[name]
    assert (recipe.cls_base, recipe.pnl_base) == (backbone.cls_base, backbone.pnl_base)
    epochs = recipe.cls['train_cfg']['max_epochs']
    assert epochs == MAX_EPOCHS or epochs * number >= CLASSIFIER_VIEWS[name]
    assert recipe.cls['param_scheduler'][-1]['end'] == epochs
    assert 1 <= recipe.cls['train_cfg']['val_interval'] <= epochs
    iterations = recipe.pnl['train_cfg']['max_iters']
    warm_up, decay = recipe.pnl['param_scheduler']
    assert warm_up['end'] == decay['begin'] < decay['end'] == iterations
    assert iterations >= (300 if gpu is None else 2_000)
    tiny = number < TINY_SET
    threshold = 'auto'
    if gpu is None:
        threshold = 0.5 if number < 400 else 0.45 if number < 1_000 else 0.35
    assert recipe.cls['seed_generation']['background'] == dict(threshold=threshold)
    assert 'no mask of these' in recipe.reasons[-1]
    said = 'found from' if threshold == 'auto' else f'threshold: {threshold}, '
    assert said in recipe.reasons[-1]
    assert ('frozen_stages' in recipe.cls['model']['backbone']) == tiny
    assert recipe.affinity is None


@pytest.mark.parametrize(('gpu', 'name'), [(None, 'mobilenetv2'), (80.0, 'resnet50')])
@pytest.mark.parametrize(('number', 'iterations'), [(40, 300), (300, 300), (2_000, 2_000)])
def test_learned_affinity_by_the_number_of_photographs(gpu, name, number, iterations):
    plain, recipe = (choose_recipe(number, gpu, affinity=wanted) for wanted in (None, ''))
    assert (recipe.cls, recipe.pnl) == (plain.cls, plain.pnl)
    affinity = recipe.affinity
    labels = re.sub('affinity(-boundary)?-net', 'affinity-labels', affinity.base)
    section = Config.fromfile(ROOT / 'configs' / labels).seed_generation
    assert [one.threshold for one in section.background] == list(affinity.thresholds)
    base = Config.fromfile(ROOT / 'configs' / affinity.base)
    base.merge_from_dict(affinity.changes)
    assert base.train_cfg.max_iters == base.param_scheduler[0].end == iterations
    assert 3 * base.default_hooks.checkpoint.interval >= iterations
    assert base.model.backbone.init_cfg == recipe.cls['model']['backbone']['init_cfg']
    assert f'affinity network: {iterations:,} iterations' in recipe.reasons[-2]
    assert 'found from the labels of the affinity network' in recipe.reasons[-1]
    twice = choose_recipe(number, gpu, affinity='', affinity_rounds=2)
    assert twice.affinity == replace(affinity, rounds=2)
    assert twice.reasons[-2] == f'two {recipe.reasons[-2].replace("network", "networks")}'
    other = choose_recipe(number, gpu, affinity='mine.py')
    assert other.affinity == AffinityRecipe(
        'mine.py', affinity.thresholds, second_thresholds=affinity.second_thresholds
    )
    assert other.reasons[-2:] == ('affinity network: that of mine.py', recipe.reasons[-1])


@pytest.mark.parametrize(('name', 'last'), [('mobilenetv2', 'layer7'), ('resnet50', 'layer4')])
def test_the_classifier_of_a_tiny_set_trains_its_last_stage_and_head(name, last):
    init_default_scope('mmpretrain')
    recipe = choose_recipe(40, None if name == 'mobilenetv2' else 80.0)
    config = Config.fromfile(str(ROOT / 'configs' / recipe.cls_base)).model.backbone
    config.update(recipe.cls['model']['backbone'])
    config.pop('init_cfg')
    backbone = MODELS.build(config)
    backbone.train()
    trained = [name for name, value in backbone.named_parameters() if value.requires_grad]
    assert {name.split('.')[0] for name in trained} == {last}


def test_small_sets_learn_gently_and_large_ones_as_the_configs_say():
    small, large = choose_recipe(100, 80.0), choose_recipe(10_582, 80.0)
    for part in (small.cls, small.pnl):
        optimizer = part['optim_wrapper']['optimizer']
        assert (optimizer['type'], optimizer['_delete_']) == ('AdamW', True)
        assert optimizer['lr'] <= 1e-4
    assert 'optim_wrapper' not in large.cls and 'optim_wrapper' not in large.pnl
    assert large.cls['train_cfg']['max_epochs'] == 5
    # The 64 epochs of VOC's 40,000 iterations.
    assert large.pnl['train_cfg']['max_iters'] == 40_000
    assert choose_recipe(4_000, 80.0).pnl['train_cfg']['max_iters'] == 16_000


@pytest.mark.parametrize(('memory', 'batch'), [(80.0, 16), (24.0, 8), (11.0, 4)])
def test_batches_fit_the_memory(memory, batch):
    assert choose_recipe(5_000, memory).pnl['train_dataloader']['batch_size'] == batch


def test_weights_that_are_there_are_preferred(tmp_path):
    assert 'downloaded' in choose_recipe(40).reasons[0]
    weights = tmp_path / 'hub' / 'hub' / 'checkpoints'
    weights.mkdir(parents=True)
    for name in ('resnet50-0676ba61.pth', 'resnet50_v1c-2cccc1ad.pth'):
        (weights / name).touch()
    recipe = choose_recipe(40)
    assert recipe.reasons[0] == 'backbone ResNet-50: its weights are there'
    assert recipe.cls['model']['backbone']['init_cfg']['checkpoint'] == 'torchvision://resnet50'
    (tmp_path / 'weights').mkdir()
    (tmp_path / 'weights' / 'mobilenet_v2_imagenet.pth').touch()
    recipe = choose_recipe(40)
    assert recipe.reasons[0] == 'backbone MobileNetV2: trains on a CPU'
    start = recipe.pnl['model']['backbone']['init_cfg']
    assert start == dict(type='Pretrained', checkpoint='weights/mobilenet_v2_imagenet.pth')
    assert 'ResNet-50' in choose_recipe(40, 80.0).reasons[0]


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
@pytest.mark.parametrize('name', BACKBONES)
def test_given_weights_decide(tmp_path, name, prefix):
    init_default_scope('mmseg')
    config = Config.fromfile(str(ROOT / 'configs' / BACKBONES[name].cls_base)).model.backbone
    config.pop('init_cfg')
    state = MODELS.build(config).state_dict()
    path = tmp_path / 'w.pth'
    torch.save({'state_dict': {prefix + key: value for key, value in state.items()}}, path)
    assert recognise_backbone(str(path)) == (name, prefix)
    recipe = choose_recipe(40, None, str(path))
    assert recipe.cls_base == BACKBONES[name].cls_base
    start = recipe.cls['model']['backbone']['init_cfg']
    assert start['checkpoint'] == str(path) and start.get('prefix', '') == prefix


def test_weights_of_another_network(tmp_path):
    torch.save({'layer.weight': torch.zeros(1)}, tmp_path / 'w.pth')
    with pytest.raises(ValueError, match=r'w\.pth: weights of an unknown network \(layer\.weight'):
        choose_recipe(40, None, str(tmp_path / 'w.pth'))
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        choose_recipe(40, None, str(tmp_path / 'nothing.pth'))
