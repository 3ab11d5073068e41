import itertools
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from mmseg_wsss.engine.hooks import SeedStatisticsHook
from mmseg_wsss.models.losses import PNHybridLoss

# A message hub lives as long as the process: every test has one of its own.
NUMBERS = itertools.count()


def model():
    heads = nn.Module()
    heads.decode_head = nn.Module()
    heads.decode_head.loss_decode = nn.ModuleList([PNHybridLoss(), PNHybridLoss()])
    heads.auxiliary_head = nn.ModuleList([nn.Module()])
    heads.auxiliary_head[0].loss_decode = PNHybridLoss()
    return heads


@pytest.fixture
def runner():
    hub = MessageHub.get_instance(f'statistics-{next(NUMBERS)}')
    return SimpleNamespace(model=model(), message_hub=hub, iter=9)


def scalars(runner):
    return {k: v.current() for k, v in runner.message_hub.log_scalars.items()}


def test_first_loss_of_each_head_is_logged(runner):
    logits = torch.zeros(1, 3, 1, 4)
    logits[0, 1] = 1
    decode, aux = runner.model.decode_head.loss_decode, runner.model.auxiliary_head[0].loss_decode
    decode[0](logits, torch.tensor([[[1, 0, 257, 256]]]))
    decode[1](logits, torch.tensor([[[1, 1, 1, 1]]]))
    aux(logits, torch.tensor([[[1, 1, 1, 255]]]))
    SeedStatisticsHook().after_train_iter(runner, 9)
    assert scalars(runner) == {
        'train/decode.clean_share': 0.5,
        'train/decode.noisy_share': 0.5,
        'train/decode.clean_right': 0.5,
        'train/decode.noisy_left': 0.5,
        'train/aux_0.clean_share': 0.75,
        'train/aux_0.noisy_share': 0.0,
        'train/aux_0.clean_right': 1.0,
    }


def test_only_every_interval_and_only_what_is_asked_for(runner):
    runner.model = nn.ModuleDict({'module': runner.model})  # as a wrapped model names its parts
    loss = runner.model['module'].decode_head.loss_decode[0]
    loss(torch.zeros(1, 3, 1, 2), torch.tensor([[[1, 1]]]))
    hook = SeedStatisticsHook(interval=4, statistics=('clean_share',))
    hook.after_train_iter(runner, 9)
    assert not scalars(runner)
    runner.iter = 11
    hook.after_train_iter(runner, 11)
    assert scalars(runner) == {'train/decode.clean_share': 1.0}


def test_wrong_interval():
    with pytest.raises(ValueError, match='interval'):
        SeedStatisticsHook(interval=0)
