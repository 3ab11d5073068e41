"""The configs that only the study uses train and test one step."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from test_configs import (
    SIZE,
    build,
    classification_batch,
    load,
    num_classes_of,
    segmentation_batch,
    shrink,
)

from mmseg_wsss.utils.initial_weights import find_initial_weights

CONFIGS = (
    'cls_resnet50_voc_animals.py',
    'deeplabv2_r50_voc_animals.py',
    'segformer-head_r50_voc_animals.py',
    'segformer-head_mobilenetv2_voc_animals.py',
)


def test_there_are_no_others(root):
    assert {path.name for path in (root / 'configs/experiments').glob('*.py')} == set(CONFIGS)


@pytest.mark.parametrize('name', CONFIGS)
def test_trains_and_tests_one_step(name):
    config = load(f'experiments/{name}')
    model, number = build(config), num_classes_of(config)
    assert number == 7
    if name.startswith('cls'):
        batch = classification_batch(number - 1)
    else:
        shrink(model, config)
        batch = segmentation_batch(number, True)
    model.train()
    losses = model.train_step(batch, build_optim_wrapper(model, config.optim_wrapper))
    assert losses['loss'].isfinite() and losses['loss'] > 0
    model.eval()
    for sample in model.test_step(batch):
        if name.startswith('cls'):
            assert sample.pred_score.shape == (number - 1,)
        else:
            assert sample.pred_sem_seg.data.shape == torch.Size([1, SIZE, SIZE])
    ends = [scheduler['end'] for scheduler in config.param_scheduler]
    assert ends[-1] == config.train_cfg.get('max_iters', config.train_cfg.get('max_epochs'))
    (weights,) = find_initial_weights(config)
    assert weights.name.startswith('weights/')
