"""The check that a training brings what its losses read."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmseg_wsss.checks.configs import check_config
from mmseg_wsss.checks.losses import check_losses

VOTES = dict(type='PNHybridLoss', direct='losers', direct_gate='all')
TAGS = dict(type='PNHybridLoss', tag_set_weight=1.0)
LOAD = dict(type='LoadSeedAnnotations', agreement_threshold=2)
HOOK = dict(type='TagsToLossHook')


def config_of(loss: dict | list, **more) -> dict:
    init_default_scope('mmseg')
    return dict(model=dict(decode_head=dict(loss_decode=loss)), **more)


@pytest.mark.parametrize(
    ('loss', 'where'),
    [
        (VOTES, 'loss_decode'),
        (dict(VOTES, type='mmseg_wsss.PNHybridLoss'), 'loss_decode'),
        ([dict(type='CrossEntropyLoss'), VOTES], 'loss_decode.1'),
        (dict(type='FilteredLoss', loss=VOTES), 'loss_decode.loss'),
        (dict(type='PNHybridLoss', noisy_set_weight=1.0), 'loss_decode'),
    ],
)
def test_losing_votes_are_asked_for(loss, where):
    (problem,) = check_losses(config_of(loss), dict(pipeline=[LOAD]))
    assert problem.startswith(f'model.decode_head.{where}: PNHybridLoss learns from losing votes')
    assert not check_losses(config_of(loss), dict(pipeline=[dict(LOAD, losing_votes=True)]))


def test_tags_need_the_data_set_and_the_hook():
    data = dict(pipeline=[LOAD], tags='records')
    assert not check_losses(config_of(TAGS, custom_hooks=[HOOK]), data)
    for config, dataset in (
        (config_of(TAGS), data),
        (config_of(TAGS, custom_hooks=[HOOK]), dict(pipeline=[LOAD])),
    ):
        (problem,) = check_losses(config, dataset)
        assert 'TagsToLossHook' in problem and "tags='records'" in problem


def test_other_losses_ask_for_nothing():
    for loss in (dict(type='PNHybridLoss'), dict(type='CrossEntropyLoss')):
        assert not check_losses(config_of(loss), dict(pipeline=[LOAD]))
    assert not check_losses({}, {})


def test_an_option_that_a_loss_refuses_is_a_problem():
    (problem,) = check_losses(config_of(dict(type='PNHybridLoss', direct='loser')), {})
    assert 'loser' in problem


def test_the_check_of_a_config_says_it(tmp_path: Path):
    ids = ('a', 'b')
    write_images(tmp_path / 'data', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    write_split(tmp_path / 'train.txt', ids)
    dataset = dict(
        type='FolderSeedDataset',
        data_root=str(tmp_path / 'data'),
        seed_root=str(tmp_path / 'seeds'),
        ann_file=str(tmp_path / 'train.txt'),
        data_prefix=dict(img_path='JPEGImages'),
        pipeline=[dict(type='LoadImageFromFile'), LOAD],
    )
    config = Config(config_of(VOTES, train_dataloader=dict(dataset=dataset)))
    (report,) = check_config(config, workers=1)
    assert any('learns from losing votes' in problem for problem in report.problems)
